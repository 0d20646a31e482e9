/**
 * Decides when packets leave so that a rate is kept: credit grows with time, and each packet costs some. It has
 * no clock.
 * @module
 */

/** A rate of packets, or of bits with all headers of the inner packets. */
export interface TrafficRate {
  readonly perSecond: number;
  readonly unit: "packets" | "bits";
}

/** Milliseconds of sending that may be caught up after a delay. */
const CATCH_UP_MS = 20;

/** The part of a packet that sums of fractions may be off. */
const ROUNDING = 1e-6;

/** The credit of all flows together. */
export class Pacer {
  /** Packets that were due and were left out, as the process came too late for them. */
  behind = 0;
  readonly #rate: TrafficRate;
  readonly #isEach: boolean;
  /** The least credit that may gather: that of the largest packet. */
  readonly #dearest: number;
  readonly #mean: number;
  #credit: number;
  #flows = 0;
  #atMs = 0;

  /** `isEach`: the rate is that of each flow. `sizes`: octets of the packets, in turn. */
  constructor(rate: TrafficRate, isEach: boolean, sizes: readonly number[]) {
    this.#rate = rate;
    this.#isEach = isEach;
    const costs = sizes.map((octets) => this.costOf(octets));
    this.#dearest = Math.max(...costs);
    this.#mean = costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
    this.#credit = this.#dearest;
  }

  /** Sets how many flows there are from now on. */
  setFlows(flows: number, nowMs: number): void {
    this.advance(nowMs);
    this.#flows = flows;
  }

  /** The cost of a packet. */
  costOf(octets: number): number {
    return this.#rate.unit === "packets" ? 1 : 8 * octets;
  }

  /** Lets time pass. */
  advance(nowMs: number): void {
    const perMs = this.#perMs();
    const credit = this.#credit + Math.max(0, nowMs - this.#atMs) * perMs;
    const most = this.#dearest + CATCH_UP_MS * perMs;
    this.#atMs = nowMs;
    this.#credit = Math.min(credit, most);
    if (perMs > 0) this.behind += Math.max(0, credit - most) / this.#mean;
  }

  /** Pays for a packet; false: there is not enough credit yet. */
  pay(octets: number): boolean {
    const cost = this.costOf(octets);
    if (this.#flows === 0 || this.#credit < cost - ROUNDING * this.#mean) return false;
    this.#credit -= cost;
    return true;
  }

  /** When there is enough credit for a packet; Infinity: nothing is sent. */
  nextMs(octets: number): number {
    const perMs = this.#perMs();
    if (perMs === 0) return Infinity;
    return this.#atMs + Math.max(0, this.costOf(octets) - this.#credit) / perMs;
  }

  #perMs(): number {
    if (this.#flows === 0) return 0;
    return this.#rate.perSecond * (this.#isEach ? this.#flows : 1) / 1_000;
  }
}
