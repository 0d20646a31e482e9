/**
 * Makes the figures, the summary and the outcome of a run from those of the workers that share it.
 * @module
 */
import type { Slice } from "@/base/slice.ts";
import { mergeRunFigures, type RunFigures } from "@/engine/show/figures.ts";
import { mergeRunSummaries } from "@/engine/show/merge_summaries.ts";
import { expectedTunnels } from "@/engine/show/run_words.ts";
import { verdictWords } from "@/engine/show/thresholds.ts";
import { type FinalResult, RunResult, type RunSummary } from "@/engine/show/view.ts";
import type { Setup } from "@/setup/setup.ts";

/** What is known of the part of one worker. */
export interface RunPartState {
  readonly figures: RunFigures;
  readonly summary: RunSummary;
}

/** The run whose parts are merged: its setup, and the slice of the tunnels that the process has. */
export interface MergedRun {
  readonly setup: Setup;
  readonly slice: Slice | undefined;
}

/** The figures of all workers together. */
export function figuresOf({ setup }: MergedRun, all: readonly RunPartState[]): RunFigures {
  const parts = all.map(({ figures }) => figures);
  if (setup.role === "client") return mergeRunFigures(parts);
  // All workers of a gateway expect the same tunnels, to which percentages refer once.
  return mergeRunFigures(parts.map((part, number) => {
    const tunnels = number === 0 ? setup.numberoftunnels : 0;
    return { ...part, thresholds: { ...part.thresholds, tunnels } };
  }));
}

/** The summary of all workers together. */
export function summaryOf({ setup, slice }: MergedRun, all: readonly RunPartState[]): RunSummary {
  const parts = all.map(({ summary }) => summary);
  if (setup.role === "client") return { ...mergeRunSummaries(parts), ...(slice && { slice }) };
  const created = parts.map((part) => ({ ...part, configured: part.createdTunnels }));
  return { ...mergeRunSummaries(created), configured: setup.numberoftunnels };
}

/**
 * The outcome. `error`: the first reason of a failure that concerns all workers; empty: there is none. What no
 * worker knows is decided here: the tunnels that a gateway lacks, and the thresholds.
 */
export function outcomeOf(
  run: MergedRun,
  all: readonly RunPartState[],
  error: string,
): FinalResult {
  const figures = figuresOf(run, all);
  const summary = summaryOf(run, all);
  const lacks = shortfallOf(run, figures);
  // What holds for all slices together is for `myikev2 merge` to judge.
  const broken = run.slice ? undefined : figures.thresholds.verdicts.find(({ held }) => !held);
  const hasFailed = summary.result === RunResult.FAILED || error !== "" || lacks !== "" || broken;
  if (!hasFailed) return { result: summary.result, summary, figures };
  const lastErrMsg = error || summary.lastErrMsg || lacks || `Threshold ${verdictWords(broken!)}`;
  const result = RunResult.FAILED;
  return { result, summary: { ...summary, result, lastErrMsg }, figures };
}

function shortfallOf(
  { setup: { role, numberoftunnels } }: MergedRun,
  { established, strangers }: RunFigures,
): string {
  if (role === "client" || established >= numberoftunnels) return "";
  return expectedTunnels(established, numberoftunnels, strangers);
}
