/**
 * Tunnels of a client that authenticate again before their IKE SA ends (`reauthmode: make`): another IKE SA
 * is set up, takes over the CHILD_SAs, and the previous one is closed. `renewals.ts` knows which IKE SAs
 * these are.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import type { DialWindow } from "@/engine/load/dial_window.ts";
import type { Redirects } from "@/engine/load/redirects.ts";
import type { PlannedOutages } from "@/engine/load/planned_outages.ts";
import { type Renewal, Renewals } from "@/engine/load/renewals.ts";
import { failureOf } from "@/engine/load/tunnel_failure.ts";
import { type ClientPlan, pathOfTunnel, type RunPlan } from "@/engine/run/plan.ts";
import { alarm, type RunContext } from "@/engine/run/run_context.ts";
import { showChildren, showInner, showKeyExchanges, showSa } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";

/** Ends of an IKE SA that are meant for its tunnel, so that the next IKE SA ends too. */
const WHOLE_TUNNEL: ReadonlySet<number> = new Set([
  CloseCode.FLAPPED,
  CloseCode.STOPPED,
  CloseCode.REDIRECTED,
]);

/** What the client does for tunnels that authenticate again. */
export interface RenewalClient {
  readonly plan: ClientPlan & RunPlan;
  readonly window: DialWindow;
  readonly redirects: Redirects;
  readonly outages: PlannedOutages;
  /** Dials a tunnel again as soon as there is room. */
  readonly dialAgain: (index: number, nowMs: number) => void;
  /** Hears that a set-up has ended, so that there is room for another. */
  readonly settled: (nowMs: number) => void;
}

/** What the end of an IKE SA means for its tunnel. */
export type TunnelAfterEnd =
  | { readonly kind: "ended" | "goes on" }
  /** The tunnel is down, and an IKE SA is being set up for it. */
  | { readonly kind: "dialled"; readonly tries: number };

/** The tunnels that authenticate again while they are up. */
export class MakeBeforeBreak {
  readonly #context: RunContext;
  readonly #client: RenewalClient;
  readonly #renewals = new Renewals();
  /** Number of IKE SAs that are being set up. */
  dialling = 0;

  constructor(context: RunContext, client: RenewalClient) {
    this.#context = context;
    this.#client = client;
  }

  /** Whether an IKE SA has its tunnel now, and not only later or until a moment ago. */
  hasTunnel(sa: IkeSa): boolean {
    return !this.#renewals.isNext(sa) && !this.#renewals.isLeaving(sa);
  }

  /** Records a rekey. */
  replaced(sa: IkeSa, by: IkeSa): void {
    this.#renewals.replaced(sa, by);
  }

  /** Begins to authenticate the tunnel of an IKE SA again. */
  begin(sa: IkeSa, nowMs: number): void {
    if (this.#renewals.begin(sa)) this.#client.dialAgain(sa.index, nowMs);
  }

  /** Dials the next IKE SA of a tunnel, where one is to be set up; returns whether it is. */
  dial(index: number): boolean {
    const renewal = this.#renewals.toDial(index);
    if (!renewal) return false;
    const { old } = renewal;
    const { ownAddress, peerAddress } = old.path;
    const planned = pathOfTunnel(this.#client.plan, index);
    const usual = old.peer.mobility ? { ...planned, ownAddress, peerAddress } : planned;
    const redirected = this.#client.redirects.takeNext(index);
    const path = redirected ? { ...usual, peerAddress: redirected.address } : usual;
    const trail = redirected && { trail: redirected.trail };
    renewal.tries++;
    this.dialling++;
    const next = this.#context.loop.initiate({
      index,
      path,
      introduce: false,
      renews: old,
      ...trail,
    });
    renewal.next = next;
    this.#client.window.dialled(index, next.startedMs);
    return true;
  }

  /**
   * Handles that an IKE SA is established; returns false if it is not the next one of a tunnel. The previous
   * one is closed when all CHILD_SAs are replaced.
   */
  established(sa: IkeSa, nowMs: number): boolean {
    const renewal = this.#renewals.of(sa);
    if (renewal?.next !== sa) return false;
    renewal.isUp = true;
    this.dialling--;
    const setupMs = nowMs - sa.startedMs;
    this.#client.window.established(sa.index, nowMs);
    this.#context.events.publish(
      4,
      () =>
        `Tunnel ${sa.index} authenticated again: ${showSa(sa)}, ${showChildren(sa.children)}` +
        `${showKeyExchanges(sa)}${showInner(sa)}, ${showDuration(Math.round(setupMs * 10) / 10)}`,
    );
    if (!this.#context.ending) this.#client.settled(nowMs);
    return true;
  }

