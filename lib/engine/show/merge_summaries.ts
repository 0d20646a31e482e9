/**
 * Makes one summary of the summaries of several runs that share a load, such as runs in threads of one
 * process. The figures of such runs are merged by `mergeRunFigures` of `figures.ts`.
 * @module
 */
import { must } from "@/base/errors.ts";
import { RunResult, type RunSummary } from "@/engine/show/view.ts";

/** The summary of a load that several runs share, made of the summaries of all of them. */
export function mergeRunSummaries(parts: readonly RunSummary[]): RunSummary {
  const [first] = parts;
  must(first !== undefined, "a load is shared by at least one run");
  const sum = (of: (part: RunSummary) => number) => parts.reduce((n, part) => n + of(part), 0);
  const creationStartEpochMs = earliest(parts.map((part) => part.creationStartEpochMs));
  const createDurationMs = durationOf(parts, creationStartEpochMs);
  return {
    role: first.role,
    startEpochMs: Math.min(...parts.map(({ startEpochMs }) => startEpochMs)),
    testEndEpochMs: latest(parts.map((part) => part.testEndEpochMs)),
    actualEndEpochMs: latestOfAll(parts.map((part) => part.actualEndEpochMs)),
    creationStartEpochMs,
    creationFinishEpochMs: latestOfAll(parts.map((part) => part.creationFinishEpochMs)),
    createDurationMs,
    setupFileName: first.setupFileName,
    createdTunnels: sum((part) => part.createdTunnels),
    setupRate: rateOf(parts, createDurationMs),
    ikeSasByState: first.ikeSasByState.map((_, state) => sum((part) => part.ikeSasByState[state]!)),
    ikeSasTotal: sum((part) => part.ikeSasTotal),
    live: sum((part) => part.live),
    hasChild: sum((part) => part.hasChild),
    createdLive: sum((part) => part.createdLive),
    configured: sum((part) => part.configured),
    flapping: sum((part) => part.flapping),
    result: resultOf(parts),
    lastErrMsg: parts.find(({ lastErrMsg }) => lastErrMsg !== "")?.lastErrMsg ?? "",
  };
}

/** The load is running as long as one run is; afterwards the worst result of a run is that of the load. */
function resultOf(parts: readonly RunSummary[]): RunResult {
  const order = [RunResult.RUNNING, RunResult.FAILED, RunResult.STOPPED];
  return order.find((result) => parts.some((part) => part.result === result)) ?? RunResult.PASSED;
}

/** Milliseconds from the first creation of any run until the last one has finished, or until now. */
function durationOf(parts: readonly RunSummary[], startEpochMs?: number): number | undefined {
  const ends = parts.map(({ creationStartEpochMs, createDurationMs }) =>
    creationStartEpochMs === undefined || createDurationMs === undefined
      ? undefined
      : creationStartEpochMs + createDurationMs
  );
  const endEpochMs = latest(ends);
  return startEpochMs === undefined || endEpochMs === undefined
    ? undefined
    : endEpochMs - startEpochMs;
}

/** Configured tunnels that were created, per second; undefined if there are none. */
function rateOf(parts: readonly RunSummary[], durationMs: number | undefined): number | undefined {
  const tunnels = parts.reduce(
    (n, { createdTunnels, configured }) => n + Math.min(createdTunnels, configured),
    0,
  );
  return tunnels > 0 && durationMs ? tunnels / (durationMs / 1_000) : undefined;
}

/** The earliest of the times that are known; undefined if none is. */
function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((ms) => ms !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

/** The latest of the times that are known; undefined if none is. */
function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((ms) => ms !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}

/** The latest time if all are known; undefined if the event has not happened in one of the runs. */
function latestOfAll(times: readonly (number | undefined)[]): number | undefined {
  return times.includes(undefined) ? undefined : latest(times);
}
