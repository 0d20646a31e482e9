/**
 * A small latency histogram for each of many tasks, in one array: 32 buckets, which grow by the square root of
 * two from 32 µs to 2 s, in 64 octets.
 * @module
 */

const BUCKETS = 32;
/** The limit of the first bucket in microseconds. */
const FIRST_US = 32;
/** The highest count of a bucket; further latencies are not counted in it. */
const COUNT_MAX = 0xffff;

/** The histograms of all tasks. */
export class LatencyBuckets {
  #counts: Uint16Array<ArrayBuffer>;

  /** Makes room for `tasks`. */
  constructor(tasks: number) {
    this.#counts = new Uint16Array(BUCKETS * tasks);
  }

  /** Makes room for `tasks` in all. */
  grow(tasks: number): void {
    const grown = new Uint16Array(BUCKETS * tasks);
    grown.set(this.#counts);
    this.#counts = grown;
  }

  /** Counts a latency. */
  add(task: number, ms: number): void {
    const at = BUCKETS * task + bucketOf(ms * 1000);
    if (this.#counts[at]! < COUNT_MAX) this.#counts[at]!++;
  }

  /**
   * The latency that `fraction` (0 to 1) of a task's samples do not exceed, with an error of up to 20 %;
   * never more than `maxMs`.
   */
  percentileMs(task: number, fraction: number, maxMs: number): number {
    const buckets = this.#counts.subarray(BUCKETS * task, BUCKETS * (task + 1));
    const samples = buckets.reduce((sum, count) => sum + count, 0);
    const rank = Math.max(1, Math.ceil(fraction * samples));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += buckets[i]!;
      if (seen >= rank) return Math.min(FIRST_US * 2 ** ((i + 0.5) / 2) / 1000, maxMs);
    }
    return maxMs;
  }

  /** Sets all counts to zero. */
  clear(): void {
    this.#counts.fill(0);
  }
}

function bucketOf(us: number): number {
  if (us < FIRST_US) return 0;
  return Math.min(BUCKETS - 1, Math.floor(2 * Math.log2(us / FIRST_US)));
}
