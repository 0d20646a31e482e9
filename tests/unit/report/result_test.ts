import type { RunFigures } from "@/engine/show/figures.ts";
import assert from "node:assert/strict";
import { mergeFigures } from "@/engine/show/figure.ts";
import { FIGURES as FIGURE_TABLE } from "@/engine/show/figures.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import { resultsDocument } from "../../../scripts/results_docs.ts";
import { SetupError } from "@/base/errors.ts";
import { type FinalResult, RunResult } from "@/engine/show/view.ts";
import { refusedResult, resultOf } from "@/report/result.ts";
import { junitOf } from "@/report/junit.ts";
import { reportPage } from "@/report/report_page.ts";
import { summaryLines } from "@/report/summary.ts";
import { cause, FIGURES, FINAL, LATENCY, SUMMARY } from "../sample_figures.ts";

/** A run without any sample, failure or peer. */
const NO_SAMPLES: FinalResult = {
  result: RunResult.STOPPED,
  summary: { ...SUMMARY, lastErrMsg: "" },
  figures: {
    ...FIGURES,
    setupRate: undefined,
    ikeSaInitMs: undefined,
    ikeAuthMs: undefined,
    ikeIntermediateMs: undefined,
    followupKeMs: undefined,
    informationalMs: undefined,
    setupMs: undefined,
    createChildMs: undefined,
    ikeSessionResumeMs: undefined,
    setupAgainMs: undefined,
    setupFromDueMs: undefined,
    cpuMsPerTunnel: undefined,
    ping: undefined,
    pingsAnswered: 0,
    movesLost: 0,
    deletesUnanswered: undefined,
    failures: [],
    suites: new Map(),
    peers: new Map(),
    strangers: [],
    drops: new Map(),
  },
};

const isText = (v: unknown) => typeof v === "string";
const isNumber = (v: unknown) => typeof v === "number" && Number.isFinite(v) && v >= 0;
const hasOnly = (v: unknown, keys: string[], each: (v: unknown) => boolean) =>
  typeof v === "object" && v !== null && Object.keys(v).join() === keys.join() &&
  Object.values(v).every(each);

function isPingTask(task: Record<string, unknown>): boolean {
  const { from, to, latencyMs, firstPacketMs, ...counts } = task;
  return fits("text or null", from) && isText(to) && fits("{p50, p90, p99, max}", latencyMs) &&
    fits("number or null", firstPacketMs) &&
    hasOnly(counts, ["sent", "received", "lost", "burstMax"], isNumber);
}

/** Each type of the documentation with the check whether a value has it. */
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  "text": isText,
  "text or null": (v) => v === null || isText(v),
  "list of text": (v) => Array.isArray(v) && v.every(isText),
  "number": isNumber,
  "number or null": (v) => v === null || isNumber(v),
  "{p50, p90, p99, max}": (v) =>
    hasOnly(v, ["p50", "p90", "p99", "max"], (n) => n === null || isNumber(n)),
  "{p50, p90, p99, max, buckets}": (v) => {
    const { buckets, ...latency } = v as { buckets: unknown[] };
    const isPair = (one: unknown) => Array.isArray(one) && one.length === 2 && one.every(isNumber);
    return Array.isArray(buckets) && buckets.every(isPair) &&
      TYPES["{p50, p90, p99, max}"]!(latency);
  },
  "list of {cause, count, example}": (v) =>
    Array.isArray(v) &&
    v.every((f) =>
      hasOnly(f, ["cause", "count", "example"], () => true) && isText(f.cause) &&
      isNumber(f.count) && isText(f.example)
    ),
  "list of objects of numbers": (v) => Array.isArray(v) && v.every(isCounts),
  "object of numbers": isCounts,
  "object of numbers or null": (v) => v === null || isCounts(v),
  "object": (v) => typeof v === "object" && v !== null,
  "object or null": (v) => typeof v === "object",
  "list of {threshold, value, held}": (v) => Array.isArray(v) && v.every(isVerdict),
  "list of storms": (v) => Array.isArray(v) && v.every(isStorm),
  "list of tunnels with their traffic": (v) => Array.isArray(v) && v.every(isFlow),
  "list of ping tasks": (v) => Array.isArray(v) && v.every(isPingTask),
};

function isVerdict({ threshold, value, held }: Record<string, unknown>): boolean {
  return typeof threshold === "string" && typeof held === "boolean" &&
    (value === null || typeof value === "number");
}

