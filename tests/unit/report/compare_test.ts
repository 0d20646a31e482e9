import assert from "node:assert/strict";
import { main } from "@/cli/program.ts";
import { compareResults, type Verdict } from "@/report/compare.ts";
import { readResult } from "@/report/read_result.ts";
import { refusedResult, RESULT_SCHEMA, type RunResultJson } from "@/report/result.ts";
import { Timeline, type TimelineColumns } from "@/report/timeline.ts";

/** The figures of a run that differ from test to test. */
interface RunSketch {
  readonly result?: RunResultJson["result"];
  readonly failed?: number;
  readonly configured?: number;
  readonly setupP99?: number | null;
  /** The 99th percentile of the set-up in each step of the timeline. */
  readonly steps?: readonly number[];
  readonly rate?: number;
  readonly established?: number;
  /** Other figures of the result. */
  readonly more?: (result: RunResultJson) => Partial<RunResultJson>;
}

function resultOf(sketch: RunSketch): RunResultJson {
  const { failed = 0, configured = 1000, setupP99 = 100, steps, rate = 500 } = sketch;
  const base = refusedResult([], null);
  const none = { ...base, ...sketch.more?.(base) };
  const { latencyMs, tunnels } = none;
  const empty = new Timeline(1_000, 0).json();
  const columns = steps && Object.fromEntries(
    Object.keys(empty.steps).map((name) => [name, steps.map(() => 1)]),
  );
  return {
    ...none,
    result: sketch.result ?? "passed",
    tunnels: {
      ...tunnels,
      configured,
      failed,
      established: sketch.established ?? configured - failed,
    },
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

/** The verdict on one figure, at a tolerance of 5 %. */
function verdictOf(name: string, before: RunSketch, after: RunSketch): Verdict {
  const { figures } = compareResults(resultOf(before), resultOf(after), 0.05);
  return figures.find((figure) => figure.name === name)!.verdict;
}

const P99 = "latencyMs.setup.p99";
const FAILED = "tunnels.failed";

/** What holds, the name of a figure, both runs, and the verdict on the second run. */
const CASES: readonly (readonly [string, string, RunSketch, RunSketch, Verdict])[] = [
  ["1 more failure in 1000 tunnels may be chance", FAILED, { failed: 2 }, { failed: 3 }, "unclear"],
  ["30 more failures in 1000 tunnels are worse", FAILED, { failed: 2 }, { failed: 32 }, "worse"],
  ["30 fewer failures in 1000 tunnels are better", FAILED, { failed: 32 }, { failed: 2 }, "better"],
  [
    "the same share of failures in twice as many tunnels is the same",
    ...[FAILED, { failed: 5 }, { failed: 10, configured: 2000 }, "same"] as const,
  ],
  ["a run in which all tunnels failed is worse", FAILED, { failed: 0 }, { failed: 1000 }, "worse"],
  ["a latency that is 4 % longer is within the tolerance", P99, { setupP99: 100 }, {
    setupP99: 104,
  }, "same"],
  ["a latency that is 6 % longer is worse", P99, { setupP99: 100 }, { setupP99: 106 }, "worse"],
  ["a latency that is 20 % shorter is better", P99, { setupP99: 100 }, { setupP99: 80 }, "better"],
  ["a larger rate is better", "setupRate", { rate: 500 }, { rate: 700 }, "better"],
  ["a smaller rate is worse", "setupRate", { rate: 500 }, { rate: 300 }, "worse"],
  ["a figure without samples is unclear", P99, { setupP99: 100 }, { setupP99: null }, "unclear"],
  [
    "a difference within the variation of the steps is unclear",
    P99,
    { setupP99: 100, steps: [20, 180, 60, 140, 100, 90] },
    { setupP99: 120, steps: [30, 200, 80, 150, 110, 120] },
    "unclear",
  ],
  [
    "a difference is worse if the values of the steps do not overlap",
    P99,
    { setupP99: 100, steps: [98, 99, 100, 101, 102, 100] },
    { setupP99: 120, steps: [118, 119, 121, 120, 122, 120] },
    "worse",
  ],
];

const latency = (p99: number) => ({ p50: 1, p90: 2, p99, max: 999, buckets: [] });

/** What a figure is in a run that is worse by it, by the name of the figure. */
const WORSE: Readonly<
  Record<string, (n: number) => (result: RunResultJson) => Partial<RunResultJson>>
> = {
  ...Object.fromEntries(
    [
      ...["createChild", "setupAgain", "ikeSessionResume", "setupFromDue"],
      ...["ikeIntermediate", "ikeFollowupKe", "informational"],
    ].map((name) => [
      `latencyMs.${name}.p99`,
      (n: number) => ({ latencyMs }: RunResultJson) => ({
        latencyMs: { ...latencyMs, [name]: latency(n) },
      }),
    ]),
  ),
  "ping.firstPacketMs.p99": (n) => ({ ping }) => ({ ping: { ...ping, firstPacketMs: latency(n) } }),
  "traffic.jitterMs.p99": (n) => ({ traffic }) => ({
    traffic: { ...traffic!, latencyMs: latency(1), jitterMs: latency(n) },
  }),
  "storms[0] (rekey-ike).latencyMs.p99": (n) => () => ({
    storms: [{
      kind: "rekey-ike",
      atSec: 1,
      tunnels: 9,
      done: 9,
      failed: 0,
      latencyMs: latency(n),
    }],
  }),
  "storms[0] (drop).failed": (n) => () => ({
    storms: [
      { kind: "drop", atSec: 1, tunnels: 900, done: 900 - n, failed: n, latencyMs: latency(1) },
    ],
  }),
  "rekeys.refused.ike": (n) => ({ rekeys }) => ({
    rekeys: { ...rekeys, ike: 900, refused: { ike: n, child: 0, causes: [] } },
  }),
  "rekeys.refused.child": (n) => ({ rekeys }) => ({
    rekeys: { ...rekeys, child: 900, refused: { ike: 0, child: n, causes: [] } },
  }),
  "children.refused": (n) => ({ children }) => ({
    children: { ...children, refused: { count: n, causes: [] } },
  }),
  "children.lost": (n) => ({ children }) => ({
    children: { ...children, lost: { count: n, causes: [] } },
  }),
  "deletesUnanswered": (n) => () => ({ deletesUnanswered: n }),
  "retries": (n) => () => ({ retries: n }),
  "strangers": (n) => () => ({ strangers: [{ cause: "NO_ANSWER", count: n, example: "" }] }),
  "moves.failed": (n) => ({ moves }) => ({
    moves: { ...moves, done: 900, failed: { count: n, causes: [] } },
  }),
  "resumptions.refused": (n) => ({ resumptions }) => ({
    resumptions: {
      ...resumptions,
      done: 900,
      refused: [{ cause: "TICKET_EXPIRED", count: n, example: "" }],
    },
  }),
};

for (const [name, of] of Object.entries(WORSE)) {
  Deno.test(`compare: ${name} of 300 is worse than one of 30, and 30 better than 300`, () => {
    assert.equal(verdictOf(name, { more: of(30) }, { more: of(300) }), "worse");
    assert.equal(verdictOf(name, { more: of(300) }, { more: of(30) }), "better");
  });
}

Deno.test("compare: without any tunnel a gateway is worse, though none counts as failed and both runs failed", () => {
  const before = resultOf({ result: "failed", configured: 2_000, established: 2_000 });
  const after = resultOf({ result: "failed", configured: 2_000, established: 0 });
  const { isWorse, figures } = compareResults(before, after, 0.05);
  assert.equal(isWorse, true);
  assert.deepEqual(
    figures.filter(({ verdict }) => verdict === "worse").map(({ name }) => name),
    ["tunnels.established"],
  );
});

Deno.test("compare: rekeys in steps without a set-up count among the steps", () => {
  const resultWith = (p99: number) => {
    const { timeline, latencyMs, ...rest } = resultOf({ steps: [9, 9, 9, 9, 9, 9] });
    const steps = {
      ...timeline!.steps,
      established: [9, 0, 0, 0, 0, 0],
      createChildP99: [p99, p99 + 1, p99 + 2, p99, p99, 999],
    };
    return {
      ...rest,
      latencyMs: { ...latencyMs, createChild: latency(p99) },
      timeline: { ...timeline!, steps },
    };
  };
  const { figures } = compareResults(resultWith(10), resultWith(100), 0.05);
  const { verdict, why } = figures.find(({ name }) => name === "latencyMs.createChild.p99")!;
  assert.equal(verdict, "unclear");
  assert.match(why, /the steps of a run vary as much/);
});

for (const [what, name, before, after, verdict] of CASES) {
  Deno.test(`compare: ${what}`, () => assert.equal(verdictOf(name, before, after), verdict));
}

Deno.test("a run that fails after one that passed is worse, whatever its figures are", () => {
  assert.equal(compareResults(resultOf({}), resultOf({ result: "failed" }), 1).isWorse, true);
  assert.equal(compareResults(resultOf({ result: "failed" }), resultOf({}), 1).isWorse, false);
});

Deno.test("a file that is no result, or one of another schema, is refused, and the error names it", () => {
  const good = resultOf({});
  const messageFor = (value: unknown) => {
    try {
      readResult(typeof value === "string" ? value : JSON.stringify(value), "x.json");
    } catch (e) {
      return (e as Error).message;
    }
    return "accepted";
  };
  assert.equal(messageFor(good), "accepted");
  assert.match(messageFor("{"), /^Cannot read x\.json as JSON/);
  assert.match(messageFor([1]), /no JSON result/);
  assert.equal(
    messageFor({ ...good, schema: "myikev2-result/7" }),
    `Cannot read x.json: its schema is myikev2-result/7, and this program reads ${RESULT_SCHEMA}`,
  );
  assert.match(messageFor({ ...good, retries: "<b>" }), /retries is string, not number/);
  const { latencyMs: _, ...less } = good;
  assert.match(messageFor(less), /latencyMs is missing/);
  const failures = [{ cause: 1, count: 1, example: "" }];
  assert.match(messageFor({ ...good, failures }), /failures\[0\]\.cause is number, not string/);
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
