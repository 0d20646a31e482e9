import assert from "node:assert/strict";
import { FIGURES, type RunFigures } from "@/engine/show/figures.ts";
import { figuresIn, jsonOf } from "@/engine/show/figure.ts";
import { bucketOf, Histogram, middleOf } from "@/engine/show/histogram.ts";
import { mergeResults, type NamedResult } from "@/report/merge_results.ts";
import { refusedResult, type RunResultJson } from "@/report/result.ts";

const RULES = ["p99(setup) < 100ms", "failed < 1", "rate > 150/s"];

/** What differs between the results of slices. */
interface SliceSketch {
  readonly number?: number;
  readonly of?: number;
  readonly samples?: readonly number[];
  readonly result?: RunResultJson["result"];
  readonly error?: string;
  readonly rules?: readonly string[];
  readonly startedAt?: string;
  readonly role?: "client" | "gateway";
}

/** The result of a slice; `samples` are the milliseconds that the set-up of each tunnel took. */
function part(
  { number, of = 2, samples = [10], rules = RULES, ...rest }: SliceSketch,
): NamedResult {
  const histogram = new Histogram();
  for (const ms of samples) histogram.add(ms);
  const none = refusedResult([], "client.yaml");
  const figures = {
    ...figuresIn(FIGURES, none),
    established: samples.length,
    setupRate: 100,
    setupMs: histogram.figures(),
    cpuMsPerTunnel: 2,
  } as RunFigures;
  const result: RunResultJson = {
    ...none,
    ...jsonOf(FIGURES, figures),
    result: rest.result ?? "passed",
    error: rest.error ?? null,
    role: rest.role ?? "client",
    startedAt: rest.startedAt ?? "2026-01-31T12:00:00.000Z",
    slice: number === undefined ? null : { number, of },
    tunnels: { configured: samples.length, established: samples.length, failed: 0, lost: 0 },
    thresholds: rules.map((threshold) => ({ threshold, value: 1, held: false })),
  };
  return { name: `r${number ?? "x"}.json`, result };
}

Deno.test("merged percentiles are those of one run with the same samples", () => {
  const all = Array.from({ length: 4_000 }, (_, i) => (i * 7919 % 4_001) ** 1.5 / 100);
  const whole = part({ samples: all }).result.latencyMs.setup;
  const parts = [1, 2, 3, 4].map((number) =>
    part({ number, of: 4, samples: all.filter((_, i) => i % 4 === number - 1) })
  );
  const { result } = mergeResults(parts);
  assert.deepEqual(result.latencyMs.setup, whole);
  assert.deepEqual(result.tunnels, { configured: 4_000, established: 4_000, failed: 0, lost: 0 });
  assert.deepEqual([result.setupRate, result.cpuMsPerTunnel, result.slice], [400, 2, null]);
});

Deno.test("the middle of each bucket of a histogram belongs to that bucket", () => {
  for (let bucket = 0; bucket < 64 * 37; bucket++) assert.equal(bucketOf(middleOf(bucket)), bucket);
});

Deno.test("thresholds are judged by the merged figures, whatever the verdicts in the slices were", () => {
  const { result } = mergeResults([part({ number: 1 }), part({ number: 2 })]);
  assert.deepEqual(result.thresholds.map(({ held, value }) => [held, value]), [
    [true, 10],
    [true, 0],
    [true, 200],
  ]);
  assert.deepEqual([result.result, result.error], ["passed", null]);
  const slow = mergeResults([part({ number: 1 }), part({ number: 2, samples: [10, 300] })]).result;
  assert.equal(slow.result, "failed");
  assert.match(slow.error!, /^Threshold p99\(setup\) < 100ms: broken, 300/);
});

Deno.test("the error for a missing slice names its tunnels, and the merged result is failed", () => {
  const { result } = mergeResults([part({ number: 1, of: 3 }), part({ number: 3, of: 3 })]);
  assert.equal(result.result, "failed");
  assert.match(result.error!, /^Slice 2 of 3 missing: the tunnels whose index is 1 modulo 3/);
});

Deno.test("a failed slice is named with its reason, and a stopped slice makes the merged result stopped", () => {
  const failed = part({ number: 2, result: "failed", error: "Tunnel 7 failed" });
  const { result } = mergeResults([part({ number: 1 }), failed]);
  assert.deepEqual(
    [result.result, result.error],
    ["failed", "Slice 2/2 (r2.json) failed: Tunnel 7 failed"],
  );
  const stopped = part({ number: 2, result: "stopped" });
  assert.equal(mergeResults([part({ number: 1 }), stopped]).result.result, "stopped");
});

Deno.test("a run that never began counts as a missing slice, with its reason", () => {
  const refused = { name: "r2.json", result: refusedResult([new Error("No such file")], null) };
  const { result, notes } = mergeResults([part({ number: 1 }), refused]);
  assert.match(result.error!, /^Slice 2 of 2 missing/);
  assert.match(notes.join("\n"), /r2.json failed: No such file/);
  assert.throws(() => mergeResults([refused]), /none of these runs ever began/);
});

Deno.test("slices that did not start together cause a note", () => {
  const late = part({ number: 2, startedAt: "2026-01-31T12:00:01.500Z" });
  assert.match(mergeResults([part({ number: 1 }), late]).notes.join("\n"), /began 1.5s apart/);
  assert.deepEqual(mergeResults([part({ number: 1 }), part({ number: 2 })]).notes, []);
});

for (
  const [what, parts, words] of [
    [
      "two results of the same slice",
      [part({ number: 1 }), part({ number: 1 })],
      /r1.json is slice 1\/2/,
    ],
    [
      "slices of different divisions",
      [part({ number: 1 }), part({ number: 2, of: 3 })],
      /it is slice 2\/3/,
    ],
    [
      "the result of a whole run and that of a slice",
      [part({ number: 1 }), part({})],
      /the result of a whole run/,
    ],
    [
      "results of different roles",
      [part({ number: 1 }), part({ number: 2, role: "gateway" })],
      /of a gateway/,
    ],
    [
      "results with different thresholds",
      [part({ number: 1 }), part({ number: 2, rules: [] })],
      /thresholds/,
    ],
    ["an empty list of results", [], /no result was given/],
  ] as const
) {
  Deno.test(`${what} cannot be merged`, () => {
    assert.throws(() => mergeResults(parts), words);
  });
}
