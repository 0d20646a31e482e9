/**
 * The client: creates tunnels at their pace, tries again those that fail, and knows what became of
 * each. A tunnel costs three octets here; its SA is the core's.
 * @module
 */
import type { Hearing } from "@/engine/run/part.ts";
import { showPath } from "@/base/address.ts";
import { showSpi64 } from "@/base/bytes.ts";
import { showDuration } from "@/base/duration.ts";
import { DialWindow } from "@/engine/load/dial_window.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";
import { Flapping } from "@/engine/load/flapping.ts";
import {
  alarm,
  type FlapCounts,
  type Floor,
  NO_FLAPS,
  type Role,
} from "@/engine/run/run_context.ts";
import { type ClientPlan, pathOfTunnel, type RunPlan } from "@/engine/run/plan.ts";
import { showChildren, showInner, showSa } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";
import { ownSpi } from "@/ike/records/ike_sa.ts";
import { nameOfCloseCode } from "@/engine/run/close_code.ts";

/** Where a tunnel stands. */
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

/** What a tunnel has been through: bits of `#past`. */
const Past = { ESTABLISHED: 1, LOST: 2 };

/** Losses after which a tunnel is tried again: nobody wanted it to end, and the peer may come back. */
const TRIED_AGAIN: ReadonlySet<number> = new Set([
  CloseCode.NO_ANSWER,
  CloseCode.LIVENESS_FAILED,
  CloseCode.HARD_EXPIRY,
]);

/** Tunnels that are dialled at once: then others have their turn. */
const DIALS_MAX = 32;

/** How far creation may catch up after the process was held up. */
const CATCH_UP_MS = 100;

/** See {@linkcode Role}. */
export class Client implements Role {
  readonly #floor: Floor;
  readonly #plan: ClientPlan & RunPlan;
  readonly #states: Uint8Array;
  /** Bits of {@linkcode Past}. */
  readonly #past: Uint8Array;
  readonly #tries: Uint16Array;
  readonly #flapping: Flapping | undefined;
  /** Tunnels whose flap is over: to be dialled as soon as there is room. */
  readonly #rebuild: number[] = [];
  /** The next tunnel that was never tried. */
  #next = 0;
  #nextMs = 0;
  /** Tunnels to be tried again, by time; from `#retryAt` on. */
  #retries: { readonly index: number; readonly atMs: number }[] = [];
  #retryAt = 0;
  /** Why the last try of a tunnel failed that is, or will be, tried again. */
  readonly #unsettled = new Map<number, { readonly sa: IkeSa; readonly words: string }>();
  #dialling = 0;
  #live = 0;
  #givenUp = 0;
  /**
   * The tunnel that says INITIAL_CONTACT for all where they share an identity (RFC 7296 §2.4). The
   * others wait for it: whoever is at the peer before it would be taken for a former life of ours.
   */
  #herald: IkeSa | undefined;
  #heralded = false;
  readonly #window: DialWindow;
  readonly #pace = alarm((nowMs) => this.#pump(nowMs));

