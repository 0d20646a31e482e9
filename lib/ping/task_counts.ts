/**
 * The counters of each ping task, in arrays: about 120 octets for a task.
 * @module
 */
import { LatencyBuckets } from "@/ping/latency_buckets.ts";

const CAPACITY_MIN = 64;

/**
 * Arrays with one element for each task. They are replaced when they grow, so that a reader must not keep
 * them.
 */
export class TaskCounts {
  /** Sequence number of the next request; messages carry its lower 16 bits. */
  next = new Uint32Array(CAPACITY_MIN);
  /** Sequence number of the first request whose reply counts. */
  base = new Uint32Array(CAPACITY_MIN);
  /** Requests before this sequence number are judged: answered in time, or lost. */
  judged = new Uint32Array(CAPACITY_MIN);
  /** The highest sequence number that was answered, plus one. */
  top = new Uint32Array(CAPACITY_MIN);
  sent = new Uint32Array(CAPACITY_MIN);
  received = new Uint32Array(CAPACITY_MIN);
  lost = new Uint32Array(CAPACITY_MIN);
  /** Number of consecutive lost requests at present, and the highest such number. */
  burst = new Uint32Array(CAPACITY_MIN);
  burstMax = new Uint32Array(CAPACITY_MIN);
  sumMs = new Float64Array(CAPACITY_MIN);
  maxMs = new Float32Array(CAPACITY_MIN);
  /** Milliseconds from the establishment of the tunnel to the first reply; NaN: there is none yet. */
  firstMs = new Float32Array(CAPACITY_MIN);
  /** When the tunnel was established; NaN: unknown. */
  upMs = new Float64Array(CAPACITY_MIN);
  /** When the next request is due. */
  dueMs = new Float64Array(CAPACITY_MIN);
  /** 1: the task is paused. */
  paused = new Uint8Array(CAPACITY_MIN);
  readonly #latencies = new LatencyBuckets(CAPACITY_MIN);

  /** Makes room for `tasks`; further tasks make room when they are added. */
  constructor(tasks = 0) {
    if (tasks > CAPACITY_MIN) this.#grow(tasks);
  }

  /** Makes room for a task, with its counters at zero. */
  reach(task: number): void {
    if (task >= this.next.length) this.#grow(2 * this.next.length);
    this.firstMs[task] = this.upMs[task] = NaN;
  }

  /** Counts a latency. */
  addLatency(task: number, ms: number): void {
    this.sumMs[task]! += ms;
    if (ms > this.maxMs[task]!) this.maxMs[task] = ms;
    this.#latencies.add(task, ms);
  }

  /**
   * The latency that `fraction` (0 to 1) of the task's replies do not exceed, with an error of up to 20 %.
   */
  percentileMs(task: number, fraction: number): number {
    return this.#latencies.percentileMs(task, fraction, this.maxMs[task]!);
  }

  /**
   * Sets the counters of all tasks to zero. Requests that were sent before no longer count when they are
   * answered.
   */
  clear(tasks: number): void {
    for (let task = 0; task < tasks; task++) {
      this.base[task] = this.judged[task] = this.next[task]!;
    }
    for (const counts of [this.sent, this.received, this.lost, this.burst, this.burstMax]) {
      counts.fill(0);
    }
    this.sumMs.fill(0);
    this.maxMs.fill(0);
    this.#latencies.clear();
  }

  #grow(capacity: number): void {
    for (
      const name of [
        "next",
        "base",
        "judged",
        "top",
        "sent",
        "received",
        "lost",
        "burst",
        "burstMax",
      ] as const
    ) this[name] = grown(this[name], new Uint32Array(capacity));
    for (const name of ["sumMs", "upMs", "dueMs"] as const) {
      this[name] = grown(this[name], new Float64Array(capacity));
    }
    this.paused = grown(this.paused, new Uint8Array(capacity));
    this.maxMs = grown(this.maxMs, new Float32Array(capacity));
    this.firstMs = grown(this.firstMs, new Float32Array(capacity));
    this.#latencies.grow(capacity);
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
