/**
 * The client: creates tunnels at their configured rate, tries failed ones again, and knows the state of each.
 * A tunnel takes three octets here, as the core has its SA.
 * @module
 */
import type { EffectHandlers } from "@/engine/run/part.ts";
import { showPath } from "@/base/address.ts";
import { showSpi64 } from "@/base/bytes.ts";
import { showDuration } from "@/base/duration.ts";
import { DialQueue } from "@/engine/load/dial_queue.ts";
import { DialWindow } from "@/engine/load/dial_window.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";
import { Redirects } from "@/engine/load/redirects.ts";
import { Resumptions } from "@/engine/load/resumptions.ts";
import { PlannedOutages } from "@/engine/load/planned_outages.ts";
import { Reconnects } from "@/engine/load/reconnects.ts";
import { Flapping } from "@/engine/load/flapping.ts";
import { MakeBeforeBreak } from "@/engine/load/make_before_break.ts";
import { failureOf } from "@/engine/load/tunnel_failure.ts";
import { alarm, type FlapCounts, type Role, type RunContext } from "@/engine/run/run_context.ts";
import { type ClientPlan, ownTunnels, pathOfTunnel, type RunPlan } from "@/engine/run/plan.ts";
import { showChildren, showInner, showKeyExchanges, showSa } from "@/engine/show/sa_view.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { ownSpi } from "@/ike/records/ike_sa.ts";
import { nameOfCloseCode } from "@/engine/run/close_code.ts";

/** The state of a tunnel. */
const State = {
  WAITING: 0,
  DIALLING: 1,
  LIVE: 2,
  RETRYING: 3,
  GIVEN_UP: 4,
  LOST: 5,
  CLOSED: 6,
  FLAPPED: 7,
};

/** The past of a tunnel: bits of `#past`. */
const Past = { ESTABLISHED: 1, LOST: 2 };

/**
 * Close codes after which a lost tunnel is tried again, as nobody wanted it to end and the peer may return.
 */
const RETRIED_AFTER: ReadonlySet<number> = new Set([
  CloseCode.NO_ANSWER,
  CloseCode.LIVENESS_FAILED,
  CloseCode.HARD_EXPIRY,
  CloseCode.PEER_CRASHED,
]);

/** The most tunnels that are dialled before others have their turn. */
const DIALS_MAX = 32;

/** Whether all tunnels of a client have the same identity. */
export function sharesIdentity(
  { ownId }: IkeConfig,
  { tunnels, addressStep }: Pick<ClientPlan & RunPlan, "tunnels" | "addressStep">,
): boolean {
  return tunnels > 1 &&
    (ownId.kind === "fixed" || ownId.kind === "own-address" && addressStep === 0);
}

/** The tunnels of a client; see {@linkcode Role}. */
export class Client implements Role {
  readonly #context: RunContext;
  readonly #plan: ClientPlan & RunPlan;
  readonly #states: Uint8Array;
  /** For each tunnel bits of {@linkcode Past}. */
  readonly #past: Uint8Array;
  readonly #tries: Uint16Array;
  /** The tunnels that storms take down. */
  readonly reconnects: Reconnects;
  readonly #outages: PlannedOutages;
  /** Tunnels that are down to authenticate again, until they are up. */
  readonly #renewing = new Set<number>();
  /** Tunnels that authenticate again while they are up. */
  readonly #makeBeforeBreak: MakeBeforeBreak;
  readonly #redirects: Redirects;
  readonly #resumptions: Resumptions;
  /** For each tunnel that will be tried again, why its last try failed. */
  readonly #unsettled = new Map<number, { readonly sa: IkeSa; readonly words: string }>();
  #dialling = 0;
  /** Whether tunnels that are due wait for room in the window. */
  #isFull = false;
  #live = 0;
  #givenUp = 0;
  /**
   * The IKE SA that sends INITIAL_CONTACT on behalf of all tunnels that share an identity (RFC 7296 §2.4).
   * The other tunnels wait for it, as the peer would close those that were established earlier.
   */
  #initialContact: IkeSa | undefined;
  #heralded = false;
  readonly #queue: DialQueue;
  readonly #window: DialWindow;
  readonly #pace = alarm((nowMs) => this.#pump(nowMs));