function isStorm({ kind, atSec, latencyMs, ...counts }: Record<string, unknown>): boolean {
  return isText(kind) && (atSec === null || isNumber(atSec)) &&
    TYPES["{p50, p90, p99, max, buckets}"]!(latencyMs) &&
    hasOnly(counts, ["tunnels", "done", "failed"], isNumber);
}

function isFlow({ from, to, ...figures }: Record<string, unknown>): boolean {
  const names = ["sent", "received", "lost", "duplicates", "reordered", "p50Ms", "p99Ms", "maxMs"];
  return (from === null || isText(from)) && isText(to) &&
    hasOnly(figures, [...names, "jitterMs"], (n) => n === null || isNumber(n));
}

function isCounts(value: unknown): boolean {
  return hasOnly(value, Object.keys(value as object), isNumber);
}

/** The type of each field by its path, read from docs/results.md. */
async function documented(): Promise<Map<string, string>> {
  const text = await Deno.readTextFile(new URL("../../../docs/results.md", import.meta.url));
  assert.ok(text.split("\n").every((line) => line.length <= 100), "readable in a terminal");
  const items = text.replaceAll("\n  ", " ").matchAll(/^- `([\w.]+)` \((.*?)\): \S.*\.$/gm);
  return new Map([...items].map(([, path, type]) => [path!, type!]));
}

/** Whether a value has a type of the documentation, or is one of the JSON values it lists. */
function fits(type: string, value: unknown): boolean {
  const known = TYPES[type];
  if (known) return known(value);
  const words: unknown[] = type.split(/, | or /).map((word) => JSON.parse(word));
  return words.includes(value);
}

/** The value at a path whose names are separated by dots. */
function at(path: string, value: unknown): unknown {
  return path.split(".").reduce((v, key) => (v as Record<string, unknown>)[key], value);
}

/** The paths of all fields of a value, to the depth of the documentation. */
function pathsOf(value: object, known: ReadonlyMap<string, string>, prefix = ""): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = prefix + key;
    const isSection = [...known.keys()].some((k) => k.startsWith(`${path}.`));
    const own = known.has(path) ? [path] : [];
    if (!isSection || inner === null) return own;
    return [...own, ...pathsOf(inner, known, `${path}.`)];
  });
}

const RESULTS = {
  "a run": resultOf(FINAL),
  "a run without samples": resultOf(NO_SAMPLES),
  "a refused setup": refusedResult([new SetupError("one"), new SetupError("two")], "my.yaml"),
  "refused usage": refusedResult([new SetupError("one")], null),
};

for (const [name, result] of Object.entries(RESULTS)) {
  Deno.test(`the result of ${name} has the documented fields with their types, and no others`, async () => {
    const schema = await documented();
    const json = JSON.parse(JSON.stringify(result));
    const paths = pathsOf(json, schema);
    // Fields within `packets`, `slice` and `timeline` are absent if those do not apply.
    const absent = [...schema.keys()].filter((path) => !paths.includes(path));
    assert.deepEqual(
      absent.filter((path) => !/^(?:packets|slice|timeline|traffic|trafficIn)\./.test(path)),
      [],
    );
    assert.deepEqual(paths.filter((path) => !schema.has(path)), []);
    for (const path of paths) {
      const type = schema.get(path)!;
      const value = at(path, json);
      assert.ok(fits(type, value), `${path}: ${JSON.stringify(value)} is no ${type}`);
    }
  });
}

Deno.test("the check of types that these tests use finds wrong types", () => {
  assert.equal(fits('"passed" or "failed"', "running"), false);
  assert.equal(fits('"client", "gateway" or null', null), true);
  assert.equal(fits("number", null), false);
  assert.equal(fits("number", "1"), false);
  assert.equal(fits("{p50, p90, p99, max}", { p50: 1, p90: 1, p99: 1 }), false);
  assert.throws(() => fits("whatever", 1));
});

