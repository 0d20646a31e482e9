/**
 * What is counted for each ping task, in arrays: some 120 octets a task.
 * @module
 */

/** Latencies of a task: buckets that grow by the square root of two, from 32 µs to 2 s. */
const BUCKETS = 32, FIRST_US = 32;
const CAPACITY_MIN = 64;
/** A bucket counts so far and no further. */
const COUNT_MAX = 0xffff;

/** See the module. Arrays are by task; who reads them keeps none, as they are replaced when they grow. */
export class TaskCounts {
  /** Sequence number of the next request; the wire has its lower 16 bits. */
  next = new Uint32Array(CAPACITY_MIN);
  /** Sequence number of the first request whose reply counts. */
  base = new Uint32Array(CAPACITY_MIN);
  /** Requests before it are judged: answered in time, or lost. */
  judged = new Uint32Array(CAPACITY_MIN);
  /** The highest sequence number answered, plus one. */
  top = new Uint32Array(CAPACITY_MIN);
  sent = new Uint32Array(CAPACITY_MIN);
  received = new Uint32Array(CAPACITY_MIN);
  lost = new Uint32Array(CAPACITY_MIN);
  /** Requests lost one after the other: up to now, and at most. */
  burst = new Uint32Array(CAPACITY_MIN);
  burstMax = new Uint32Array(CAPACITY_MIN);
  sumMs = new Float64Array(CAPACITY_MIN);
  maxMs = new Float32Array(CAPACITY_MIN);
  /** From the tunnel's being there to the first reply; NaN: none yet. */
  firstMs = new Float32Array(CAPACITY_MIN);
  /** When the tunnel was there; NaN: unknown. */
  upMs = new Float64Array(CAPACITY_MIN);
  /** When the next request is due. */
  dueMs = new Float64Array(CAPACITY_MIN);
  /** 1: nothing is sent. */
  paused = new Uint8Array(CAPACITY_MIN);
  #latencies = new Uint16Array(BUCKETS * CAPACITY_MIN);

  /** Room for so many tasks; more make their own. */
  constructor(tasks = 0) {
    if (tasks > CAPACITY_MIN) this.#grow(tasks);
  }

  /** Makes room for a task, which starts with nothing counted. */
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

  /** The latency that `fraction` (0–1) of the task's replies do not exceed, 20 % more or less. */
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

  /** Begins to count anew, for all tasks; what was sent before does not count when it is answered. */
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