  /** @throws {SetupError} if the last tunnel would have no address. */
  constructor(context: RunContext, plan: ClientPlan & RunPlan) {
    pathOfTunnel(plan, plan.tunnels - 1);
    this.#context = context;
    this.#plan = plan;
    this.#states = new Uint8Array(plan.tunnels);
    this.#past = new Uint8Array(plan.tunnels);
    this.#tries = new Uint16Array(plan.tunnels);
    this.#window = new DialWindow({ max: plan.halfOpenMax, adapts: plan.halfOpenAdapts });
    const pace = { intervalMs: plan.setupIntervalMs, load: plan.load };
    this.#queue = new DialQueue(plan.tunnels, pace, plan.slice);
    this.#redirects = new Redirects(context, plan);
    this.#resumptions = new Resumptions(context);
    const dialAgain = (index: number, nowMs: number) => this.#dialSoon(index, nowMs);
    this.reconnects = new Reconnects(context, dialAgain);
    const flapping = plan.flap && new Flapping(context, plan.flap, dialAgain);
    this.#outages = new PlannedOutages([flapping, this.reconnects]);
    this.#makeBeforeBreak = new MakeBeforeBreak(context, {
      plan,
      window: this.#window,
      redirects: this.#redirects,
      outages: this.#outages,
      dialAgain,
      settled: (nowMs) => this.#settled(nowMs),
    });
  }

  readonly handlers: EffectHandlers = {
    established: (_, sa, nowMs) => this.#established(sa, nowMs),
    // A tunnel is known by its index, which the new SA has too.
    replaced: ({ by }, sa) => {
      this.#outages.replaced(sa, by);
      this.#makeBeforeBreak.replaced(sa, by);
    },
    closed: (_, sa, nowMs) => this.#closed(sa, nowMs),
    redirected: (effect, sa) => this.#redirects.redirected(effect, sa),
    reauth_due: (_, sa, nowMs) => this.#reauthenticate(sa, nowMs),
    renewed: ({ old }, sa) => this.#makeBeforeBreak.renewed(old, sa),
    ticket_given: ({ ticket }, { index }) => this.#resumptions.given(index, ticket),
    keyed: (_, { index, peer, setup }) => {
      // The gateway has accepted the ticket.
      if (peer.resumed && setup) this.#resumptions.useless(index);
    },
    resumption_refused: (_, { index }) => this.#resumptions.useless(index),
  };

  get halfOpen(): number {
    return this.#dialling + this.#makeBeforeBreak.dialling;
  }

  get isPressed(): boolean {
    return this.#isFull;
  }

  get created(): number {
    return this.#queue.created;
  }

  isTunnel(sa: IkeSa): boolean {
    return this.#states[sa.index] === State.LIVE && this.#makeBeforeBreak.hasTunnel(sa);
  }

  /** Every SA that a client dials is a tunnel from the beginning, so that there is no such SA. */
  firstOnItsWayMs(): undefined {}

  trouble(): string | undefined {
    for (const { words } of this.#unsettled.values()) return words;
  }

  get flapping(): FlapCounts {
    return this.#outages;
  }

  /** A client has no strangers: a peer that does not authenticate has failed a tunnel. */
  get strangers(): readonly [] {
    return [];
  }

  strangerSaid(level: EventLevel, text: string): void {
    this.#context.events.publish(level, text);
  }

  begin(nowMs: number): void {
    this.#queue.begin(nowMs);
    this.#pump(nowMs);
  }

  #established(sa: IkeSa, nowMs: number): void {
    const { tally, events, ending } = this.#context;
    if (this.#makeBeforeBreak.established(sa, nowMs)) return;
    if (this.#states[sa.index] !== State.DIALLING) return;
    if (sa === this.#initialContact) this.#initialContact = undefined;
    this.#states[sa.index] = State.LIVE;
    this.#unsettled.delete(sa.index);
    this.#dialling--;
    this.#live++;
    const setupMs = nowMs - sa.startedMs;
    this.#window.established(sa.index, nowMs);
    this.#tries[sa.index] = 0; // After a later loss the tries are counted from 1 again.
    const again = (this.#past[sa.index]! & Past.ESTABLISHED) !== 0;
    this.#past[sa.index]! |= Past.ESTABLISHED;
    if (again) tally.setupAgainMs.add(setupMs);
    else tally.countEstablished(setupMs, nowMs, this.#queue.sinceDueMs(sa.index, nowMs));
    if (this.#renewing.delete(sa.index)) tally.reauthentications++;
    this.#redirects.established(sa.index);
    this.#resumptions.arrived(sa.index);
    this.#outages.established(sa, nowMs);
    events.publish(
      4,
      () =>
        `Tunnel ${sa.index} established${again ? " again" : ""}: ${showSa(sa)}, ${
          showChildren(sa.children)
        }${showKeyExchanges(sa)}${showInner(sa)}, ` +
        showDuration(Math.round(setupMs * 10) / 10),
    );
    if (!ending) this.#settled(nowMs);
  }

  #closed(sa: IkeSa, nowMs: number): void {
    if (sa.closeCode === CloseCode.REKEYED) return; // The tunnel continues by the new IKE SA.
    const after = this.#makeBeforeBreak.closed(sa, nowMs);
    if (after.kind === "goes on") return;
    if (after.kind === "dialled") return this.#isDialledAgain(sa, after.tries, nowMs);
    const state = this.#states[sa.index];
    if (sa === this.#initialContact) this.#initialContact = undefined;
    if (sa.closeCode === CloseCode.REDIRECTED && !this.#context.ending) {
      if (state === State.LIVE) this.#live--;
      else if (state === State.DIALLING) {
        this.#dialling--;
        this.#window.failed(sa.index);
      }
      this.#redirect(sa, state === State.LIVE);
    } else if (state === State.DIALLING) {
      this.#dialling--;
      this.#window.failed(sa.index);
      if (this.#context.ending) this.#states[sa.index] = State.CLOSED;
      else this.#tryFailed(sa, nowMs);
    } else if (state === State.LIVE) {
      this.#live--;
      this.#tunnelClosed(sa, nowMs);
    }
    if (!this.#context.ending) this.#settled(nowMs);
  }

  /** Lets a tunnel authenticate again, as its gateway demands it. */
  #reauthenticate(sa: IkeSa, nowMs: number): void {
    const { events, loop } = this.#context;
    events.publish(4, () => `Tunnel ${sa.index} authenticates again: ${showSa(sa)}`);
    if (!this.#plan.reauthMakes) {
      return loop.command(sa, { kind: "close", closeCode: CloseCode.REAUTHENTICATED });
    }
    this.#makeBeforeBreak.begin(sa, nowMs);
  }

  /** Handles that a tunnel is down while another IKE SA is being set up for it. */
  #isDialledAgain(sa: IkeSa, tries: number, nowMs: number): void {
    this.#outages.closed(sa, nowMs);
    this.#renewing.add(sa.index);
    this.#states[sa.index] = State.DIALLING;
    this.#tries[sa.index] = tries;
    this.#live--;
    this.#dialling++;
  }

  /** Dials the gateway to which the tunnel was redirected, which does not count as another try. */
  #redirect(sa: IkeSa, wasUp: boolean): void {
    const { index } = sa;
    this.#states[index] = State.FLAPPED;
    this.#tries[index] = Math.max(0, this.#tries[index]! - 1);
    this.#redirects.resolve(sa, wasUp, {
      found: (laterMs) => {
        if (!this.#context.ending) this.#dialSoon(index, laterMs);
      },
      failed: (laterMs) => {
        if (this.#context.ending) return;
        this.#tries[index]!++;
        this.#tryFailed(sa, laterMs);
        this.#settled(laterMs);
      },
    });
  }

  ended(): void {
    for (const { sa, words } of this.#unsettled.values()) {
      if (this.#past[sa.index]! & Past.LOST) continue; // It was counted when it was lost.
      const wasUp = this.#outages.givenUp(sa.index) || this.#renewing.has(sa.index) ||
        this.#redirects.wasUp(sa.index) || this.#resumptions.isAwaited(sa.index);
      if (wasUp) this.#countLoss(sa.index);
      const failure = failureOf(sa, "before it was established");
      this.#context.tunnelFailed(
        failure,
        `${words}; the test ended before the next try was through`,
      );
    }
    this.#unsettled.clear();
  }

  shortfall(): string | undefined {
    const { tally } = this.#context;
    const tunnels = ownTunnels(this.#plan);
    if (tally.established < tunnels) {
      return `${tally.established} of ${tunnels} tunnels established`;
    }
    const lost = this.#past.reduce((sum, past) => sum + (past & Past.LOST ? 1 : 0), 0);
    return lost > 0 ? `${lost} of ${tunnels} tunnels lost` : undefined;
  }

  /** Dials the tunnels that may be dialled now, and sets the alarm for later ones. */
  #pump(nowMs: number): void {
    this.#pace.deadlineMs = Infinity;
    this.#isFull = false;
    if (this.#context.ending) return;
    let dialled = 0;
    while (!this.#initialContact && this.#window.hasRoom(nowMs)) {
      if (dialled++ === DIALS_MAX) return this.#context.loop.soon((laterMs) => this.#pump(laterMs));
      const due = this.#queue.take(nowMs);
      if (!due) break;
      if (due.wasUp) this.#dialAgain(due.index, nowMs);
      else this.#dial(due.index, nowMs);
    }
    // Until the IKE SA with INITIAL_CONTACT is established, only the end of a set-up calls this again.
    if (this.#initialContact) return;
    const dueMs = this.#queue.dueMs(nowMs);
    if (dueMs === Infinity) return;
    const isFull = !this.#window.hasRoom(nowMs);
    this.#isFull = isFull && dueMs <= nowMs;
    this.#pace.deadlineMs = isFull ? Math.max(dueMs, this.#window.roomMs) : dueMs;
    this.#context.loop.armExactly(this.#pace);
  }

  #dialSoon(index: number, nowMs: number): void {
    this.#queue.dialAgain(index);
    this.#pump(nowMs);
  }

  /** Dials a tunnel that was up, or one that authenticates again while it is. */
  #dialAgain(index: number, nowMs: number): void {
    if (this.#makeBeforeBreak.dial(index)) return;
    // The tunnel may have been established or given up since it was put in the queue.
    if (this.#states[index] === State.FLAPPED) this.#dial(index, nowMs);
  }

  #dial(index: number, nowMs: number): void {
    this.#states[index] = State.DIALLING;
    this.#tries[index]!++;
    this.#dialling++;
    const { path, ...trail } = this.#redirects.pathOf(index);
    const shared = sharesIdentity(this.#context.loop.endpoint.config, this.#plan);
    // Where tunnels share an identity, that of the first worker introduces them all.
    const { shard } = this.#plan;
    const isFirst = !shard || shard.number === 0;
    const introduce = !shared || isFirst && !this.#heralded;
    const ticket = this.#resumptions.ticketFor(index, path, nowMs);
    const sa = this.#context.loop.initiate({ index, path, introduce, ticket, ...trail });
    this.#window.dialled(index, sa.startedMs);
    this.#context.creationStarted(sa.startedMs);
    if (shared && sa.setup?.initialContact) this.#initialContact = sa;
    this.#heralded = true;
    this.#context.events.publish(
      5,
      () =>
        `Tunnel ${index}: try ${this.#tries[index]}, ${showPath(sa.path)}, SPI ${
          showSpi64(ownSpi(sa))
        }`,
    );
  }

  #tryFailed(sa: IkeSa, nowMs: number): void {
    const { index } = sa;
    const { triesMax } = this.#plan;
    const failure = failureOf(sa, "before it was established");
    const tried = this.#tries[index]!;
    const words = `Tunnel ${index} failed (try ${tried} of ${triesMax}): ${failure.text}`;
    if (tried < triesMax) {
      this.#context.tally.retries++;
      this.#unsettled.set(index, { sa, words });
      return this.#retryLater(index, words, nowMs);
    }
    this.#unsettled.delete(index);
    this.#states[index] = State.GIVEN_UP;
    const flapped = this.#outages.givenUp(index);
    if (!(this.#past[index]! & Past.ESTABLISHED)) {
      this.#givenUp++;
      this.#context.tunnelFailed(failure, words);
    } else if (flapped || this.#renewing.delete(index) || this.#wasUp(index)) {
      this.#countLoss(index);
      const why = flapped
        ? "it had flapped"
        : this.#redirects.wasUp(index)
        ? "it was redirected"
        : this.#resumptions.isAwaited(index)
        ? "it was to be resumed"
        : "it was to authenticate again";
      this.#context.tunnelFailed(failure, `${words}; ${why}`);
    } else {
      this.#context.events.publish(2, `${words}; it had been lost before`);
    }
  }

  /** Whether a tunnel was up when it was sent away, or lost with a ticket, and is not up again. */
  #wasUp(index: number): boolean {
    return this.#redirects.wasUp(index) || this.#resumptions.isAwaited(index);
  }

  /** Tries a tunnel again after a pause; `why` is reported now. */
  #retryLater(index: number, why: string, nowMs: number): void {
    const { retryIntervalMs } = this.#plan;
    this.#states[index] = State.RETRYING;
    this.#queue.retry(index, nowMs + retryIntervalMs);
    this.#context.events.publish(3, `${why}; next try in ${showDuration(retryIntervalMs)}`);
  }

  /** Handles the end of an established tunnel. */
  #tunnelClosed(sa: IkeSa, nowMs: number): void {
    const { index } = sa;
    const flapped = this.#outages.closed(sa, nowMs);
    if (this.#context.ending || flapped || sa.closeCode === CloseCode.STOPPED) {
      const goesOn = flapped && !this.#context.ending;
      this.#states[index] = goesOn ? State.FLAPPED : State.CLOSED;
      const how = flapped ? `closed (${nameOfCloseCode(sa.closeCode)})` : "closed";
      this.#context.events.publish(4, () => `Tunnel ${index} ${how}: ${showSa(sa)}`);
      return;
    }
    if (sa.closeCode === CloseCode.REAUTHENTICATED) {
      // A resumption is no authentication.
      this.#resumptions.useless(index);
      this.#renewing.add(index);
      this.#states[index] = State.FLAPPED;
      this.#queue.dialAgain(index);
      return;
    }
    if (!this.#context.ending && this.#resumptions.begins(sa, nowMs)) {
      const why = failureOf(sa, "after it was established").text;
      this.#context.events.publish(3, `Tunnel ${index} is to be resumed: ${why}`);
      this.#states[index] = State.FLAPPED;
      this.#queue.dialAgain(index);
      return;
    }
    this.#states[index] = State.LOST;
    this.#countLoss(index);
    const failure = failureOf(sa, "after it was established");
    const words = `Tunnel ${index} lost: ${failure.text}; ${showSa(sa)}`;
    this.#context.tunnelFailed(failure, words);
    // A peer that has ended a tunnel does not want it; a silent peer may return.
    if (this.#context.ending || !RETRIED_AFTER.has(sa.closeCode)) return;
    this.#unsettled.set(index, { sa, words });
    this.#retryLater(index, `Tunnel ${index} was lost`, nowMs);
  }

  #countLoss(index: number): void {
    this.#past[index]! |= Past.LOST;
    this.#context.tally.lost++;
  }

  /** Continues after a tunnel was established or given up, or notices that it was the last. */
  #settled(nowMs: number): void {
    this.#pump(nowMs);
    const { tally } = this.#context;
    const tunnels = ownTunnels(this.#plan);
    if (tally.established + this.#givenUp >= tunnels) this.#context.creationFinished(nowMs);
    const isWaiting = !this.#queue.isEmpty || this.flapping.down > 0 ||
      this.#redirects.pending > 0;
    if (!isWaiting && this.halfOpen === 0 && this.#live === 0) this.#context.nothingLeft();
  }
}