Deno.test("every figure of a run is in its result at the documented path", () => {
  const result = resultOf(FINAL);
  assert.equal(result.result, "failed");
  assert.equal(result.error, "first reason");
  assert.equal(result.setup, "my.yaml");
  assert.deepEqual(result.tunnels, { configured: 12, established: 10, failed: 2, lost: 1 });
  assert.deepEqual([result.retries, result.retransmissions], [3, 5]);
  const { rekeysRefused: refused, crossedRekeys: crossed, overtime } = FIGURES;
  assert.deepEqual(result.rekeys, { ike: 6, child: 7, refused, crossed, overtime });
  assert.deepEqual(result.storms.map(({ kind, atSec, done }) => [kind, atSec, done]), [
    ["rekey-ike", 12, 8],
    ["drop", null, 0],
  ]);
  assert.deepEqual(result.keyExchanges, FIGURES.keyExchanges);
  const { childrenRefused, childrenLost, refusals } = FIGURES;
  assert.deepEqual(result.children, { refused: childrenRefused, lost: childrenLost });
  assert.deepEqual([result.refusals, result.displaced], [refusals, 7]);
  assert.deepEqual(result.flaps, { down: 9, up: 8 });
  assert.deepEqual(result.latencyMs.ikeSaInit, {
    p50: 1.235,
    p90: 2,
    p99: 3,
    max: 4.5,
    buckets: [],
  });
  assert.deepEqual([result.latencyMs.ikeAuth.p50, result.latencyMs.setup.p50], [11, 21]);
  assert.deepEqual(result.drops, { malformed: 2, "unknown SPI": 8 });
  assert.deepEqual(result.datagrams, {
    sent: 100,
    received: 90,
    sendErrors: [{ cause: "ENETUNREACH", count: 7, example: "Cannot send to 192.0.2.9:500" }],
    neighbourOverflow: { family: 4, entries: 1024, entriesMax: 1024, overflows: 12 },
  });
  assert.deepEqual([result.dataPath, result.packets], ["userland", {
    sent: 8,
    received: 7,
    octetsSent: 672,
    octetsReceived: 588,
    payloads: { sent: 30, received: 20, octetsOfPadding: 999 },
    drops: { replayed: 2 },
  }]);
  assert.deepEqual([result.connections?.accepted, result.connections?.crowdedOut], [7, 2]);
  assert.deepEqual(result.keepalives, { sent: 4, received: 3 });
  const { latencyMs, firstPacketMs, worst, ...ping } = result.ping;
  assert.deepEqual(ping, {
    tasks: 4,
    sent: 100,
    received: 88,
    lost: 12,
    lossPercent: 12,
    burstMax: 5,
    tasksAbove: 1,
    duplicates: 1,
    late: 2,
    reordered: 3,
    altered: 0,
    unsent: 4,
  });
  assert.deepEqual([latencyMs.p50, firstPacketMs.p50, result.pingsAnswered], [31, 41, 17]);
  assert.deepEqual(worst[0], {
    from: "10.0.0.1",
    to: "10.0.1.1",
    sent: 25,
    received: 13,
    lost: 12,
    burstMax: 5,
    latencyMs: { p50: 51, p90: 2, p99: 3, max: 4.5 },
    firstPacketMs: 1,
  });
  assert.deepEqual([worst[1]!.from, worst[1]!.latencyMs.max], [null, null]);
  assert.deepEqual([result.setupRate, result.cpuMsPerTunnel], [123.457, 0.612]);
  assert.deepEqual([result.durationSec, result.rssBytes], [61.234, 123_456_789]);
  assert.deepEqual([result.transport, result.cryptoBackend], ["native", "portable"]);
  assert.deepEqual(result.failures, FIGURES.failures);
});

Deno.test("a figure without samples is null, and not 0", () => {
  const { latencyMs, setupRate, cpuMsPerTunnel, deletesUnanswered, error } = resultOf(NO_SAMPLES);
  const none = { p50: null, p90: null, p99: null, max: null, buckets: [] };
  assert.deepEqual(latencyMs, {
    ikeSaInit: none,
    ikeAuth: none,
    setup: none,
    createChild: none,
    ikeSessionResume: none,
    ikeIntermediate: none,
    ikeFollowupKe: none,
    informational: none,
    setupAgain: none,
    setupFromDue: none,
  });
  assert.deepEqual([setupRate, cpuMsPerTunnel, deletesUnanswered, error], [null, null, null, null]);
});

Deno.test("the closing report shows the latency from the due time if it differs from that of the first message", () => {
  const reportWith = (p50: number) => {
    const setupFromDueMs = { ...LATENCY, p50, max: p50 };
    const setupMs = { ...LATENCY, p50: 21, max: 21 };
    return summaryLines(resultOf({ ...FINAL, figures: { ...FIGURES, setupMs, setupFromDueMs } }))
      .join("\n");
  };
  assert.match(reportWith(500), /^ +from due +p50 500 ms/m);
  assert.doesNotMatch(reportWith(21.5), /from due/);
});

