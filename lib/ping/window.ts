/**
 * Remembers when the last few requests of every task were sent, which may still be answered: one buffer for
 * all tasks, with eight octets for a request.
 * @module
 */

/** The least and the most requests of a task that may be unanswered at a time. */
const SLOTS_MIN = 2;
const SLOTS_MAX = 4096;
/** How long a request is waited for if there is room, in milliseconds. */
const WAIT_MS = 3_000;
/** The most octets for all tasks. */
const OCTETS_MAX = 256 << 20;
const ANSWERED = -1;

/** The number of slots of a task's window, a power of two. */
export function slotsFor(intervalMs: number, tasks: number): number {
  const room = OCTETS_MAX / (8 * Math.max(1, tasks));
  const wanted = Math.min(SLOTS_MAX, Math.ceil(WAIT_MS / Math.max(1, intervalMs)) + 1);
  let slots = SLOTS_MIN;
  while (slots < wanted && 2 * slots <= room) slots *= 2;
  return slots;
}

/** The windows of all tasks. A task sends sequence numbers (uint32) one after the other. */
export class RequestWindow {
  /** The most requests of one task that are waited for. */
  readonly slots: number;
  readonly #mask: number;
  #sentMs: Float64Array;

  /** `slots` is a power of two; there may be more tasks than `tasks`. */
  constructor(slots: number, tasks: number) {
    this.slots = slots;
    this.#mask = slots - 1;
    this.#sentMs = new Float64Array(slots * Math.max(1, tasks)).fill(ANSWERED);
  }

  /** Makes room for a task. */
  reach(task: number): void {
    if (this.slots * (task + 1) <= this.#sentMs.length) return;
    const grown = new Float64Array(2 * this.slots * (task + 1)).fill(ANSWERED);
    grown.set(this.#sentMs);
    this.#sentMs = grown;
  }

  /** Records that a request was sent; the one that had its slot is forgotten. */
  sent(task: number, sequence: number, nowMs: number): void {
    this.#sentMs[task * this.slots + (sequence & this.#mask)] = nowMs;
  }

  /** When a request of the window was sent; undefined: it is answered or forgotten. */
  sentMs(task: number, sequence: number): number | undefined {
    const sentMs = this.#sentMs[task * this.slots + (sequence & this.#mask)]!;
    return sentMs === ANSWERED ? undefined : sentMs;
  }

  /** Records that a request is answered. */
  answered(task: number, sequence: number): void {
    this.#sentMs[task * this.slots + (sequence & this.#mask)] = ANSWERED;
  }
}
