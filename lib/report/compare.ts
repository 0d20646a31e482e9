/**
 * Compares two results: which figures became better, which worse, and which differ by no more than
 * noise.
 *
 * A proportion (tunnels that failed, pings that were lost) counts as different when a test of two
 * proportions says so with 99 % confidence. A rate or a latency counts as different when it changed
 * by more than a tolerance and, if both results have a timeline, the values of the steps differ as
 * well, by Welch's test with 99 % confidence. A single run does not show how much two runs of the
 * same test differ from each other; the tolerance must allow for that.
 * @module
 */
import {
  type Measured,
  measuredOf,
  type Proportion,
  proportionsOf,
} from "@/report/compared_figures.ts";
import type { RunResultJson } from "@/report/result.ts";
import type { TimelineColumns } from "@/report/timeline.ts";

/** The result of the comparison of one figure. */
export type Verdict = "better" | "worse" | "same" | "unclear";

/** One figure of both results. */
export interface ComparedFigure {
  /** As in the JSON result: `latencyMs.setup.p99`. */
  readonly name: string;
  readonly before: number | null;
  readonly after: number | null;
  readonly verdict: Verdict;
  /** The reason of the verdict, as text for people. */
  readonly why: string;
}

/** The whole comparison. */
export interface Comparison {
  /** Whether any figure is worse, or a run failed that passed before. */
  readonly isWorse: boolean;
  readonly result: { readonly before: string; readonly after: string };
  readonly figures: readonly ComparedFigure[];
}

/** The quantile of the normal distribution for a two-sided test with 99 % confidence. */
const Z_99 = 2.576;
/** How many steps with a value each of the two timelines must have for Welch's test. */
const STEPS_MIN = 5;

/** Compares two results. A change of up to `tolerance` counts as noise; 0.05 means 5 %. */
export function compareResults(
  before: RunResultJson,
  after: RunResultJson,
  tolerance: number,
): Comparison {
  const figures = [
    ...proportionsOf(before, after).map((one) => comparedProportion(one, before, after)),
    ...measuredOf(before, after).map((one) => comparedMeasure(one, { before, after, tolerance })),
  ].filter((figure) => figure !== undefined);
  const nowFails = after.result === "failed" && before.result !== "failed";
  return {
    isWorse: nowFails || figures.some(({ verdict }) => verdict === "worse"),
    result: { before: before.result, after: after.result },
    figures,
  };
}

function comparedProportion(
  { name, of, among, isBetter }: Proportion,
  before: RunResultJson,
  after: RunResultJson,
): ComparedFigure | undefined {
  const [b, a, ofBefore, ofAfter] = [of(before), of(after), among(before), among(after)];
  if (b === null || a === null || !ofBefore || !ofAfter) return undefined;
  // If an event may happen more than once to each tunnel, the number may exceed the total, and is
  // then no proportion.
  const [p, q] = [Math.min(1, b / ofBefore), Math.min(1, a / ofAfter)];
  const figure = { name, before: b, after: a };
  const shares = `${percent(p)} of ${ofBefore} and ${percent(q)} of ${ofAfter}`;
  if (p === q) return { ...figure, verdict: "same", why: shares };
  const pooled = (p * ofBefore + q * ofAfter) / (ofBefore + ofAfter);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / ofBefore + 1 / ofAfter));
  if (deviation > 0 && Math.abs(p - q) <= Z_99 * deviation) {
    return { ...figure, verdict: "unclear", why: `${shares} may be chance` };
  }
  const isWorse = (q > p) !== (isBetter === "larger");
  return { ...figure, verdict: isWorse ? "worse" : "better", why: shares };
}

function comparedMeasure(
  { name, of, isBetter, column }: Measured,
  { before, after, tolerance }: {
    readonly before: RunResultJson;
    readonly after: RunResultJson;
    readonly tolerance: number;
  },
): ComparedFigure | undefined {
  const b = of(before);
  const a = of(after);
  const figure = { name, before: b, after: a };
  if (b === null && a === null) return undefined;
  if (b === null || a === null) {
    return { ...figure, verdict: "unclear", why: "one of them has no sample" };
  }
  if (b === 0) {
    return { ...figure, verdict: a === 0 ? "same" : "unclear", why: "it was 0 before" };
  }
  const change = (a - b) / b;
  const shown = `${change > 0 ? "+" : ""}${percent(change)}`;
  if (Math.abs(change) <= tolerance) {
    return { ...figure, verdict: "same", why: `${shown}, within ${percent(tolerance)}` };
  }
  const inSteps = column && differsInSteps(stepsOf(before, column), stepsOf(after, column));
  if (inSteps === false) {
    return { ...figure, verdict: "unclear", why: `${shown}, but the steps of a run vary as much` };
  }
  const isWorse = (change > 0) === (isBetter === "smaller");
  const ground = inSteps === undefined ? "by the tolerance alone" : "beyond the steps' own noise";
  return { ...figure, verdict: isWorse ? "worse" : "better", why: `${shown}, ${ground}` };
}

/** The values of a figure in the steps that have one. Set-ups are given as a rate. */
function stepsOf({ timeline }: RunResultJson, column: keyof TimelineColumns): number[] {
  if (!timeline) return [];
  const { atSec, established } = timeline.steps;
  const values: number[] = [];
  for (const [i, value] of timeline.steps[column].entries()) {
    const seconds = atSec[i]! - (atSec[i - 1] ?? 0);
    if (value === null || seconds <= 0) continue;
    // Steps before the first set-up and after the last one say nothing about the rate.
    if (column === "established" && established[i] === 0) continue;
    values.push(column === "established" ? value / seconds : value);
  }
  return values;
}

/** Whether the steps differ by Welch's test; undefined if there are too few steps. */
function differsInSteps(before: readonly number[], after: readonly number[]): boolean | undefined {
  if (Math.min(before.length, after.length) < STEPS_MIN) return undefined;
  const [b, a] = [momentsOf(before), momentsOf(after)];
  const deviation = Math.sqrt(b.variance / before.length + a.variance / after.length);
  return deviation === 0 ? b.mean !== a.mean : Math.abs(a.mean - b.mean) > Z_99 * deviation;
}

function momentsOf(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, n) => sum + n, 0) / values.length;
  const squares = values.reduce((sum, n) => sum + (n - mean) ** 2, 0);
  return { mean, variance: squares / (values.length - 1) };
}

/**
 * The comparison as lines for people: a heading, and a line for each figure that is not the same.
 */
export function comparisonLines({ isWorse, result, figures }: Comparison): string[] {
  const verdict = isWorse
    ? "Worse"
    : figures.some((figure) => figure.verdict === "better")
    ? "Better"
    : "No difference that exceeds the noise";
  const told = figures.filter((figure) => figure.verdict !== "same");
  const same = figures.length - told.length;
  return [
    `${verdict}: ${result.before} before, ${result.after} after`,
    ...told.map(({ name, before, after, verdict, why }) =>
      `${verdict.padEnd(8)}${name.padEnd(34)}${shown(before)} -> ${shown(after)} (${why})`
    ),
    `${same} figures are the same`,
  ];
}

function shown(value: number | null): string {
  return value === null ? "none" : String(Math.round(value * 1000) / 1000);
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 1000) / 10} %`;
}