Deno.test("each threshold has its verdict in the closing report, the JUnit file and the HTML page", () => {
  const result = resultOf(FINAL);
  const [line] = summaryLines(result).filter((one) => one.startsWith("Threshold p99(setup)"));
  assert.equal(line, "Threshold p99(setup) < 200ms: broken, 312 ms");
  const junit = junitOf(result, false);
  assert.match(junit, /name="threshold: p99\(setup\) &lt; 200ms".*\n *<failure type="threshold"/);
  assert.match(junit, /name="threshold: failed &lt; 1%" time="0.000">\n *<system-out>/);
  assert.match(
    reportPage(result, { masks: false, advice: () => undefined }),
    /<th scope="row">p99\(init\) &lt; 1s<\/th><td data-column="verdict">broken<\/td><td class="number">nothing was measured</,
  );
});

Deno.test("the result of a refused setup has every error", () => {
  const { result, error, setupErrors, durationSec } = refusedResult(
    [new SetupError("one"), new SetupError("two")],
    "my.yaml",
  );
  assert.deepEqual([result, error, setupErrors], ["failed", "one", ["one", "two"]]);
  assert.equal(durationSec, null);
});

Deno.test("each failure in the closing report ends with the command that explains it", () => {
  const failures = [cause("NO_ANSWER", 2), cause("refused, by the peer", 1)];
  const strangers = [cause("HALF_OPEN_TIMEOUT", 3)];
  const lines = summaryLines(resultOf({ ...FINAL, figures: { ...FIGURES, failures, strangers } }))
    .filter((line) => /^Failed by|^Strangers/.test(line));
  assert.deepEqual(lines.map((line) => /\(myikev2 explain (.+)\)$/.exec(line)![1]), [
    "NO_ANSWER",
    '"refused, by the peer"',
    "HALF_OPEN_TIMEOUT",
  ]);
});

Deno.test("the closing report has the figures of the result", () => {
  const text = summaryLines(resultOf(FINAL)).join("\n");
  assert.match(text, /^Test failed after 1m1.234s: first reason$/m);
  assert.match(
    text,
    /^Tunnels: 10 of 12 established, 2 failed \(1 of them lost\), 123.5 tunnels\/s$/m,
  );
  assert.match(text, /^Retransmissions: 5, retries of tunnels: 3, rekeys: 6 IKE, 7 CHILD$/m);
  assert.match(text, /^IKE SAs with a post-quantum pre-shared key: 1$/m);
  assert.match(text, /^IKE SAs by Curve25519 \+ ml-kem-768: 2$/m);
  assert.match(text, /^Rekeys refused \(NO_PROPOSAL_CHOSEN\): 3, for example: tunnel 5$/m);
  assert.match(text, /^Outlived its lifetime while it was replaced: 0 IKE, 4 CHILD$/m);
  assert.match(text, /^CHILD_SAs refused \(TS_UNACCEPTABLE\): 1, for example: tunnel 5$/m);
  assert.match(text, /^CHILD_SAs lost \(CHILD_DELETED_BY_PEER\): 5, for example: tunnel 5$/m);
  assert.match(text, /^Requests refused here \(INVALID_KE_PAYLOAD\): 6, for example: tunnel 5$/m);
  assert.match(text, /^Displaced by INITIAL_CONTACT of the same peer: 7$/m);
  assert.match(text, /^Flaps: 9 tunnels torn down on purpose, 8 rebuilt$/m);
  assert.match(text, /^IKE_SA_INIT p50 1.235 ms, p90 2 ms, p99 3 ms, max 4.5 ms$/m);
  assert.match(
    text,
    /^Failed by NO_ANSWER: 2, .*: tunnel 3: 4 transmissions \(myikev2 explain NO_ANSWER\)$/m,
  );
  assert.match(text, /^Dropped: 8 for unknown SPI\nDropped: 2 for malformed$/m);
  assert.match(
    text,
    /^1 Delete of the graceful end went unanswered before the test ended: the peer may still hold/m,
  );
  assert.match(
    text,
    /^Sent in vain, by ENETUNREACH: 7, for example: Cannot send to 192\.0\.2\.9:500$/m,
  );
  assert.match(text, /^TCP connections: 0 opened, 7 accepted$/m);
  assert.match(text, /^TCP: 2 connections closed, for too many strangers had one$/m);
  assert.match(text, /^TCP: 1 connections closed, for what came was no stream of IKE and ESP$/m);
  assert.match(
    text,
    /^Ping: 4 tasks, 100 sent, 88 received, 12 lost \(12 %\), at most 5 in a row$/m,
  );
  assert.match(text, /^Ping latency p50 31 ms, .*\nFirst packet p50 41 ms/m);
  assert.match(text, /^Ping tasks above maxlossrate: 1$/m);
  assert.match(text, /^Ping oddities: 1 duplicates, 2 late, 3 reordered, 4 unsent$/m);
  assert.match(text, /^Pings answered: 17$/m);
  assert.match(
    text,
    /^CPU 0.612 ms per tunnel, memory 118 MiB, native transport, portable crypto$/m,
  );
});

