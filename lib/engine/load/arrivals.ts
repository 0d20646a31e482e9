/**
 * When the tunnels of a client begin by the stages of a load: at a rate that changes from stage to stage, evenly
 * or by chance. The times depend on the plan and its seed alone, never on what the peer does (open loop), and
 * are the same for all slices of a test.
 *
 * The rate as a function of time has an integral, the number of tunnels that should have begun. Tunnel n begins
 * when that integral is n. For a Poisson process whose rate changes, the times are those of a process of rate 1,
 * mapped by the inverse of the same integral.
 * @module
 */
import { SeededRandom } from "@/base/random.ts";
import type { LoadPlan, LoadStage } from "@/engine/run/plan.ts";

/** A part of time in which the rate changes evenly. Rates are tunnels a millisecond. */
interface Segment {
  readonly startMs: number;
  /** Infinity: the last one. */
  readonly lengthMs: number;
  readonly startRate: number;
  readonly endRate: number;
  /** Number of tunnels that should have begun before it. */
  readonly before: number;
}

/** The times of all tunnels, in the order of their indices. */
export class Arrivals {
  readonly #segments: readonly Segment[];
  readonly #random: SeededRandom;
  readonly #plan: LoadPlan;
  /** The last index that was asked for, and how many tunnels should have begun when it does. */
  #index = -1;
  #count = 0;
  #atMs = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#segments = segmentsOf(plan.stages);
    this.#random = new SeededRandom(plan.seed);
  }

  /** Milliseconds from the begin until a tunnel begins. Each index must be larger than the one before. */
  atMs(index: number): number {
    while (this.#index < index) this.#next();
    return this.#atMs;
  }

  #next(): void {
    const { burst, poisson } = this.#plan;
    this.#index++;
    if (this.#index % burst !== 0) return;
    if (poisson) this.#count += burst * -Math.log(1 - this.#random.fraction());
    else this.#count = this.#index;
    this.#atMs = timeOf(this.#segments, this.#count);
  }
}

/** The parts of time of the stages: for each its ramp, then the time for which its rate stays. */
function segmentsOf(stages: readonly LoadStage[]): Segment[] {
  const segments: Segment[] = [];
  let startMs = 0;
  let rate = 0;
  let before = 0;
  const add = (lengthMs: number, endRate: number) => {
    if (lengthMs > 0) segments.push({ startMs, lengthMs, startRate: rate, endRate, before });
    before += lengthMs > 0 ? lengthMs * (rate + endRate) / 2 : 0;
    startMs += lengthMs;
    rate = endRate;
  };
  for (const [i, { ratePerSec, rampMs, holdMs }] of stages.entries()) {
    const target = ratePerSec / 1_000;
    add(rampMs, target);
    rate = target;
    add(i === stages.length - 1 ? Infinity : holdMs, target);
  }
  return segments;
}

/** The latest time at which no more than `count` tunnels should have begun: a pause comes before the next one. */
function timeOf(segments: readonly Segment[], count: number): number {
  const segment = segments.findLast(({ before }) => before <= count)!;
  const { startMs, lengthMs, startRate, endRate, before } = segment;
  const more = count - before;
  if (more === 0) return startMs;
  // The rate is startRate + slope · t, so that `more` is startRate · t + slope · t² / 2.
  const slope = lengthMs === Infinity ? 0 : (endRate - startRate) / lengthMs;
  if (slope === 0) return startMs + more / startRate;
  const root = Math.sqrt(Math.max(0, startRate * startRate + 2 * slope * more));
  return startMs + 2 * more / (startRate + root);
}
