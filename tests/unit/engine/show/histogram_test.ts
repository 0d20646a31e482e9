import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { Histogram } from "@/engine/show/histogram.ts";

Deno.test("without a sample there are no figures", () => {
  assert.equal(new Histogram().figures(), undefined);
});

Deno.test("one sample is every percentile", () => {
  const histogram = new Histogram();
  histogram.add(12.345);
  const { p50, p99, max, samples } = histogram.figures()!;
  assert.equal(max, 12.345);
  assert.equal(samples, 1);
  assert.ok(Math.abs(p50 - 12.345) < 0.2 && p50 === p99);
});

Deno.test("percentiles are within 1.6 % of the sorted samples, over nine decades", () => {
  const random = new SeededRandom(3);
  const histogram = new Histogram();
  const all: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    const ms = 10 ** (random.fraction() * 9 - 2);
    histogram.add(ms);
    all.push(ms);
  }
  all.sort((a, b) => a - b);
  for (const fraction of [0.01, 0.1, 0.5, 0.9, 0.99]) {
    const exact = all[Math.ceil(fraction * all.length) - 1]!;
    const told = histogram.percentile(fraction);
    // Half of a microsecond is lost by counting in microseconds.
    assert.ok(Math.abs(told - exact) <= exact * 0.016 + 0.0005, `${fraction}: ${told}, ${exact}`);
  }
  assert.equal(histogram.figures()!.max, all.at(-1));
});

Deno.test("a percentile never exceeds the maximum", () => {
  const histogram = new Histogram();
  for (let i = 0; i < 100; i++) histogram.add(1.0001);
  assert.ok(histogram.figures()!.p99 <= 1.0001);
});

Deno.test("negative and very long durations are counted", () => {
  const histogram = new Histogram();
  histogram.add(-1);
  histogram.add(1e15);
  assert.equal(histogram.samples, 2);
  assert.equal(histogram.percentile(0.5), 0);
});
