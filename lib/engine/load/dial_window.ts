/**
 * Limits the number of tunnels that are set up at a time, so that a peer is kept busy and its queues short:
 * what waits in a queue is repeated, and what finds it full is lost. The window begins small and grows with
 * every answer until set-ups wait (slow start); then it follows the time that they take, so that the peer
 * always has work for about {@linkcode QUEUE_MS} before it.
 *
 * With a window of W and a peer that completes R set-ups a second, a set-up takes W / R seconds by Little's
 * law, or the time of an idle peer if that is longer. So the window that gives a set-up a certain time is
 * the present one times that time over the measured one.
 * @module
 */

/** Size at the beginning. */
const SIZE_FIRST = 16;
/** The least size. */
const SIZE_MIN = 4;
/** How long a set-up may wait in the peer's queues: as long as it takes an idle peer, and so long at least. */
const QUEUE_MS = 100;
/** Number of set-ups of which the time is measured before the size changes, and of a window the part. */
const SAMPLES_MIN = 16;
const SAMPLES_OF_WINDOW = 0.5;
/** Limits of one change. */
const SHRINK_MAX = 0.6;
const GROW_MAX = 1.25;
/** The size changes by this power of what was measured, as each measure is of a few set-ups. */
const DAMPING = 0.7;
/** In slow start the time is an average that each set-up moves by this part. */
const SMOOTHING = 1 / 8;
/**
 * A set-up that takes longer than this, and so many times as long as wanted, is taken for lost: another one
 * may take its place, as it may wait for its retransmission, or for ever.
 */
const STALE_MIN_MS = 1_000;
const STALE_FACTOR = 4;
/** The part of set-ups that may be lost before the window shrinks; so many a bad network loses, too. */
const LOSS_MAX = 0.25;
/** The factor by which the window shrinks then, not below its first size. */
const LOSS_FACTOR = 0.6;
/** After so many set-ups, those that ended before count half. */
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
  /** The time of a set-up with an idle peer, as far as it is known. */
  #idleMs = Infinity;
  /** The average time in slow start; undefined: there was no set-up yet. */
  #averageMs: number | undefined;
  /** When the size was changed: only set-ups that began later tell of it. */
  #changedMs = -Infinity;
  /** Set-ups since then: their number, and the sum of their times. */
  #samples = 0;
  #sumMs = 0;
  /** When the window shrank for loss; how many ended that began later, and how many were taken for lost. */
  #fellMs = -Infinity;
  #ended = 0;
  #lost = 0;
  /** Until then a window that shrank for loss does not grow, as what is lost now is not known earlier. */
  #holdUntilMs = -Infinity;
  /** Whether the window was full since then. */
  #wasFull = false;
  /** When each tunnel was dialled that is being set up and not taken for lost, the earliest first. */
  readonly #dialled = new Map<number, number>();
  /** When tunnels that are taken for lost were dialled. */
  readonly #stale = new Map<number, number>();

  constructor({ max, adapts }: DialWindowOptions) {
    this.#max = max;
    this.#adapts = adapts;
    this.#isSlowStart = adapts;
    this.#size = adapts ? Math.min(max, SIZE_FIRST) : max;
  }

  /** The number of tunnels that are set up at a time, beside those that are taken for lost. */
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
    // One that was taken for lost is counted as such, and its time has that of a retransmission in it.
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

  /** The window shrinks where more is lost than a bad network loses, once for all that was on its way. */
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

  /** Slow start: an answer makes room for two, until set-ups wait. */
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
    // At its least size the peer has no queue of ours: this is the time it takes now.
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
