// The summaries of runs that share a load, as the summary of one run.
import assert from "node:assert/strict";
import { mergeRunSummaries } from "@/engine/show/merge_summaries.ts";
import { RunResult, type RunSummary } from "@/engine/show/view.ts";

const START = Date.UTC(2026, 5, 1);

/** Two of three tunnels were established within a second; the run has passed. */
const PASSED: RunSummary = {
  role: "client",
  startEpochMs: START,
  testEndEpochMs: START + 60_000,
  actualEndEpochMs: START + 61_000,
  creationStartEpochMs: START + 100,
  creationFinishEpochMs: START + 1_100,
  createDurationMs: 1_000,
  setupFileName: "client.yaml",
  createdTunnels: 2,
  setupRate: 2,
  ikeSasByState: [0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0],
  ikeSasTotal: 3,
  live: 2,
  hasChild: 2,
  createdLive: 2,
  configured: 3,
  flapping: 1,
  result: RunResult.PASSED,
  lastErrMsg: "",
};

function merged(...changes: readonly Partial<RunSummary>[]): RunSummary {
  return mergeRunSummaries(changes.map((change) => ({ ...PASSED, ...change })));
}

Deno.test("the summary of one run is its own", () => {
  assert.deepEqual(merged({}), PASSED);
});

Deno.test("counts are added, and the creation lasts from the first start to the last end", () => {
  const whole = merged({}, {
    startEpochMs: START - 10,
    testEndEpochMs: START + 70_000,
    actualEndEpochMs: START + 62_000,
    creationStartEpochMs: START + 600,
    creationFinishEpochMs: START + 2_100,
    createDurationMs: 1_500,
    // A gateway may have more tunnels than are configured: the others do not count in the rate.
    createdTunnels: 8,
  });
  assert.deepEqual(whole, {
    ...PASSED,
    startEpochMs: START - 10,
    testEndEpochMs: START + 70_000,
    actualEndEpochMs: START + 62_000,
    creationFinishEpochMs: START + 2_100,
    createDurationMs: 2_000,
    createdTunnels: 10,
    setupRate: 2.5,
    ikeSasByState: [0, 0, 2, 4, 0, 0, 0, 0, 0, 0, 0],
    ikeSasTotal: 6,
    live: 4,
    hasChild: 4,
    createdLive: 4,
    configured: 6,
    flapping: 2,
  });
});

Deno.test("the load has not finished until all runs have", () => {
  const whole = merged({}, {
    actualEndEpochMs: undefined,
    creationFinishEpochMs: undefined,
    createDurationMs: 5_000,
    result: RunResult.RUNNING,
  });
  assert.equal(whole.actualEndEpochMs, undefined);
  assert.equal(whole.creationFinishEpochMs, undefined);
  assert.equal(whole.createDurationMs, 5_000);
  assert.equal(whole.result, RunResult.RUNNING);
});

Deno.test("a run that has not begun to create tunnels does not change their duration", () => {
  const idle = {
    creationStartEpochMs: undefined,
    createDurationMs: undefined,
    createdTunnels: 0,
    setupRate: undefined,
  };
  assert.equal(merged(idle, {}).createDurationMs, 1_000);
  assert.equal(merged(idle, {}).setupRate, 2);
  assert.equal(merged(idle, idle).createDurationMs, undefined);
  assert.equal(merged(idle, idle).setupRate, undefined);
});

Deno.test("the worst result of the runs is that of the load, with its first error", () => {
  const failed = { result: RunResult.FAILED, lastErrMsg: "tunnel 1 failed" };
  const stopped = { result: RunResult.STOPPED };
  assert.equal(merged({}, stopped).result, RunResult.STOPPED);
  assert.equal(merged(stopped, failed, {}).result, RunResult.FAILED);
  assert.equal(merged(failed, { result: RunResult.RUNNING }).result, RunResult.RUNNING);
  assert.equal(merged({}, failed, { lastErrMsg: "tunnel 7 failed" }).lastErrMsg, "tunnel 1 failed");
});
