/**
 * Waits at the end of a test for the last answers to what was sent through the tunnels.
 * @module
 */
import type { Alarm } from "@/engine/run/core_loop.ts";
import { alarm } from "@/engine/run/run_context.ts";

/** The longest wait, in milliseconds. */
const WAIT_MS = 1_000;
/** Interval of looks whether answers are still outstanding, in milliseconds. */
const LOOK_MS = 20;

/** One wait. */
export class LastAnswers {
  readonly #outstanding: () => number;
  readonly #over: () => void;
  readonly #look: Alarm;
  #untilMs = 0;
  #isOver = false;

  /** `over` is called once, when nothing is outstanding or the time is up. */
  constructor(outstanding: () => number, over: () => void) {
    this.#outstanding = outstanding;
    this.#over = over;
    this.#look = alarm((nowMs) => {
      if (this.#outstanding() === 0 || nowMs >= this.#untilMs) return this.hurry();
      this.#look.deadlineMs = nowMs + LOOK_MS;
    });
  }

  /** Whether the wait is over. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Begins to wait, or ends at once if nothing is outstanding or nobody is patient. */
  begin(nowMs: number, isPatient: boolean, loop: { arm(alarm: Alarm): void }): void {
    if (this.#outstanding() === 0 || !isPatient) return this.hurry();
    this.#untilMs = nowMs + WAIT_MS;
    this.#look.deadlineMs = nowMs + LOOK_MS;
    loop.arm(this.#look);
  }

  /** Ends the wait at once. */
  hurry(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#look.deadlineMs = Infinity;
    this.#over();
  }
}
