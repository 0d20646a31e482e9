/**
 * The definition of a figure of a run: its place in the JSON result, its meaning, how the figures of several
 * runs that share a load are merged, and its lines in the closing report. `figures.ts` is the table of
 * figures.
 * @module
 */
import { bucketOf, Histogram, type LatencyFigures, middleOf } from "@/engine/show/histogram.ts";
import type { TypeWords } from "@/engine/show/shape.ts";

/** Failed tunnels, or strangers, of one cause. */
export interface FailureFigures {
  /** A notify's IANA name, NO_ANSWER, … */
  readonly cause: string;
  readonly count: number;
  /** A description of the first of them, with its tunnel or address. */
  readonly example: string;
}

/** A number of events, and their causes, the most frequent first. */
export interface CountedCauses {
  readonly count: number;
  readonly causes: readonly FailureFigures[];
}

/** Percentiles in the JSON result; all null without a sample. */
export interface LatencyResult {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** The same with the histogram that they were computed from, so that results can be merged. */
export interface MergeableLatency extends LatencyResult {
  /**
   * Pairs of the middle of a bucket in microseconds and its number of samples. 64 buckets are as wide as
   * their first begins; below 64 µs each value has its own.
   */
  readonly buckets: readonly (readonly [us: number, samples: number])[];
}

/** One figure: `T` as the engine has it, `J` as JSON has it. */
export interface Figure<P extends string, T, J> {
  /** Its place in the JSON result, such as `rekeys.ike`. Several figures may be in one object. */
  readonly path: P;
  /** Its type in JSON, for the documentation and the schema. */
  readonly type: TypeWords;
  /** Its meaning, with its unit. */
  readonly doc: string;
  /** Fields within it that are documented by themselves. */
  readonly parts: readonly Documented[];
  /** Its value in the result of a run that never began. */
  readonly none: J;
  /**
   * Merges the values of several parts of one run, at least one. `whole` has the merged figures before this
   * one in the table.
   */
  merge(parts: readonly T[], whole: Readonly<Record<string, unknown>>): T;
  json(value: T): J;
  /** The inverse of `json`, up to its rounding. `whole` is the JSON of all figures. */
  read(json: J, whole: unknown): T;
  /**
   * Its lines in the closing report, which most figures only have if there is something to report. `whole` is
   * the JSON of all figures, for a line that compares.
   */
  lines(json: J, whole: unknown): readonly string[];
}

/** A field of the JSON result in the documentation. */
export interface Documented {
  readonly path: string;
  readonly type: TypeWords;
  readonly doc: string;
}

/** The optional properties of a figure. */
interface Told<J> {
  readonly lines?: (json: J, whole: unknown) => readonly string[];
}

const silent = () => [];
const same = <T>(value: T) => value;

/** A number of events or things, which is summed up. */
export function count<P extends string>(
  path: P,
  doc: string,
  { lines = silent }: Told<number> = {},
): Figure<P, number, number> {
  const merge = (parts: readonly number[]) => parts.reduce((sum, n) => sum + n, 0);
  return { path, type: "number", doc, parts: [], none: 0, merge, json: same, read: same, lines };
}

/** A number of which the largest one counts. */
export function largest<P extends string>(path: P, doc: string): Figure<P, number, number> {
  const merge = (parts: readonly number[]) => Math.max(...parts);
  const rest = { json: same<number>, read: same<number>, lines: silent };
  return { path, type: "number", doc, parts: [], none: 0, merge, ...rest };
}

/** A number that may be absent; three decimals of it are shown. */
export function measured<P extends string>(
  path: P,
  doc: string,
  merge: (parts: readonly number[], whole: Readonly<Record<string, unknown>>) => number,
  { lines = silent }: Told<number | null> = {},
): Figure<P, number | undefined, number | null> {
  return {
    path,
    type: "number or null",
    doc,
    parts: [],
    none: null,
    json: rounded,
    read: (json) => json ?? undefined,
    lines,
    merge(parts, whole) {
      const known = parts.filter((part) => part !== undefined);
      return known.length > 0 ? merge(known, whole) : undefined;
    },
  };
}

/** Percentiles of a duration in milliseconds. */
export function latency<P extends string>(
  path: P,
  doc: string,
  { lines = silent }: Told<LatencyResult> = {},
): Figure<P, LatencyFigures | undefined, MergeableLatency> {
  return {
    path,
    type: "{p50, p90, p99, max, buckets}",
    doc,
    parts: [],
    lines,
    none: mergeableJson(undefined),
    merge: mergeLatencies,
    json: mergeableJson,
    read: readLatency,
  };
}

/** Counts by cause, with an example of each cause. */
export function causes<P extends string>(
  path: P,
  doc: string,
  lineOf: (cause: string) => string,
): Figure<P, readonly FailureFigures[], readonly FailureFigures[]> {
  return {
    path,
    type: "list of {cause, count, example}",
    doc,
    parts: [],
    none: [],
    merge: (parts) => mergeCauses(parts.flat()),
    json: same,
    read: same,
    lines: (list) => causeLines(list, lineOf),
  };
}

/** Counts by name. */
export function byName<P extends string>(
  path: P,
  doc: string,
  lineOf: (name: string, count: number) => string,
): Figure<P, ReadonlyMap<string, number>, Readonly<Record<string, number>>> {
  return {
    path,
    type: "object of numbers",
    doc,
    parts: [],
    none: {},
    merge: mergeNames,
    json: (counts) => Object.fromEntries(counts),
    read: (counts) => new Map(Object.entries(counts)),
    lines: (counts) =>
      Object.entries(counts).sort(([, a], [, b]) => b - a).map(([name, n]) => lineOf(name, n)),
  };
}

/** A text that is the same in all parts of a run; JSON has null if the run never began. */
export function word<P extends string, T extends string>(
  path: P,
  doc: string,
): Figure<P, T, T | null> {
  return {
    path,
    type: "text or null",
    doc,
    parts: [],
    none: null,
    lines: silent,
    merge: ([first]) => first!,
    json: same,
    // A text is missing where the run never began alone, and such results have no figures.
    read: (text) => text!,
  };
}

/** Any other figure; `read` may be left out where JSON has the value itself. */
export function figure<P extends string, T, J>(
  figure:
    & Omit<Figure<P, T, J>, "lines" | "parts" | "read">
    & Partial<Pick<Figure<P, T, J>, "lines" | "parts" | "read">>,
): Figure<P, T, J> {
  return { parts: [], lines: silent, read: same as never, ...figure };
}

/** The parts of a load that lost most, at most `max` of them in the result. */
export function worstOf<T extends { readonly lost: number }, J>(
  about: Pick<Figure<"worst", readonly T[], readonly J[]>, "type" | "doc">,
  max: number,
  { json, read }: { readonly json: (one: T) => J; readonly read: (one: J) => T },
): Figure<"worst", readonly T[], readonly J[]> {
  return figure({
    ...about,
    path: "worst",
    none: [],
    merge: (parts) => parts.flat().sort((a, b) => b.lost - a.lost).slice(0, max),
    json: (all) => all.map(json),
    read: (all) => all.map(read),
  });
}

// deno-lint-ignore no-explicit-any -- a table holds figures of every type.
type AnyFigure = Figure<string, any, any>;

/** Figures by the names that the engine has for them. */
export type FigureTable = Readonly<Record<string, AnyFigure>>;

/** The values of a table in the engine. */
export type FiguresOf<T extends FigureTable> = {
  readonly [K in keyof T]: T[K] extends Figure<string, infer V, infer _> ? V : never;
};

/** The values of a table in JSON. */
export type JsonOf<T extends FigureTable> = Whole<
  { [K in keyof T]: T[K] extends Figure<infer P, infer _, infer J> ? At<P, J> : never }[keyof T]
>;

/** `{ a: { b: T } }` of `a.b`. */
type At<P extends string, T> = P extends `${infer Head}.${infer Rest}`
  ? { readonly [K in Head]: At<Rest, T> }
  : { readonly [K in P]: T };

/** All members of a union at once. */
type Whole<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void ? I
  : never;

/** The JSON of a table's values. */
export function jsonOf<T extends FigureTable>(table: T, values: FiguresOf<T>): JsonOf<T> {
  return placed(table, (name, figure) => figure.json(values[name as keyof T]));
}

/** The JSON of a table of a run that never began. */
export function noneOf<T extends FigureTable>(table: T): JsonOf<T> {
  return placed(table, (_, figure) => figure.none);
}

/** The values that stand in the JSON of a table. */
export function figuresIn<T extends FigureTable>(table: T, json: JsonOf<T>): FiguresOf<T> {
  const values: Record<string, unknown> = {};
  for (const [name, figure] of Object.entries(table)) {
    values[name] = figure.read(valueAt(json, figure.path), json);
  }
  return values as FiguresOf<T>;
}

/** The values of a run that several parts share. */
export function mergeFigures<T extends FigureTable>(
  table: T,
  parts: readonly FiguresOf<T>[],
): FiguresOf<T> {
  const merged: Record<string, unknown> = {};
  for (const [name, figure] of Object.entries(table)) {
    merged[name] = figure.merge(parts.map((part) => part[name as keyof T]), merged);
  }
  return merged as FiguresOf<T>;
}

/** All lines of the closing report, in the order of the table. */
export function linesOf<T extends FigureTable>(table: T, json: JsonOf<T>): string[] {
  return Object.values(table).flatMap((figure) => figure.lines(valueAt(json, figure.path), json));
}

/** Every documented field of a table, in its order. */
export function documentedOf(table: FigureTable): Documented[] {
  return Object.values(table).flatMap(({ path, type, doc, parts }) => [
    { path, type, doc },
    ...parts.map((part) => ({ ...part, path: `${path}.${part.path}` })),
  ]);
}

/** A figure that is a table itself; undefined if it does not apply to a run. */
export function group<P extends string, T extends FigureTable, N>(
  path: P,
  table: T,
  told: {
    readonly doc: string;
    /** The value in JSON if the figure does not apply. */
    readonly absent: N;
    readonly lines: (json: JsonOf<T> | N) => readonly string[];
  },
): Figure<P, FiguresOf<T> | undefined, JsonOf<T> | N> {
  return {
    path,
    type: told.absent === null ? "object or null" : "object",
    doc: told.doc,
    parts: documentedOf(table),
    none: told.absent,
    merge(parts) {
      const known = parts.filter((part) => part !== undefined);
      return known.length > 0 ? mergeFigures(table, known) : undefined;
    },
    json: (values) => values === undefined ? told.absent : jsonOf(table, values),
    read: (json) =>
      json === null || json === undefined ? undefined : figuresIn(table, json as JsonOf<T>),
    lines: told.lines,
  };
}

function placed<T extends FigureTable>(
  table: T,
  valueOf: (name: string, figure: AnyFigure) => unknown,
): JsonOf<T> {
  const whole: Record<string, unknown> = {};
  for (const [name, figure] of Object.entries(table)) {
    const steps = figure.path.split(".");
    const last = steps.pop()!;
    let at = whole;
    for (const step of steps) at = (at[step] ??= {}) as Record<string, unknown>;
    at[last] = valueOf(name, figure);
  }
  return whole as JsonOf<T>;
}

function valueAt(json: unknown, path: string): unknown {
  return path.split(".").reduce((at, step) => (at as Record<string, unknown>)[step], json);
}

/** Percentiles of all samples together; undefined without any. */
function mergeLatencies(
  parts: readonly (LatencyFigures | undefined)[],
): LatencyFigures | undefined {
  const data = parts.map((part) => part?.histogram).filter((one) => one !== undefined);
  return Histogram.merged(data).figures();
}

/** Counts of the same name become one. */
export function mergeNames(
  parts: readonly ReadonlyMap<string, number>[],
): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const part of parts) {
    for (const [name, n] of part) sums.set(name, (sums.get(name) ?? 0) + n);
  }
  return sums;
}

