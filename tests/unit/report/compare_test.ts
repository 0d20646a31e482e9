import assert from "node:assert/strict";
import { main } from "@/cli/program.ts";
import { compareResults, type Verdict } from "@/report/compare.ts";
import { readResult } from "@/report/read_result.ts";
import { refusedResult, RESULT_SCHEMA, type RunResultJson } from "@/report/result.ts";
import { Timeline, type TimelineColumns } from "@/report/timeline.ts";

/** The figures of a run that a test sets. */
interface Sketch {
  readonly result?: RunResultJson["result"];
  readonly failed?: number;
  readonly configured?: number;
  readonly setupP99?: number | null;
  /** Values of the steps. */
  readonly steps?: readonly number[];
  readonly rate?: number;
}

function resultOf(sketch: Sketch): RunResultJson {
  const { failed = 0, configured = 1000, setupP99 = 100, steps, rate = 500 } = sketch;
  const none = refusedResult([], null);
  const { latencyMs, tunnels } = none;
  const empty = new Timeline(1_000, 0).json();
  const columns = steps && Object.fromEntries(
    Object.keys(empty.steps).map((name) => [name, steps.map(() => 1)]),
  );
  return {
    ...none,
    result: sketch.result ?? "passed",
    tunnels: { ...tunnels, configured, failed, established: configured - failed },
    setupRate: rate,
    rssBytes: 1,
    latencyMs: { ...latencyMs, setup: { p50: 10, p90: 20, p99: setupP99, max: 999, buckets: [] } },
    timeline: steps
      ? {
        ...empty,
        steps: {
          ...columns,
          atSec: steps.map((_, i) => i + 1),
          setupP99: steps,
        } as unknown as TimelineColumns,
      }
      : null,
  };
}

function verdictOf(name: string, before: Sketch, after: Sketch): Verdict {
  const { figures } = compareResults(resultOf(before), resultOf(after), 0.05);
  return figures.find((figure) => figure.name === name)!.verdict;
}

const P99 = "latencyMs.setup.p99";
const FAILED = "tunnels.failed";

const CASES: readonly (readonly [string, string, Sketch, Sketch, Verdict])[] = [
  ["1 of 1000 more is chance", FAILED, { failed: 2 }, { failed: 3 }, "unclear"],
  ["30 of 1000 more is not", FAILED, { failed: 2 }, { failed: 32 }, "worse"],
  ["30 of 1000 less is better", FAILED, { failed: 32 }, { failed: 2 }, "better"],
  [
    "the same share of another number is the same",
    ...[FAILED, { failed: 5 }, { failed: 10, configured: 2000 }, "same"] as const,
  ],
  ["all of it failed", FAILED, { failed: 0 }, { failed: 1000 }, "worse"],
  ["4 % is within the tolerance", P99, { setupP99: 100 }, { setupP99: 104 }, "same"],
  ["6 % is not", P99, { setupP99: 100 }, { setupP99: 106 }, "worse"],
  ["20 % less is better", P99, { setupP99: 100 }, { setupP99: 80 }, "better"],
  ["a rate is better when larger", "setupRate", { rate: 500 }, { rate: 700 }, "better"],
  ["a rate is worse when smaller", "setupRate", { rate: 500 }, { rate: 300 }, "worse"],
  ["no sample says nothing", P99, { setupP99: 100 }, { setupP99: null }, "unclear"],
  [
    "steps that vary as much say nothing",
    P99,
    { setupP99: 100, steps: [20, 180, 60, 140, 100, 90] },
    { setupP99: 120, steps: [30, 200, 80, 150, 110, 120] },
    "unclear",
  ],
  [
    "steps that do not overlap say it",
    P99,
    { setupP99: 100, steps: [98, 99, 100, 101, 102, 100] },
    { setupP99: 120, steps: [118, 119, 121, 120, 122, 120] },
    "worse",
  ],
];

for (const [what, name, before, after, verdict] of CASES) {
  Deno.test(`compare: ${what}`, () => assert.equal(verdictOf(name, before, after), verdict));
}

Deno.test("a run that fails and did not before is worse, whatever its figures", () => {
  assert.equal(compareResults(resultOf({}), resultOf({ result: "failed" }), 1).isWorse, true);
  assert.equal(compareResults(resultOf({ result: "failed" }), resultOf({}), 1).isWorse, false);
});

Deno.test("a file that is no result, or one of another schema, is refused, and the error names it", () => {
  const good = resultOf({});
  const refused = (value: unknown) => {
    try {
      readResult(typeof value === "string" ? value : JSON.stringify(value), "x.json");
    } catch (e) {
      return (e as Error).message;
    }
    return "taken";
  };
  assert.equal(refused(good), "taken");
  assert.match(refused("{"), /^Cannot read x\.json as JSON/);
  assert.match(refused([1]), /no JSON result/);
  assert.equal(
    refused({ ...good, schema: "myikev2-result/7" }),
    `Cannot read x.json: its schema is myikev2-result/7, and this program reads ${RESULT_SCHEMA}`,
  );
  assert.match(refused({ ...good, retries: "<b>" }), /retries is string, not number/);
  const { latencyMs: _, ...less } = good;
  assert.match(refused(less), /latencyMs is missing/);
  const failures = [{ cause: 1, count: 1, example: "" }];
  assert.match(refused({ ...good, failures }), /failures\[0\]\.cause is number, not string/);
});

Deno.test("the exit status of compare is 0, 1 if a figure is worse, or 2 if a file is refused", async () => {
  const dir = await Deno.makeTempDir();
  const { log, error } = console;
  const out: string[] = [];
  const write = (name: string, value: unknown) =>
    Deno.writeTextFile(`${dir}/${name}`, JSON.stringify(value));
  await write("a.json", resultOf({}));
  await write("b.json", resultOf({ failed: 500 }));
  await write("c.json", { ...resultOf({}), schema: "myikev2-result/2" });
  console.log = (text: string) => void out.push(text);
  console.error = (text: string) => void out.push(text);
  try {
    const status = (a: string, b: string) => main(["compare", `${dir}/${a}`, `${dir}/${b}`]);
    assert.equal(await status("a.json", "a.json"), 0);
    assert.equal(await status("a.json", "b.json"), 1);
    assert.equal(await status("b.json", "a.json"), 0);
    assert.equal(await status("a.json", "c.json"), 2);
    assert.ok(out.some((line) => /^worse +tunnels\.failed +0 -> 500 /.test(line)), out.join("\n"));
    assert.ok(out.some((line) => line.includes("myikev2-result/2")));
  } finally {
    console.log = log;
    console.error = error;
    await Deno.remove(dir, { recursive: true });
  }
});
