/**
 * How many tunnels may be on their way at a time. Where the setup does not say it, it follows the
 * peer: more than it can answer at once would only wait in queues, be repeated and be lost there. What
 * tells is the time that set-ups take, not messages that are lost, which a bad line does as well.
 * @module
 */

/** Set-ups of one judgement, and how long it lasts at least. */
const SETUPS_MIN = 32, PERIOD_MS = 250;
/** Set-ups that take this much longer than the quickest did have waited. */
const WAIT_MAX_MS = 500;
/** Tunnels that are always allowed. */
const SIZE_MIN = 32;
/** Factors by which the window becomes smaller, and larger again. */
const LESS = 0.7, MORE = 1.25;

/** A window for the tunnels of one client. */
export class DialWindow {
  readonly #max: number;
  #size: number;
  #quickestMs = Infinity;
  #setups = 0;
  #waited = 0;
  #sinceMs = -Infinity;

  /** Opens with `max`; `adapts` false: it stays so. */
  constructor(max: number, readonly adapts: boolean) {
    this.#max = max;
    this.#size = max;
  }

  /** Tunnels that may be on their way. */
  get size(): number {
    return this.#size;
  }

  /** A tunnel came up, so many milliseconds after its first message. */
  established(setupMs: number, nowMs: number): void {
    if (!this.adapts) return;
    this.#quickestMs = Math.min(this.#quickestMs, setupMs);
    this.#setups++;
    if (setupMs > this.#quickestMs + WAIT_MAX_MS) this.#waited++;
    if (this.#setups < SETUPS_MIN || nowMs - this.#sinceMs < PERIOD_MS) return;
    const smallest = Math.min(SIZE_MIN, this.#max);
    this.#size = 2 * this.#waited > this.#setups
      ? Math.max(smallest, Math.floor(this.#size * LESS))
      : Math.min(this.#max, Math.ceil(this.#size * MORE));
    this.#setups = this.#waited = 0;
    this.#sinceMs = nowMs;
  }
}
