/**
 * Counts latencies of any number of samples in constant memory: with 64 buckets for each doubling, a
 * percentile is at most 1.6 % off; the maximum is exact.
 * @module
 */

/** Percentiles in milliseconds. */
export interface LatencyFigures {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly samples: number;
  /** The histogram from which they were computed, for merging; absent for a single ping task. */
  readonly histogram?: HistogramData;
}

/** A histogram as plain data, without its empty buckets. */
export interface HistogramData {
  /** Pairs of a bucket's number and its number of samples. */
  readonly buckets: readonly (readonly [bucket: number, samples: number])[];
  /** The largest sample in milliseconds. */
  readonly max: number;
}

/** The number of buckets within one doubling is two to this power. */
const SUB_BITS = 6;
const SUB_COUNT = 1 << SUB_BITS;
/** Number of doublings above the first 64 µs: up to 2^42 µs, which is 50 days. */
const DOUBLINGS = 36;

/** Counts durations in milliseconds, with a resolution of 1 µs. */
export class Histogram {
  readonly #buckets = new Uint32Array(SUB_COUNT * (DOUBLINGS + 1));
  #samples = 0;
  #max = 0;

  /** Number of samples. */
  get samples(): number {
    return this.#samples;
  }

  /** A histogram of all samples of several histograms. */
  static merged(parts: readonly HistogramData[]): Histogram {
    const whole = new Histogram();
    for (const { buckets, max } of parts) {
      for (const [at, samples] of buckets) {
        whole.#buckets[at]! += samples;
        whole.#samples += samples;
      }
      whole.#max = Math.max(whole.#max, max);
    }
    return whole;
  }

  /**
   * The samples of `now` that are not in `before`, an earlier state of the same histogram; all of `now` if it
   * lacks a sample of `before`, as it was cleared since. The largest of them is exact only where it is the
   * largest of all; else it is the middle of its bucket.
   */
  static since(before: HistogramData | undefined, now: HistogramData): HistogramData {
    const earlier = new Map(before?.buckets);
    const present = new Map(now.buckets);
    if (before?.buckets.some(([at, samples]) => samples > (present.get(at) ?? 0))) return now;
    const buckets: [number, number][] = [];
    for (const [at, samples] of now.buckets) {
      const more = samples - (earlier.get(at) ?? 0);
      if (more > 0) buckets.push([at, more]);
    }
    const last = buckets.at(-1)?.[0];
    if (last === undefined) return { buckets, max: 0 };
    const isNewMax = before === undefined || now.max > before.max;
    return { buckets, max: isNewMax ? now.max : Math.min(middleOf(last) / 1000, now.max) };
  }

  /** The histogram as plain data, to be sent elsewhere and merged. */
  data(): HistogramData {
    const buckets: [number, number][] = [];
    for (const [at, samples] of this.#buckets.entries()) {
      if (samples > 0) buckets.push([at, samples]);
    }
    return { buckets, max: this.#max };
  }

  /** Adds a duration; a negative one counts as 0. */
  add(ms: number): void {
    const us = Math.max(0, Math.round(ms * 1000));
    const at = Math.min(bucketOf(us), this.#buckets.length - 1);
    this.#buckets[at]!++;
    this.#samples++;
    if (ms > this.#max) this.#max = ms;
  }

  /** The duration that `fraction` (0 to 1) of the samples do not exceed; 0 without samples. */
  percentile(fraction: number): number {
    const rank = Math.max(1, Math.ceil(fraction * this.#samples));
    let seen = 0;
    for (let at = 0; at < this.#buckets.length; at++) {
      seen += this.#buckets[at]!;
      if (seen >= rank) return Math.min(middleOf(at) / 1000, this.#max);
    }
    return this.#max;
  }

  /** The percentiles p50, p90, p99 and the maximum; undefined without samples. */
  figures(): LatencyFigures | undefined {
    if (this.#samples === 0) return undefined;
    return {
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      max: this.#max,
      samples: this.#samples,
      histogram: this.data(),
    };
  }
}

/** The bucket of a duration: below 64 µs each value has its own; above, the top 7 bits choose. */
export function bucketOf(us: number): number {
  if (us < SUB_COUNT) return us;
  const doubling = Math.floor(Math.log2(us)) - SUB_BITS;
  return SUB_COUNT * (doubling + 1) + Math.floor(us / 2 ** doubling) - SUB_COUNT;
}

/** Microseconds in the middle of a bucket. */
export function middleOf(bucket: number): number {
  if (bucket < SUB_COUNT) return bucket;
  const doubling = Math.floor(bucket / SUB_COUNT) - 1;
  return (bucket % SUB_COUNT + SUB_COUNT + 0.5) * 2 ** doubling;
}
