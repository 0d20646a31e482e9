/**
 * Limits the number of tunnels that are set up at a time. Unless the setup fixes it, it adapts to the peer,
 * as more than it can answer would only wait in its queues, be repeated and be lost. The measure is the time
 * that set-ups take, not lost messages, which also a bad network causes.
 * @module
 */

/** Number of set-ups after which the window is adapted, and the shortest time between two adaptations. */
const SETUPS_MIN = 32;
const PERIOD_MS = 250;
/** A set-up that takes this much longer than the quickest has waited in queues. */
const WAIT_MAX_MS = 500;
/** The least size of the window. */
const SIZE_MIN = 32;
/** Factors by which the window is reduced and increased. */
const SHRINK_FACTOR = 0.7;
const GROW_FACTOR = 1.25;

/** The window of one client. */
export class DialWindow {
  readonly #max: number;
  #size: number;
  #quickestMs = Infinity;
  #setups = 0;
  #waited = 0;
  #sinceMs = -Infinity;

  /** Begins with size `max`; if `adapts` is false, it stays so. */
  constructor(max: number, readonly adapts: boolean) {
    this.#max = max;
    this.#size = max;
  }

  /** The most tunnels that may be set up at a time. */
  get size(): number {
    return this.#size;
  }

  /** Records that a tunnel was established `setupMs` after its first message. */
  established(setupMs: number, nowMs: number): void {
    if (!this.adapts) return;
    this.#quickestMs = Math.min(this.#quickestMs, setupMs);
    this.#setups++;
    if (setupMs > this.#quickestMs + WAIT_MAX_MS) this.#waited++;
    if (this.#setups < SETUPS_MIN || nowMs - this.#sinceMs < PERIOD_MS) return;
    const smallest = Math.min(SIZE_MIN, this.#max);
    this.#size = 2 * this.#waited > this.#setups
      ? Math.max(smallest, Math.floor(this.#size * SHRINK_FACTOR))
      : Math.min(this.#max, Math.ceil(this.#size * GROW_FACTOR));
    this.#setups = this.#waited = 0;
    this.#sinceMs = nowMs;
  }
}
