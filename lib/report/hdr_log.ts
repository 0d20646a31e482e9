/**
 * Writes latencies as a HdrHistogram log (format version 1.3), which its own tools and many others
 * can plot. It has a line for each exchange in each step of the timeline, with all samples of the
 * step in buckets.
 *
 * The encoding is V2 of HdrHistogram, big-endian, values in nanoseconds, two significant digits:
 *
 * ```text
 * | cookie u32 | octets of counts u32 | index offset u32 | significant digits u32 |
 * | lowest value u64 | highest value u64 | conversion ratio f64 | counts as ZigZag LEB128 ... |
 * ```
 *
 * A negative count -n stands for n empty buckets. All of this is compressed by zlib, `| cookie u32
 * | octets u32 |` is put before it, and the result is written in base64.
 * @module
 */
import { deflateSync } from "node:zlib";
import { Buffer } from "node:buffer";
import { type HistogramData, middleOf } from "@/engine/show/histogram.ts";
import { LATENCY_NAMES, type LatencyName, type Timeline } from "@/report/timeline.ts";

const COOKIE = 0x1c849313;
const COMPRESSED_COOKIE = 0x1c849314;
const HEADER_OCTETS = 40;
const SIGNIFICANT_DIGITS = 2;
/** The format must distinguish 2 · 10^digits values, which needs 256 sub-buckets. */
const SUB_BUCKETS_BITS = 8;
const HALF_BITS = SUB_BUCKETS_BITS - 1;
const HALF_COUNT = 1 << HALF_BITS;
/** One hour in nanoseconds: the smallest "highest value" that we write. */
const HIGHEST_NS = 3.6e12;
const NS_OF_US = 1_000;
const NS_OF_MS = 1e6;

/** The tag of each latency in the log. */
const TAGS: Readonly<Record<LatencyName, string>> = {
  ikeSaInit: "IKE_SA_INIT",
  ikeAuth: "IKE_AUTH",
  ikeSessionResume: "IKE_SESSION_RESUME",
  ikeIntermediate: "IKE_INTERMEDIATE",
  setup: "setup",
  createChild: "CREATE_CHILD_SA",
  ikeFollowupKe: "IKE_FOLLOWUP_KE",
  informational: "INFORMATIONAL",
  setupAgain: "setup again",
  ping: "ping",
  traffic: "traffic",
};

/** The lines of the log, each with its line end. */
export function* hdrLogLines(timeline: Timeline): IterableIterator<string> {
  const start = timeline.startEpochMs / 1_000;
  yield "#[Latencies of myikev2 in nanoseconds]\n";
  yield "#[Histogram log format version 1.3]\n";
  const date = new Date(timeline.startEpochMs).toISOString();
  yield `#[StartTime: ${start.toFixed(3)} (seconds since epoch), ${date}]\n`;
  yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n';
  for (const name of LATENCY_NAMES) {
    for (const { startSec, endSec, histogram } of timeline.latencySteps(name)) {
      const times = [startSec, endSec - startSec, histogram.max].map((n) => n.toFixed(3));
      yield `Tag=${TAGS[name]},${times.join(",")},${encodedHistogram(histogram)}\n`;
    }
  }
}

/** One histogram in base64. */
export function encodedHistogram({ buckets, max }: HistogramData): string {
  const maxNs = Math.round(max * NS_OF_MS);
  const counts: number[] = [];
  for (const [bucket, samples] of buckets) {
    const at = indexOf(Math.min(Math.round(middleOf(bucket) * NS_OF_US), maxNs));
    counts[at] = (counts[at] ?? 0) + samples;
  }
  const body = encodedCounts(counts);
  const octets = new Uint8Array(HEADER_OCTETS + body.length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, COOKIE);
  view.setUint32(4, body.length);
  view.setUint32(12, SIGNIFICANT_DIGITS);
  view.setBigUint64(16, 1n);
  view.setBigUint64(24, BigInt(Math.max(HIGHEST_NS, 2 * maxNs)));
  view.setFloat64(32, 1);
  octets.set(body, HEADER_OCTETS);
  const small = deflateSync(octets);
  const whole = new Uint8Array(8 + small.length);
  const head = new DataView(whole.buffer);
  head.setUint32(0, COMPRESSED_COOKIE);
  head.setUint32(4, small.length);
  whole.set(small, 8);
  return Buffer.from(whole).toString("base64");
}

/** The index of the bucket to which a value in nanoseconds belongs. */
function indexOf(ns: number): number {
  const bits = ns < 1 ? 0 : Math.floor(Math.log2(ns)) + 1;
  const bucket = Math.max(0, bits - SUB_BUCKETS_BITS);
  const sub = Math.floor(ns / 2 ** bucket);
  return ((bucket + 1) << HALF_BITS) + sub - HALF_COUNT;
}

/**
 * The counts of all buckets up to the last one in use; each run of empty buckets is one negative
 * number.
 */
function encodedCounts(counts: readonly number[]): Uint8Array {
  const octets: number[] = [];
  let empty = 0;
  for (let at = 0; at < counts.length; at++) {
    const count = counts[at] ?? 0;
    if (count === 0) {
      empty++;
      continue;
    }
    if (empty > 0) pushZigZag(octets, -empty);
    empty = 0;
    pushZigZag(octets, count);
  }
  return Uint8Array.from(octets);
}

/**
 * ZigZag LEB128: n is encoded as 2n and -n as 2n - 1, in groups of seven bits, the lowest first.
 */
function pushZigZag(octets: number[], value: number): void {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest >= 0x80) {
    octets.push(rest % 0x80 + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  octets.push(rest);
}
