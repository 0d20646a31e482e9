/**
 * The requests of every task that may still be answered: when each of the last few was sent. One
 * buffer for all tasks, eight octets for a request.
 * @module
 */

/** Requests of a task that are waited for at least, and at most. */
const SLOTS_MIN = 2, SLOTS_MAX = 4096;
/** A request is waited for so long, as far as there is room. */
const WAIT_MS = 3_000;
/** Octets for all tasks. */
const OCTETS_MAX = 256 << 20;
const ANSWERED = -1;

/** Slots of a task's window: a power of two. */
export function slotsFor(intervalMs: number, tasks: number): number {
  const room = OCTETS_MAX / (8 * Math.max(1, tasks));
  const wanted = Math.min(SLOTS_MAX, Math.ceil(WAIT_MS / Math.max(1, intervalMs)) + 1);
  let slots = SLOTS_MIN;
  while (slots < wanted && 2 * slots <= room) slots *= 2;
  return slots;
}

/** See the module. Sequence numbers (uint32) of a task are sent one after the other. */
export class RequestWindow {
  /** Requests of one task that are waited for. */
  readonly slots: number;
  readonly #mask: number;
  #sentMs: Float64Array;

  /** `slots` is a power of two; `tasks` may be exceeded. */
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

  /** The request was sent; the one that had its slot is forgotten. */
  sent(task: number, sequence: number, nowMs: number): void {
    this.#sentMs[task * this.slots + (sequence & this.#mask)] = nowMs;
  }

  /** When a request of the window was sent; undefined: it is answered. */
  sentMs(task: number, sequence: number): number | undefined {
    const sentMs = this.#sentMs[task * this.slots + (sequence & this.#mask)]!;
    return sentMs === ANSWERED ? undefined : sentMs;
  }

  /** It is answered. */
  answered(task: number, sequence: number): void {
    this.#sentMs[task * this.slots + (sequence & this.#mask)] = ANSWERED;
  }
}