  /** Closes `old`, as another IKE SA has taken over its tunnel. */
  renewed(old: IkeSa, sa: IkeSa): void {
    const renewal = this.#renewals.of(sa);
    if (renewal?.next !== sa) return;
    this.#renewals.end(renewal, old);
    this.#context.tally.reauthentications++;
    this.#client.outages.replaced(old, sa);
    this.#context.loop.command(old, { kind: "close", closeCode: CloseCode.REAUTHENTICATED });
  }

  /** Handles the end of an IKE SA, and says what has become of its tunnel. */
  closed(sa: IkeSa, nowMs: number): TunnelAfterEnd {
    if (this.#renewals.isLeaving(sa)) {
      const text = () => `Tunnel ${sa.index} goes on without an IKE SA of before: ${showSa(sa)}`;
      this.#context.events.publish(4, text);
      return { kind: "goes on" };
    }
    const renewal = this.#renewals.of(sa);
    if (!renewal) return { kind: "ended" };
    if (renewal.next !== sa) return this.#oldClosed(renewal, sa);
    this.#nextFailed(renewal, sa, nowMs);
    return { kind: "goes on" };
  }

  /** Handles the end of the next IKE SA; the previous one still has the tunnel. */
  #nextFailed(renewal: Renewal, sa: IkeSa, nowMs: number): void {
    const { ending } = this.#context;
    const { index } = sa;
    if (!renewal.isUp) this.#setupEnded(index);
    renewal.next = undefined;
    renewal.isUp = false;
    if (ending) return this.#renewals.end(renewal);
    if (sa.closeCode === CloseCode.REDIRECTED) return this.#nextRedirected(renewal, sa);
    this.#tryFailed(renewal, sa, nowMs);
  }

  /** Dials the gateway to which the next IKE SA was redirected, which does not count as another try. */
  #nextRedirected(renewal: Renewal, sa: IkeSa): void {
    renewal.tries--;
    const isOver = () => this.#renewals.toDial(sa.index) !== renewal || this.#context.ending;
    this.#client.redirects.resolve(sa, false, {
      found: (laterMs) => {
        if (!isOver()) this.#client.dialAgain(sa.index, laterMs);
      },
      failed: (laterMs) => {
        if (isOver()) return;
        renewal.tries++;
        this.#tryFailed(renewal, sa, laterMs);
      },
    });
  }

  /** Tries again after a pause, or leaves the tunnel to its IKE SA. */
  #tryFailed(renewal: Renewal, sa: IkeSa, nowMs: number): void {
    const { events } = this.#context;
    const { index } = sa;
    const { triesMax, retryIntervalMs } = this.#client.plan;
    const words = `Tunnel ${index} could not authenticate again (try ${renewal.tries} of ` +
      `${triesMax}): ${failureOf(sa, "before it was complete").text}`;
    if (renewal.tries < triesMax) {
      events.publish(3, `${words}; next try in ${showDuration(retryIntervalMs)}`);
      this.#retryLater(renewal, nowMs + retryIntervalMs);
    } else {
      this.#renewals.end(renewal);
      events.publish(2, `${words}; it goes on until its gateway ends it`);
    }
    this.#client.settled(nowMs);
  }

  #retryLater(renewal: Renewal, atMs: number): void {
    const { index } = renewal.old;
    const again = alarm((nowMs) => {
      if (this.#renewals.toDial(index) !== renewal || this.#context.ending) return;
      this.#client.dialAgain(index, nowMs);
    });
    again.deadlineMs = atMs;
    this.#context.loop.arm(again);
  }

  /** Handles the end of the IKE SA that has the tunnel before the next one has taken it over. */
  #oldClosed(renewal: Renewal, sa: IkeSa): TunnelAfterEnd {
    const { next, isUp } = renewal;
    const { loop, ending, tally } = this.#context;
    const wasToGo = WHOLE_TUNNEL.has(sa.closeCode);
    if (!next || ending || wasToGo) {
      this.#renewals.end(renewal, next);
      if (next && !isUp) this.#setupEnded(sa.index);
      if (next) loop.command(next, { kind: "close", closeCode: CloseCode.STOPPED });
      return { kind: "ended" };
    }
    this.#renewals.end(renewal);
    this.#context.events.publish(
      4,
      () => `Tunnel ${sa.index} lost its IKE SA while it authenticated again: ${showSa(sa)}`,
    );
    if (isUp) {
      tally.reauthentications++;
      this.#client.outages.replaced(sa, next);
      return { kind: "goes on" };
    }
    // From now on this is the set-up of the tunnel itself, which still counts in the window.
    this.dialling--;
    return { kind: "dialled", tries: renewal.tries };
  }

  #setupEnded(index: number): void {
    this.dialling--;
    this.#client.window.failed(index);
  }
}
