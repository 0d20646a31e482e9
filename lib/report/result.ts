/**
 * The JSON result of a run: one object, documented in `docs/results.md`. It is also written when a
 * test fails, is stopped, or never began because its setup was refused.
 * @module
 */
import type { SetupError } from "@/base/errors.ts";
import { VERSION } from "@/base/version.ts";
import { figure, type FiguresOf, type JsonOf, jsonOf, noneOf } from "@/engine/show/figure.ts";
import { FIGURES } from "@/engine/show/figures.ts";
import type { TypeWords } from "@/engine/show/shape.ts";
import { type FinalResult, RUN_RESULT_NAMES } from "@/engine/show/view.ts";
import type { Slice } from "@/base/slice.ts";
import { type Timeline, TIMELINE_PARTS, type TimelineJson } from "@/report/timeline.ts";

/**
 * The version of the format, which a program checks before it reads a result. Within one version
 * fields may be added, but none is removed.
 */
export const RESULT_SCHEMA = "myikev2-result/1";

/** A field that is not a figure and does not change during a run. */
function given<P extends string, T>(path: P, type: TypeWords, none: T, doc: string) {
  return figure({
    path,
    type,
    doc,
    none,
    merge: ([first]: readonly T[]) => first!,
    json: (v) => v,
  });
}

/** The fields before the figures: they identify the run and say how it ended. */
export const RUN_FIELDS = {
  schema: given(
    "schema",
    "text",
    RESULT_SCHEMA as string,
    `the version of this format, \`${RESULT_SCHEMA}\`: within one version fields may be added, but ` +
      "none is removed or changes its meaning; docs/result.schema.json is its JSON Schema",
  ),
  program: given("program", "text", `myikev2 ${VERSION}` as string, "the program that wrote it"),
  result: given(
    "result",
    '"passed", "failed", "stopped" or "running"',
    "failed" as "passed" | "failed" | "stopped" | "running",
    "client: passed when every configured tunnel came up within its tries, none was lost that " +
      "nobody asked to close, and no more pings than `maxlossrate`; gateway: when at least " +
      "`numberoftunnels` came up, and none was lost likewise, whatever `strangers` did. Stopped: by " +
      "request before the end, with nothing failed",
  ),
  error: given("error", "text or null", null as string | null, "the first reason of a failure"),
  setupErrors: given(
    "setupErrors",
    "list of text",
    [] as readonly string[],
    "every error of a refused setup, as `file:line:column: …`",
  ),
  role: given(
    "role",
    '"client", "gateway" or null',
    null as "client" | "gateway" | null,
    "null when the setup was refused",
  ),
  setup: given("setup", "text or null", null as string | null, "the setup file"),
  configured: given(
    "tunnels.configured",
    "number or null",
    null as number | null,
    "`numberoftunnels`, or how many of them the slice has",
  ),
  slice: figure({
    path: "slice",
    type: "object or null",
    doc: "client with `--slice`: which of `of` slices of the tunnels it made; null: all",
    parts: [
      { path: "number", type: "number", doc: "from 1 to `of`" },
      { path: "of", type: "number", doc: "how many slices there are" },
    ],
    none: null as Slice | null,
    merge: ([first]: readonly (Slice | null)[]) => first!,
    json: (slice) => slice,
  }),
  startedAt: given(
    "startedAt",
    "text or null",
    null as string | null,
    "when the run began by the clock of its host, in UTC (ISO 8601)",
  ),
} as const;

/** The field after the figures: the run over time. */
export const TIMELINE_FIELD = {
  timeline: figure({
    path: "timeline",
    type: "object or null",
    doc:
      "the run over time, if `--timeline` is given or a file that needs it is asked for; each list " +
      "under `steps` has a value for each step",
    parts: TIMELINE_PARTS,
    none: null as TimelineJson | null,
    merge: ([first]: readonly (TimelineJson | null)[]) => first!,
    json: (timeline) => timeline,
  }),
} as const;

/** Every field of the JSON result, in order. */
export const RESULT_TABLE = { ...RUN_FIELDS, ...FIGURES, ...TIMELINE_FIELD } as const;

/** The type of the JSON result. */
export type RunResultJson = JsonOf<typeof RESULT_TABLE>;

/** The result of a run that took place, with its timeline where one was taken. */
export function resultOf(final: FinalResult, timeline?: Timeline): RunResultJson {
  return resultWith(final, timeline?.json() ?? null);
}

/** The same, with a timeline that is in JSON already. Of a run that goes on `result` is "running". */
export function resultWith(
  { result, summary, figures }: FinalResult,
  timeline: TimelineJson | null,
): RunResultJson {
  const fields: FiguresOf<typeof RUN_FIELDS> = {
    schema: RESULT_SCHEMA,
    program: `myikev2 ${VERSION}`,
    result: RUN_RESULT_NAMES[result] as "passed" | "failed" | "stopped" | "running",
    error: summary.lastErrMsg || null,
    setupErrors: [],
    role: summary.role,
    setup: summary.setupFileName,
    configured: summary.configured,
    slice: summary.slice ?? null,
    startedAt: timeOf(summary.startEpochMs),
  };
  return jsonOf(RESULT_TABLE, { ...fields, ...figures, timeline });
}

/** A time in ISO 8601; null where there is none, as a run failed before it began. */
function timeOf(epochMs: number): string | null {
  return Number.isFinite(epochMs) ? new Date(epochMs).toISOString() : null;
}

/** The result of a run that never began. */
export function refusedResult(
  errors: readonly (SetupError | Error)[],
  setup: string | null,
): RunResultJson {
  return {
    ...noneOf(RESULT_TABLE),
    error: errors[0]?.message ?? "Cannot start",
    setupErrors: errors.map((e) => e.message),
    setup,
    rssBytes: Deno.memoryUsage().rss,
  };
}
