/**
 * Does work that nobody waits for while a loop has had no turn for some milliseconds, in slices that are short
 * enough to delay no turn noticeably.
 * @module
 */
import type { Clock } from "@/engine/run/clock.ts";

/** Milliseconds without a turn after which the loop is idle. */
const IDLE_MS = 3;
/** The longest slice of work, and the most pieces of it if the clock does not move. */
const SLICE_MS = 1;
const PIECES_MAX = 64;

/** The idle work of one loop. */
export class IdleWork {
  readonly #clock: Clock;
  /** Does one piece; returns false if there is none. */
  readonly #work: () => boolean;
  #turnMs = -Infinity;
  #forget: (() => void) | undefined;
  #isStopped = false;

  /** Begins as soon as nothing happens; `work` does one piece, and returns false if there is none. */
  constructor(clock: Clock, work: () => boolean) {
    this.#clock = clock;
    this.#work = work;
    this.turned();
  }

  /** Records a turn of the loop, after which there may be work again. */
  turned(): void {
    this.#turnMs = this.#clock.nowMs();
    if (this.#forget || this.#isStopped) return;
    this.#wait(IDLE_MS);
  }

  /** Ends the work. */
  stop(): void {
    this.#isStopped = true;
    this.#forget?.();
    this.#forget = undefined;
  }

  #wait(delayMs: number): void {
    this.#forget = this.#clock.after(delayMs, () => {
      this.#forget = undefined;
      const nowMs = this.#clock.nowMs();
      const restMs = this.#turnMs + IDLE_MS - nowMs;
      if (restMs > 0) return this.#wait(restMs);
      let isLeft = true;
      for (let n = 0; n < PIECES_MAX && isLeft; n++) {
        isLeft = this.#work();
        if (this.#clock.nowMs() - nowMs >= SLICE_MS) break;
      }
      // The next slice lets timers and sockets have their turn.
      if (isLeft) this.#wait(SLICE_MS);
    });
  }
}
