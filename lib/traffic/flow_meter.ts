/**
 * Judges the packets of many flows by their sequence numbers: which are new, come twice, in another order or
 * too late; and measures the jitter of each flow. Arrays with an element for each flow.
 * @module
 */
import { LatencyBuckets } from "@/ping/latency_buckets.ts";

const CAPACITY_MIN = 64;
/** The least and the most sequence numbers of a flow that are remembered, powers of two. */
const WINDOW_MIN = 256;
const WINDOW_MAX = 65_536;
/** The most octets for the windows of all flows. */
const WINDOWS_OCTETS_MAX = 64 << 20;

/**
 * What a packet is. `reordered`: a later one came before it (RFC 4737 §3). `late`: it is older than what is
 * remembered, so that nobody knows whether it came before.
 */
export type FlowVerdict = "new" | "reordered" | "duplicate" | "late";

/** The number of remembered sequence numbers of each flow: about a second of packets if there is room. */
export function windowFor(perSecond: number, flows: number): number {
  const room = 8 * WINDOWS_OCTETS_MAX / Math.max(1, flows);
  const wanted = Math.min(WINDOW_MAX, perSecond);
  let window = WINDOW_MIN;
  while (window < wanted && 2 * window <= room) window *= 2;
  return window;
}

/** The meter of all flows. */
export class FlowMeter {
  /** Packets that came, each counted once; of these, those that came after a later one. */
  received = 0;
  reordered = 0;
  /** Copies of packets that came before, and packets older than the window; neither is in `received`. */
  duplicates = 0;
  late = 0;
  /** The highest sequence number that came plus one, of each flow. */
  top = new Uint32Array(CAPACITY_MIN);
  receivedOf = new Uint32Array(CAPACITY_MIN);
  reorderedOf = new Uint32Array(CAPACITY_MIN);
  duplicatesOf = new Uint32Array(CAPACITY_MIN);
  maxMs = new Float32Array(CAPACITY_MIN);
  /** Interarrival jitter in milliseconds (RFC 3550 §6.4.1). */
  jitterMs = new Float64Array(CAPACITY_MIN);
  readonly window: number;
  readonly #latencies = new LatencyBuckets(CAPACITY_MIN);
  #transitMs = new Float64Array(CAPACITY_MIN).fill(NaN);
  /** A bit for each of the last sequence numbers of each flow, by the number modulo the window. */
  #seen: Uint32Array;

  /** `window` is a power of two, at least 32. */
  constructor(window: number) {
    this.window = window;
    this.#seen = new Uint32Array(window / 32 * CAPACITY_MIN);
  }

  /** Makes room for a flow. */
  reach(flow: number): void {
    while (flow >= this.top.length) this.#grow(2 * this.top.length);
  }

  /** Begins to expect the packets of a flow at this sequence number. */
  begin(flow: number, sequence: number): void {
    this.top[flow] = sequence;
    this.#transitMs[flow] = NaN;
    const words = this.window / 32;
    this.#seen.fill(0, words * flow, words * (flow + 1));
  }

  /** Takes a packet. */
  take(flow: number, sequence: number): FlowVerdict {
    const top = this.top[flow]!;
    if (sequence >= top) {
      const from = Math.max(top, sequence - this.window + 1);
      for (let one = from; one < sequence; one++) this.#set(flow, one, false);
      this.#set(flow, sequence, true);
      this.top[flow] = sequence + 1;
      this.#count(flow);
      return "new";
    }
    if (top - sequence > this.window) {
      this.late++;
      return "late";
    }
    if (this.hasSeen(flow, sequence)) {
      this.duplicates++;
      this.duplicatesOf[flow]!++;
      return "duplicate";
    }
    this.#set(flow, sequence, true);
    this.#count(flow);
    this.reordered++;
    this.reorderedOf[flow]!++;
    return "reordered";
  }

  /** Whether a sequence number of the window has come. */
  hasSeen(flow: number, sequence: number): boolean {
    if (sequence >= this.top[flow]! || this.top[flow]! - sequence > this.window) return false;
    const bit = sequence & this.window - 1;
    return (this.#seen[flow * this.window / 32 + (bit >>> 5)]! & 1 << (bit & 31)) !== 0;
  }

  /** Counts the latency of a packet that came. */
  addLatency(flow: number, ms: number): void {
    if (ms > this.maxMs[flow]!) this.maxMs[flow] = ms;
    this.#latencies.add(flow, ms);
  }

  /** The latency that a part of the flow's packets did not exceed, with an error of up to 20 %. */
  percentileMs(flow: number, fraction: number): number {
    return this.#latencies.percentileMs(flow, fraction, this.maxMs[flow]!);
  }

  /**
   * Takes the transit time of a packet, which clocks that differ by a constant do not spoil, and returns the
   * jitter of the flow: J += (|D| − J) / 16, where D is the difference of two successive transit times
   * (RFC 3550 §6.4.1). Undefined for the first packet of a flow.
   */
  addTransit(flow: number, ms: number): number | undefined {
    const before = this.#transitMs[flow]!;
    this.#transitMs[flow] = ms;
    if (Number.isNaN(before)) return undefined;
    return this.jitterMs[flow]! += (Math.abs(ms - before) - this.jitterMs[flow]!) / 16;
  }

  #count(flow: number): void {
    this.received++;
    this.receivedOf[flow]!++;
  }

  #set(flow: number, sequence: number, isSeen: boolean): void {
    const bit = sequence & this.window - 1;
    const word = flow * this.window / 32 + (bit >>> 5);
    if (isSeen) this.#seen[word]! |= 1 << (bit & 31);
    else this.#seen[word]! &= ~(1 << (bit & 31));
  }

  #grow(capacity: number): void {
    for (const name of ["top", "receivedOf", "reorderedOf", "duplicatesOf"] as const) {
      this[name] = grown(this[name], new Uint32Array(capacity));
    }
    this.maxMs = grown(this.maxMs, new Float32Array(capacity));
    this.jitterMs = grown(this.jitterMs, new Float64Array(capacity));
    this.#transitMs = grown(this.#transitMs, new Float64Array(capacity).fill(NaN));
    this.#seen = grown(this.#seen, new Uint32Array(this.window / 32 * capacity));
    this.#latencies.grow(capacity);
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