/** Causes that are the same become one, the most frequent first. */
export function mergeCauses(list: readonly FailureFigures[]): FailureFigures[] {
  const merged = new Map<string, FailureFigures>();
  for (const one of list) {
    const known = merged.get(one.cause);
    merged.set(one.cause, known ? { ...known, count: known.count + one.count } : one);
  }
  return [...merged.values()].sort((a, b) => b.count - a.count);
}

/** A line for each cause; `lineOf` begins it. */
export function causeLines(
  list: readonly FailureFigures[],
  lineOf: (cause: string) => string,
): string[] {
  return list.map(({ cause, count, example }) => {
    return `${lineOf(cause)}: ${count}, for example: ${example}`;
  });
}

/** The percentiles of the closing report. */
export function latencyText({ p50, p90, p99, max }: LatencyResult): string {
  if (p50 === null) return "no sample";
  return `p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, max ${max} ms`;
}

/** Percentiles as JSON has them. */
export function latencyJson(figures: LatencyFigures | undefined): LatencyResult {
  if (!figures) return { p50: null, p90: null, p99: null, max: null };
  const { p50, p90, p99, max } = figures;
  return { p50: rounded(p50), p90: rounded(p90), p99: rounded(p99), max: rounded(max) };
}

/** The same with the buckets of the histogram. */
function mergeableJson(figures: LatencyFigures | undefined): MergeableLatency {
  const buckets = figures?.histogram?.buckets ?? [];
  return {
    ...latencyJson(figures),
    buckets: buckets.map(([bucket, samples]) => [middleOf(bucket), samples]),
  };
}

function readLatency({ max, buckets }: MergeableLatency): LatencyFigures | undefined {
  const counted = buckets.map(([us, samples]) => [bucketOf(us), samples] as const);
  return Histogram.merged([{ buckets: counted, max: max ?? 0 }]).figures();
}

/** Rounds to three decimals, which are microseconds of a figure in milliseconds. */
export function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1000) / 1000;
}
