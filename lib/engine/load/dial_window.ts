/**
 * Limits the number of tunnels that are set up at a time, so that the peer is busy and its queues are short:
 * a request that waits in a queue for long is repeated, and one that finds the queue full is lost. The window
 * is small at first and grows with every answer until set-ups have to wait (slow start). Then it follows the
 * time that set-ups take, so that the peer always has work for about {@linkcode QUEUE_MS}.
 *
 * With a window of W and a peer that completes R set-ups a second, a set-up takes W / R seconds by Little's
 * law, or as long as with an idle peer if that is longer. So the window with which a set-up takes a wanted
 * time is the present window times the wanted time over the measured one.
 * @module
 */

/** Size at the beginning. */
const SIZE_FIRST = 16;
/** The least size. */
const SIZE_MIN = 4;
/**
 * The least time for which a set-up may wait in the peer's queues; it may wait for as long as it takes with
 * an idle peer, if that is longer.
 */
const QUEUE_MS = 100;
/** The size changes after so many set-ups were measured, and after this part of a window. */
const SAMPLES_MIN = 16;
const SAMPLES_OF_WINDOW = 0.5;
/** Limits of one change. */
const SHRINK_MAX = 0.6;
const GROW_MAX = 1.25;
/**
 * The exponent of the measured ratio by which the size changes; it is below 1 as each measurement is of a few
 * set-ups.
 */
const DAMPING = 0.7;
/** The weight of each set-up in the average time of slow start. */
const SMOOTHING = 1 / 8;
/**
 * A set-up counts as lost if it takes longer than this, and longer than this multiple of the wanted time.
 * Another one may take its place then, as it may have to wait for a retransmission, or for ever.
 */
const STALE_MIN_MS = 1_000;
const STALE_FACTOR = 4;
/** The fraction of set-ups that may be lost before the window shrinks; a bad network loses as many. */
const LOSS_MAX = 0.25;
/** The factor by which the window shrinks then; it does not become smaller than its first size. */
const LOSS_FACTOR = 0.6;
/** After so many set-ups, the earlier ones count half. */
const ENDS_MAX = 1_000;

/** Options of a window. */
export interface DialWindowOptions {
  /** The largest size. */
  readonly max: number;
  /** Whether the size follows the peer; otherwise it is always `max`. */
  readonly adapts: boolean;
}

/** The window of one client. Times are in milliseconds. */
export class DialWindow {
  readonly #max: number;
  readonly #adapts: boolean;
  #size: number;
  #isSlowStart: boolean;
  /** The shortest time of a set-up so far, which is taken for that with an idle peer. */
  #idleMs = Infinity;
  /** The average time in slow start; undefined: there was no set-up yet. */
  #averageMs: number | undefined;
  /** When the size was changed; only set-ups that began later are measured. */
  #changedMs = -Infinity;
  /** Set-ups since then: their number, and the sum of their times. */
  #samples = 0;
  #sumMs = 0;
  /**
   * When the window shrank because of losses; how many set-ups that began later have ended, and how many of
   * them were lost.
   */
  #fellMs = -Infinity;
  #ended = 0;
  #lost = 0;
  /**
   * Until then a window that shrank because of losses does not grow, as present losses are only known later.
   */
  #holdUntilMs = -Infinity;
  /** Whether the window was full since then. */
  #wasFull = false;
  /** When each tunnel was dialled that is being set up and does not count as lost, the earliest first. */
  readonly #dialled = new Map<number, number>();
  /** When the tunnels were dialled that count as lost. */
  readonly #stale = new Map<number, number>();

  constructor({ max, adapts }: DialWindowOptions) {
    this.#max = max;
    this.#adapts = adapts;
    this.#isSlowStart = adapts;
    this.#size = adapts ? Math.min(max, SIZE_FIRST) : max;
  }

  /** The number of tunnels that are set up at a time, in addition to those that count as lost. */
  get size(): number {
    return this.#size;
  }