Deno.test("the closing report of a run without tunnels has no line for figures that do not exist", () => {
  const text = summaryLines(resultOf(NO_SAMPLES)).join("\n");
  assert.match(text, /^Test stopped after 1m1.234s$/m);
  assert.match(text, /^IKE_SA_INIT no sample$/m);
  assert.match(text, /^CPU per tunnel: none was established, /m);
  assert.doesNotMatch(text, /null|NaN|undefined|Dropped|unanswered|[Pp]ing/);
});

Deno.test("the figures of several parts of a run are merged", () => {
  const latencyOf = (...samplesMs: number[]) => {
    const histogram = new Histogram();
    for (const ms of samplesMs) histogram.add(ms);
    return histogram.figures();
  };
  const first = {
    ...FIGURES,
    setupMs: latencyOf(1, 2, 3),
    ikeAuthMs: undefined,
    deletesUnanswered: undefined,
  };
  const second: RunFigures = {
    ...FIGURES,
    established: 30,
    setupRate: 10,
    elapsedMs: 70_000,
    rssBytes: 5,
    cpuMsPerTunnel: 0.2,
    setupMs: latencyOf(10, 20, 30, 40),
    ikeAuthMs: latencyOf(7),
    failures: [cause("NO_ANSWER", 5), cause("TS_UNACCEPTABLE", 9)],
    drops: new Map([["malformed", 1], ["new", 4]]),
    deletesUnanswered: 3,
    packets: undefined,
    ping: { ...FIGURES.ping!, received: 0, lost: 100, burstMax: 100 },
  };
  const whole = mergeFigures(FIGURE_TABLE, [first, second]);
  assert.deepEqual([whole.established, whole.retries, whole.childRekeys], [40, 6, 14]);
  assert.deepEqual([whole.elapsedMs, whole.rssBytes, whole.transport], [
    70_000,
    123_456_789,
    "native",
  ]);
  assert.equal(whole.setupRate!.toFixed(3), "133.457");
  assert.equal(whole.cpuMsPerTunnel!.toFixed(4), (1 / (1 / 0.61239 + 1 / 0.2)).toFixed(4));
  assert.deepEqual(whole.failures.map(({ cause, count }) => [cause, count]), [
    ["TS_UNACCEPTABLE", 9],
    ["NO_ANSWER", 7],
  ]);
  assert.deepEqual([...whole.drops], [["malformed", 3], ["unknown SPI", 8], ["new", 4]]);
  assert.deepEqual([whole.setupMs!.samples, whole.setupMs!.max], [7, 40]);
  assert.equal(Math.round(whole.setupMs!.p50), 10);
  assert.deepEqual([whole.ikeAuthMs!.samples, whole.deletesUnanswered], [1, 3]);
  assert.deepEqual([whole.packets!.packetsOut, whole.packets!.drops], [8, { replayed: 2 }]);
  assert.deepEqual([whole.ping!.lost, whole.ping!.burstMax], [112, 100]);
  assert.equal(whole.ping!.lossPercent, 100 * 112 / 200);
  assert.deepEqual([whole.rekeysRefused.child, whole.childrenLost.count], [4, 10]);
  assert.equal(whole.impairment[0]!.matched, 18);
});

Deno.test("docs/results.md is what the table of figures generates", async () => {
  const url = new URL("../../../docs/results.md", import.meta.url);
  assert.equal(await Deno.readTextFile(url), resultsDocument());
});
