/**
 * Merges the results of several processes that have shared a load into one JSON result. The processes have run
 * the slices of one setup (`test --slice`), or setups of their own.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import { showDuration } from "@/base/duration.ts";
import { figuresIn, type FiguresOf, jsonOf, mergeFigures } from "@/engine/show/figure.ts";
import { FIGURES } from "@/engine/show/figures.ts";
import { verdictWords } from "@/engine/show/thresholds.ts";
import { showSlice, type Slice } from "@/base/slice.ts";
import {
  RESULT_SCHEMA,
  RESULT_TABLE,
  type RUN_FIELDS,
  type RunResultJson,
} from "@/report/result.ts";

/** A result and the name of its file. */
export interface NamedResult {
  readonly name: string;
  readonly result: RunResultJson;
}

/** The merged result, and notes about it for the user, such as further reasons of failure. */
export interface MergedResult {
  readonly result: RunResultJson;
  readonly notes: readonly string[];
}

/** The most numbers of missing slices that a message names. */
const MISSING_SHOWN_MAX = 20;
/** Starts that are further apart than this are noted, as the slices did not load the peer at the same time. */
const APART_MS = 100;

/**
 * Merges results. The merged result is a failure if one of them is, if a slice is missing, or if a threshold
 * does not hold for all together. @throws {SetupError} if the results cannot be parts of one load.
 */
export function mergeResults(parts: readonly NamedResult[]): MergedResult {
  if (parts.length === 0) throw new SetupError("Cannot merge: no result was given");
  // The result of a run that never began does not contain the slice that it was meant to be.
  const begun = parts.filter(({ result }) => result.role !== null);
  const [first] = begun;
  if (!first) throw new SetupError("Cannot merge: none of these runs ever began");
  const of = slicesOf(begun);
  refuseOthers(begun);
  const missing = of === undefined ? [] : missingSlices(begun, of);
  const figures = mergedFigures(begun.map(({ result }) => result));
  const broken = figures.thresholds.verdicts.find(({ held }) => !held);
  const faults = [
    ...missing.length > 0 && of !== undefined ? [missingWords(missing, of)] : [],
    ...parts.filter(({ result }) => result.result === "failed").map(failedWords),
    ...broken ? [`Threshold ${verdictWords(broken)}`] : [],
  ];
  const isStopped = parts.some(({ result }) => result.result === "stopped");
  const starts = begun.map(({ result }) => result.startedAt).filter((at) => at !== null).sort();
  const fields: FiguresOf<typeof RUN_FIELDS> = {
    schema: RESULT_SCHEMA,
    program: first.result.program,
    result: faults.length > 0 ? "failed" : isStopped ? "stopped" : "passed",
    error: faults[0] ?? null,
    setupErrors: parts.flatMap(({ result }) => result.setupErrors),
    role: first.result.role,
    setup: first.result.setup,
    configured: begun.reduce((sum, { result }) => sum + (result.tunnels.configured ?? 0), 0),
    slice: null,
    startedAt: starts[0] ?? null,
  };
  const result = jsonOf(RESULT_TABLE, { ...fields, ...figures, timeline: null });
  return { result, notes: [...faults.slice(1), ...notesOn(parts, starts)] };
}

/**
 * The figures of all results together. The processor time per tunnel is merged differently for processes than
 * for threads of one process: see {@linkcode cpuOf}.
 */
function mergedFigures(results: readonly RunResultJson[]): FiguresOf<typeof FIGURES> {
  const figures = mergeFigures(FIGURES, results.map((result) => figuresIn(FIGURES, result)));
  return { ...figures, cpuMsPerTunnel: cpuOf(results) };
}

/** The mean processor time per tunnel; each process has measured its own time for its own tunnels. */
function cpuOf(results: readonly RunResultJson[]): number | undefined {
  let ms = 0;
  let tunnels = 0;
  for (const { cpuMsPerTunnel, tunnels: { established } } of results) {
    if (cpuMsPerTunnel === null) continue;
    ms += cpuMsPerTunnel * established;
    tunnels += established;
  }
  return tunnels > 0 ? ms / tunnels : undefined;
}

/** The number of slices of the load; undefined: the results are those of whole runs. */
function slicesOf(begun: readonly NamedResult[]): number | undefined {
  const known = new Map<number, string>();
  const { name: firstName, result: { slice: firstSlice } } = begun[0]!;
  const of = firstSlice?.of;
  for (const { name, result: { slice } } of begun) {
    if (slice?.of !== of) {
      throw new SetupError(
        `Cannot merge ${name}: it is ${sliceWords(slice)}, and ${firstName} is ` +
          sliceWords(firstSlice),
      );
    }
    if (!slice) continue;
    const before = known.get(slice.number);
    if (before !== undefined) {
      throw new SetupError(`Cannot merge ${name}: ${before} is slice ${showSlice(slice)} too`);
    }
    known.set(slice.number, name);
  }
  return of;
}

function sliceWords(slice: Slice | null): string {
  return slice ? `slice ${showSlice(slice)}` : "the result of a whole run";
}

/** Refuses results that have different roles or thresholds, as they cannot be judged together. */
function refuseOthers(begun: readonly NamedResult[]): void {
  const rulesOf = ({ thresholds }: RunResultJson) =>
    thresholds.map(({ threshold }) => threshold).join(", ") || "none";
  const { name: first, result: other } = begun[0]!;
  for (const { name, result } of begun) {
    if (result.role !== other.role) {
      throw new SetupError(
        `Cannot merge ${name}: it is of a ${result.role}, and ${first} of a ${other.role}`,
      );
    }
    if (rulesOf(result) !== rulesOf(other)) {
      throw new SetupError(
        `Cannot merge ${name}: its thresholds (${rulesOf(result)}) are not those of ${first} ` +
          `(${rulesOf(other)})`,
      );
    }
  }
}

function missingSlices(begun: readonly NamedResult[], of: number): number[] {
  const known = new Set(begun.map(({ result }) => result.slice?.number));
  return Array.from({ length: of }, (_, i) => i + 1).filter((number) => !known.has(number));
}

function missingWords(missing: readonly number[], of: number): string {
  const shown = missing.slice(0, MISSING_SHOWN_MAX).join(", ");
  const more = missing.length > MISSING_SHOWN_MAX ? " and others" : "";
  const what = missing.length === 1 ? "Slice" : "Slices";
  return `${what} ${shown}${more} of ${of} missing: the tunnels whose index is ` +
    `${missing.slice(0, MISSING_SHOWN_MAX).map((number) => number - 1).join(", ")}${more} modulo ` +
    `${of} were not made, or their result was not given`;
}

function failedWords({ name, result: { error, slice } }: NamedResult): string {
  return `${slice ? `Slice ${showSlice(slice)} (${name})` : name} failed: ${error ?? "no reason"}`;
}

/** Notes on what the figures do not show: how far apart the runs began, and that timelines are left out. */
function notesOn(parts: readonly NamedResult[], starts: readonly string[]): string[] {
  const notes: string[] = [];
  const apartMs = Date.parse(starts.at(-1) ?? "") - Date.parse(starts[0] ?? "");
  if (apartMs > APART_MS) {
    notes.push(
      `The runs began ${showDuration(apartMs)} apart, by the clocks of their hosts: clocks that ` +
        "differ, or no common --start-at. The rate of the sum is that of runs at the same time",
    );
  }
  if (parts.some(({ result }) => result.timeline !== null)) {
    notes.push("Timelines are left out, as those of several hosts do not make one");
  }
  return notes;
}
