/**
 * The times at which tunnels begin by the stages of a load.
 * @module
 */
import assert from "node:assert/strict";
import { Arrivals } from "@/engine/load/arrivals.ts";
import type { LoadPlan, LoadStage } from "@/engine/run/plan.ts";

const stage = (ratePerSec: number, rampMs = 0, holdMs = 0): LoadStage => ({
  ratePerSec,
  rampMs,
  holdMs,
});

/** The first `count` times of a load. */
function times(count: number, stages: readonly LoadStage[], part: Partial<LoadPlan> = {}) {
  const arrivals = new Arrivals({ stages, poisson: false, burst: 1, seed: 1, ...part });
  return Array.from({ length: count }, (_, index) => arrivals.atMs(index));
}

/** How many times are in each second. */
function perSecond(list: readonly number[], seconds: number): number[] {
  const counts = new Array<number>(seconds).fill(0);
  // A time that should be a whole second may be less by the last bit.
  for (const ms of list.map((ms) => ms + 1e-6)) {
    if (ms < seconds * 1_000) counts[Math.floor(ms / 1_000)]!++;
  }
  return counts;
}

const round = (list: readonly number[]) => list.map((ms) => Math.round(ms * 1_000) / 1_000);

Deno.test("one stage is a rate that stays", () => {
  assert.deepEqual(round(times(5, [stage(4)])), [0, 250, 500, 750, 1_000]);
});

Deno.test("steps: each second has the rate of its stage, and a stage with the rate 0 is a pause", () => {
  const steps = [stage(10, 0, 2_000), stage(0, 0, 1_000), stage(50, 0, 1_000), stage(20)];
  assert.deepEqual(perSecond(times(200, steps), 6), [10, 10, 0, 50, 20, 20]);
  const later = [stage(0, 0, 3_000), stage(5)];
  assert.deepEqual(round(times(2, later)), [3_000, 3_200], "a pause at first");
});

Deno.test("a ramp changes the rate evenly, upwards and downwards", () => {
  // From 0 to 100 a second in 10 s: t²/200 tunnels in t seconds, times 1000.
  const ramp = times(600, [stage(100, 10_000)]);
  assert.deepEqual(perSecond(ramp, 11), [5, 15, 25, 35, 45, 55, 65, 75, 85, 95, 100]);
  for (const [n, ms] of ramp.slice(0, 500).entries()) {
    assert.ok(Math.abs(ms - Math.sqrt(n * 200_000)) < 0.01, `tunnel ${n} at ${ms} ms`);
  }
  const all = times(211, [stage(100, 0, 1_000), stage(0, 2_000, 1_000), stage(10)]);
  assert.deepEqual(perSecond(all, 5), [100, 75, 25, 0, 10]);
});

Deno.test("a burst begins together, and the rate stays that of the stage", () => {
  const bursts = times(12, [stage(10)], { burst: 4 });
  assert.deepEqual(round(bursts), [0, 0, 0, 0, 400, 400, 400, 400, 800, 800, 800, 800]);
});

Deno.test("Poisson: pauses are exponential, independent, and have the mean of the rate", () => {
  const count = 20_000;
  const list = times(count, [stage(200)], { poisson: true, seed: 7 });
  const pauses = list.map((ms, i) => ms - (list[i - 1] ?? 0));
  const mean = pauses.reduce((sum, ms) => sum + ms, 0) / count;
  const square = pauses.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / count;
  // An exponential distribution has its mean as its deviation: 5 ms. The errors of 20,000 samples are 0.7 %.
  assert.ok(Math.abs(mean - 5) < 0.15, `mean ${mean}`);
  assert.ok(Math.abs(Math.sqrt(square) - 5) < 0.25, `deviation ${Math.sqrt(square)}`);
  // Kolmogorov-Smirnov: the largest distance from the distribution stays below 1.63 / √n at 1 %.
  const sorted = pauses.toSorted((a, b) => a - b);
  const distance = Math.max(...sorted.map((ms, i) => Math.abs(1 - Math.exp(-ms / 5) - i / count)));
  assert.ok(distance < 1.63 / Math.sqrt(count), `distance ${distance}`);
  // The numbers in equal times have their mean as their variance, and each tells nothing of the next.
  const counts = perSecond(list, 90);
  const average = counts.reduce((sum, n) => sum + n, 0) / counts.length;
  const variance = counts.reduce((sum, n) => sum + (n - average) ** 2, 0) / counts.length;
  assert.ok(variance / average > 0.6 && variance / average < 1.5, `ratio ${variance / average}`);
  let covariance = 0;
  for (let i = 1; i < count; i++) covariance += (pauses[i]! - mean) * (pauses[i - 1]! - mean);
  assert.ok(Math.abs(covariance / count / square) < 0.03, "pauses depend on each other");
});

Deno.test("Poisson follows the ramp of a stage, and the same seed makes the same times", () => {
  const ramp = [stage(1_000, 10_000)];
  const list = times(5_500, ramp, { poisson: true, seed: 3 });
  const counts = perSecond(list, 10);
  for (const [second, n] of counts.entries()) {
    const expected = (second + 0.5) * 100;
    assert.ok(Math.abs(n - expected) < 5 * Math.sqrt(expected), `${n} in second ${second}`);
  }
  assert.deepEqual(times(5_500, ramp, { poisson: true, seed: 3 }), list);
  assert.notDeepEqual(times(5_500, ramp, { poisson: true, seed: 4 }), list);
});

Deno.test("a slice that asks for every third tunnel hears the times of all", () => {
  const plan = { stages: [stage(100)], poisson: true, burst: 2, seed: 5 };
  const all = new Arrivals(plan);
  const third = new Arrivals(plan);
  for (let index = 0; index < 60; index++) {
    const atMs = all.atMs(index);
    if (index % 3 === 1) assert.equal(third.atMs(index), atMs);
  }
});
