/**
 * The counters of each ping task, in arrays: about 120 octets for a task.
 * @module
 */

/**
 * The latency histogram of a task: number of buckets, which grow by the square root of two from 32 µs to 2 s,
 * and the limit of the first in microseconds.
 */
const BUCKETS = 32;
const FIRST_US = 32;
const CAPACITY_MIN = 64;
/** The highest count of a bucket; further latencies are not counted in it. */
const COUNT_MAX = 0xffff;

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
  #latencies = new Uint16Array(BUCKETS * CAPACITY_MIN);

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
    const at = BUCKETS * task + bucketOf(ms * 1000);
    if (this.#latencies[at]! < COUNT_MAX) this.#latencies[at]!++;
  }

  /**
   * The latency that `fraction` (0 to 1) of the task's replies do not exceed, with an error of up to 20 %.
   */
  percentileMs(task: number, fraction: number): number {
    const buckets = this.#latencies.subarray(BUCKETS * task, BUCKETS * (task + 1));
    const samples = buckets.reduce((sum, count) => sum + count, 0);
    const rank = Math.max(1, Math.ceil(fraction * samples));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += buckets[i]!;
      if (seen >= rank) return Math.min(FIRST_US * 2 ** ((i + 0.5) / 2) / 1000, this.maxMs[task]!);
    }
    return this.maxMs[task]!;
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
    this.#latencies.fill(0);
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
    this.#latencies = grown(this.#latencies, new Uint16Array(BUCKETS * capacity));
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

function bucketOf(us: number): number {
  if (us < FIRST_US) return 0;
  return Math.min(BUCKETS - 1, Math.floor(2 * Math.log2(us / FIRST_US)));
}