  /** @throws {SetupError} where the last tunnel would have no address. */
  constructor(floor: Floor, plan: ClientPlan & RunPlan) {
    pathOfTunnel(plan, plan.tunnels - 1);
    this.#floor = floor;
    this.#plan = plan;
    this.#states = new Uint8Array(plan.tunnels);
    this.#past = new Uint8Array(plan.tunnels);
    this.#tries = new Uint16Array(plan.tunnels);
    this.#window = new DialWindow(plan.halfOpenMax, plan.halfOpenAdapts);
    this.#flapping = plan.flap && new Flapping(floor, plan.flap, (index, nowMs) => {
      this.#rebuild.push(index);
      this.#pump(nowMs);
    });
  }

  readonly hears: Hearing = {
    established: (_, sa, nowMs) => this.#established(sa, nowMs),
    // Tunnels are known by their index, which the new SA has too.
    replaced: ({ by }, sa) => this.#flapping?.replaced(sa, by),
    closed: (_, sa, nowMs) => this.#closed(sa, nowMs),
  };

  get halfOpen(): number {
    return this.#dialling;
  }

  get created(): number {
    return this.#next;
  }

  isTunnel(sa: IkeSa): boolean {
    return this.#states[sa.index] === State.LIVE;
  }

  /** What a client dials is a tunnel from the beginning. */
  firstOnItsWayMs(): undefined {}

  trouble(): string | undefined {
    for (const { words } of this.#unsettled.values()) return words;
  }

  get flapping(): FlapCounts {
    return this.#flapping ?? NO_FLAPS;
  }

  /** Who does not authenticate to a client has failed a tunnel of its own. */
  get strangers(): readonly [] {
    return [];
  }

  strangerSaid(level: EventLevel, text: string): void {
    this.#floor.events.publish(level, text);
  }

  begin(nowMs: number): void {
    this.#nextMs = nowMs;
    this.#pump(nowMs);
  }

  #established(sa: IkeSa, nowMs: number): void {
    const { tally, events, ending } = this.#floor;
    if (this.#states[sa.index] !== State.DIALLING) return;
    if (sa === this.#herald) this.#herald = undefined;
    this.#states[sa.index] = State.LIVE;
    this.#unsettled.delete(sa.index);
    this.#dialling--;
    this.#live++;
    const setupMs = nowMs - sa.startedMs;
    this.#window.established(setupMs, nowMs);
    this.#tries[sa.index] = 0; // a later loss begins to count anew
    const again = (this.#past[sa.index]! & Past.ESTABLISHED) !== 0;
    this.#past[sa.index]! |= Past.ESTABLISHED;
    if (!again) tally.countEstablished(setupMs, nowMs);
    this.#flapping?.established(sa, nowMs);
    events.publish(
      4,
      () =>
        `Tunnel ${sa.index} established${again ? " again" : ""}: ${showSa(sa)}, ${
          showChildren(sa.children)
        }${showInner(sa)}, ` +
        showDuration(Math.round(setupMs * 10) / 10),
    );
    if (!ending) this.#settled(nowMs);
  }

  #closed(sa: IkeSa, nowMs: number): void {
    if (sa.closeCode === CloseCode.REKEYED) return; // the tunnel goes on
    const state = this.#states[sa.index];
    if (sa === this.#herald) this.#herald = undefined;
    if (state === State.DIALLING) {
      this.#dialling--;
      if (this.#floor.ending) this.#states[sa.index] = State.CLOSED;
      else this.#tryFailed(sa, nowMs);
    } else if (state === State.LIVE) {
      this.#live--;
      this.#tunnelClosed(sa, nowMs);
    }
    if (!this.#floor.ending) this.#settled(nowMs);
  }

  ended(): void {
    for (const { sa, words } of this.#unsettled.values()) {
      if (this.#past[sa.index]! & Past.LOST) continue; // was counted when it was lost
      if (this.#flapping?.givenUp(sa.index)) this.#countLoss(sa.index);
      const failure = failureOf(sa, "before it was established");
      this.#floor.tunnelFailed(failure, `${words}; the test ended before the next try was through`);
    }
    this.#unsettled.clear();
  }

  shortfall(): string | undefined {
    const { tally } = this.#floor, { tunnels } = this.#plan;
    if (tally.established < tunnels) {
      return `${tally.established} of ${tunnels} tunnels established`;
    }
    const lost = this.#past.reduce((sum, past) => sum + (past & Past.LOST ? 1 : 0), 0);
    return lost > 0 ? `${lost} of ${tunnels} tunnels lost` : undefined;
  }

  /** Dials what may be dialled now, and sets the alarm for what may be dialled later. */
  #pump(nowMs: number): void {
    this.#pace.deadlineMs = Infinity;
    if (this.#floor.ending) return;
    const { tunnels, setupIntervalMs } = this.#plan, { size } = this.#window;
    let dialled = 0;
    while (this.#dialling < size && !this.#herald) {
      if (dialled++ === DIALS_MAX) return this.#floor.loop.soon((laterMs) => this.#pump(laterMs));
      const retry = this.#retries[this.#retryAt];
      if (retry && retry.atMs <= nowMs) {
        this.#takeRetry();
        this.#dial(retry.index);
      } else if (this.#rebuild.length > 0) {
        this.#dial(this.#rebuild.shift()!);
      } else if (this.#next < tunnels && this.#nextMs <= nowMs) {
        this.#nextMs = Math.max(this.#nextMs + setupIntervalMs, nowMs - CATCH_UP_MS);
        this.#dial(this.#next++);
      } else {
        break;
      }
    }
    // At the limit, or behind the herald, it is the end of a dialling tunnel that pumps again.
    if (this.#dialling >= size || this.#herald) return;
    const retryMs = this.#retries[this.#retryAt]?.atMs ?? Infinity;
    this.#pace.deadlineMs = Math.min(retryMs, this.#next < tunnels ? this.#nextMs : Infinity);
    this.#floor.loop.arm(this.#pace);
  }

  #takeRetry(): void {
    if (++this.#retryAt < 1_000) return;
    this.#retries = this.#retries.slice(this.#retryAt);
    this.#retryAt = 0;
  }

  #dial(index: number): void {
    this.#states[index] = State.DIALLING;
    this.#tries[index]!++;
    this.#dialling++;
    const path = pathOfTunnel(this.#plan, index);
    const shared = this.#identityIsShared();
    const sa = this.#floor.loop.initiate({ index, path, introduce: !shared || !this.#heralded });
    this.#floor.creationStarted(sa.startedMs);
    if (shared && sa.setup?.initialContact) this.#herald = sa;
    this.#heralded = true;
    this.#floor.events.publish(
      5,
      () =>
        `Tunnel ${index}: try ${this.#tries[index]}, ${showPath(sa.path)}, SPI ${
          showSpi64(ownSpi(sa))
        }`,
    );
  }

  #identityIsShared(): boolean {
    const { ownId } = this.#floor.loop.endpoint.config, { tunnels, addressStep } = this.#plan;
    return tunnels > 1 &&
      (ownId.kind === "fixed" || ownId.kind === "own-address" && addressStep === 0);
  }

  #tryFailed(sa: IkeSa, nowMs: number): void {
    const { index } = sa, { triesMax } = this.#plan;
    const failure = failureOf(sa, "before it was established");
    const tried = this.#tries[index]!;
    const words = `Tunnel ${index} failed (try ${tried} of ${triesMax}): ${failure.text}`;
    if (tried < triesMax) {
      this.#floor.tally.retries++;
      return this.#retryLater(sa, { words, said: words, nowMs });
    }
    this.#unsettled.delete(index);
    this.#states[index] = State.GIVEN_UP;
    const flapped = this.#flapping?.givenUp(index) ?? false;
    if (!(this.#past[index]! & Past.ESTABLISHED)) {
      this.#givenUp++;
      this.#floor.tunnelFailed(failure, words);
    } else if (flapped) {
      this.#countLoss(index);
      this.#floor.tunnelFailed(failure, `${words}; it had flapped`);
    } else {
      this.#floor.events.publish(2, `${words}; it had been lost before`);
    }
  }

  /** `words`: the failure that stands if no try is through in time; `said` is what is told now. */
  #retryLater(
    sa: IkeSa,
    { words, said, nowMs }: {
      readonly words: string;
      readonly said: string;
      readonly nowMs: number;
    },
  ): void {
    const { retryIntervalMs } = this.#plan;
    this.#states[sa.index] = State.RETRYING;
    this.#retries.push({ index: sa.index, atMs: nowMs + retryIntervalMs });
    this.#unsettled.set(sa.index, { sa, words });
    this.#floor.events.publish(3, `${said}; next try in ${showDuration(retryIntervalMs)}`);
  }

  /** An established tunnel is no more. */
  #tunnelClosed(sa: IkeSa, nowMs: number): void {
    const { index } = sa;
    const flapped = this.#flapping?.closed(sa, nowMs) ?? false;
    if (this.#floor.ending || flapped || sa.closeCode === CloseCode.STOPPED) {
      const goesOn = flapped && !this.#floor.ending;
      this.#states[index] = goesOn ? State.FLAPPED : State.CLOSED;
      const how = flapped ? `closed (${nameOfCloseCode(sa.closeCode)})` : "closed";
      this.#floor.events.publish(4, () => `Tunnel ${index} ${how}: ${showSa(sa)}`);
      return;
    }
    this.#states[index] = State.LOST;
    this.#countLoss(index);
    const failure = failureOf(sa, "after it was established");
    const words = `Tunnel ${index} lost: ${failure.text}; ${showSa(sa)}`;
    this.#floor.tunnelFailed(failure, words);
    // What the peer ended it does not want back; from one that went silent nobody knows.
    if (this.#floor.ending || !TRIED_AGAIN.has(sa.closeCode)) return;
    this.#retryLater(sa, { words, said: `Tunnel ${index} was lost`, nowMs });
  }

  #countLoss(index: number): void {
    this.#past[index]! |= Past.LOST;
    this.#floor.tally.lost++;
  }

  /** A tunnel came to rest: goes on with others, or notices that there are none. */
  #settled(nowMs: number): void {
    this.#pump(nowMs);
    const { tally } = this.#floor, { tunnels } = this.#plan;
    if (tally.established + this.#givenUp >= tunnels) this.#floor.creationFinished(nowMs);
    const waiting = this.#retries.length > this.#retryAt || this.#next < tunnels ||
      this.flapping.down > 0;
    if (!waiting && this.#dialling === 0 && this.#live === 0) this.#floor.nothingLeft();
  }
}

/** The core's words, or, where the peer just closed it, ours. */
function failureOf(sa: IkeSa, when: string): Failure {
  if (sa.failure) return sa.failure;
  const cause = nameOfCloseCode(sa.closeCode);
  const text = sa.closeCode === CloseCode.DELETED_BY_PEER
    ? `The peer deleted its IKE SA ${when}`
    : `Its IKE SA was closed ${when} (${cause})`;
  return { cause, closeCode: sa.closeCode, text };
}