  /** Whether another tunnel may be dialled. */
  hasRoom(nowMs: number): boolean {
    this.#findStale(nowMs);
    const { size } = this.#dialled;
    if (size < this.#size && size + this.#stale.size < this.#max) return true;
    this.#wasFull = true;
    return false;
  }

  /** When a full window has room if nothing is answered until then; Infinity: never. */
  get roomMs(): number {
    if (!this.#adapts || this.#dialled.size + this.#stale.size >= this.#max) return Infinity;
    const [first] = this.#dialled.values();
    return first === undefined ? Infinity : first + this.#staleMs;
  }

  /** Records that a tunnel is dialled. */
  dialled(index: number, nowMs: number): void {
    this.#dialled.set(index, nowMs);
  }

  /** Records that a tunnel is established. */
  established(index: number, nowMs: number): void {
    const sinceMs = this.#dialled.get(index);
    this.#forget(index);
    // A set-up that counted as lost is not measured, as its time includes that of a retransmission.
    if (!this.#adapts || sinceMs === undefined) return;
    const setupMs = nowMs - sinceMs;
    if (sinceMs >= this.#fellMs) this.#ended++;
    this.#idleMs = Math.min(this.#idleMs, setupMs);
    if (this.#isSlowStart) return this.#growFast(setupMs, nowMs);
    if (sinceMs < this.#changedMs) return;
    this.#samples++;
    this.#sumMs += setupMs;
    this.#adapt(nowMs);
  }

  /** Records that the set-up of a tunnel has ended without success. */
  failed(index: number): void {
    this.#forget(index);
  }

  /** How long a set-up should take. */
  get #wantedMs(): number {
    return this.#idleMs + Math.max(QUEUE_MS, this.#idleMs);
  }

  get #staleMs(): number {
    if (this.#idleMs === Infinity) return STALE_MIN_MS;
    return Math.max(STALE_MIN_MS, STALE_FACTOR * this.#wantedMs);
  }

  #forget(index: number): void {
    if (!this.#dialled.delete(index)) this.#stale.delete(index);
  }

  #findStale(nowMs: number): void {
    if (!this.#adapts) return;
    const staleMs = this.#staleMs;
    for (const [index, sinceMs] of this.#dialled) {
      if (nowMs < sinceMs + staleMs) break;
      this.#dialled.delete(index);
      this.#stale.set(index, sinceMs);
      if (sinceMs < this.#fellMs) continue;
      this.#ended++;
      this.#lost++;
    }
    this.#fallOnLoss(nowMs);
  }

  /**
   * Shrinks the window if more set-ups are lost than in a bad network, once for all that were in progress.
   */
  #fallOnLoss(nowMs: number): void {
    if (this.#lost > LOSS_MAX * Math.max(this.#ended, this.#size)) {
      this.#isSlowStart = false;
      this.#fellMs = nowMs;
      this.#holdUntilMs = nowMs + this.#staleMs;
      this.#ended = this.#lost = 0;
      const size = Math.max(Math.min(this.#size, SIZE_FIRST), this.#size * LOSS_FACTOR);
      this.#change(size / this.#size, nowMs);
    } else if (this.#ended > ENDS_MAX) {
      this.#ended /= 2;
      this.#lost /= 2;
    }
  }

  /** Slow start: each answer lets two set-ups begin, until set-ups have to wait. */
  #growFast(setupMs: number, nowMs: number): void {
    const averageMs = this.#averageMs ?? setupMs;
    this.#averageMs = averageMs + (setupMs - averageMs) * SMOOTHING;
    if (this.#averageMs > this.#wantedMs) {
      this.#isSlowStart = false;
      return this.#change(this.#wantedMs / this.#averageMs, nowMs);
    }
    if (this.#wasFull) this.#size = Math.min(this.#max, this.#size + 1);
  }

  #adapt(nowMs: number): void {
    if (this.#samples < Math.max(SAMPLES_MIN, SAMPLES_OF_WINDOW * this.#size)) return;
    const takesMs = this.#sumMs / this.#samples;
    // At the least size the peer has no queue of our requests, so that this is the present time with an idle
    // peer.
    if (this.#size === SIZE_MIN && takesMs > this.#wantedMs) this.#idleMs = takesMs;
    const factor = (this.#wantedMs / takesMs) ** DAMPING;
    const mayGrow = this.#wasFull && nowMs >= this.#holdUntilMs;
    this.#change(mayGrow ? factor : Math.min(1, factor), nowMs);
  }

  #change(factor: number, nowMs: number): void {
    const size = Math.round(this.#size * Math.min(GROW_MAX, Math.max(SHRINK_MAX, factor)));
    this.#size = Math.max(Math.min(SIZE_MIN, this.#max), Math.min(this.#max, size));
    this.#changedMs = nowMs;
    this.#samples = this.#sumMs = 0;
    this.#wasFull = false;
  }
}
