/**
 * Judges a run by the thresholds of its setup.
 * @module
 */
import type { LatencyFigures } from "@/engine/show/histogram.ts";
import { parseThreshold, type Threshold, unitOfFigure } from "@/setup/threshold.ts";

/** The verdict on one threshold. */
export interface ThresholdVerdict {
  readonly threshold: string;
  /** The figure in the unit of the threshold's limit; undefined: nothing was measured, so that it is broken. */
  readonly value: number | undefined;
  readonly held: boolean;
}

/** A verdict in the JSON result, with null where nothing was measured. */
export interface ThresholdVerdictJson {
  readonly threshold: string;
  readonly value: number | null;
  readonly held: boolean;
}

/** The thresholds of a run with their verdicts, and the number of its tunnels. */
export interface JudgedThresholds {
  readonly rules: readonly Threshold[];
  readonly tunnels: number;
  readonly verdicts: readonly ThresholdVerdict[];
}

/** The figures that thresholds are about. */
export interface JudgedFigures {
  readonly setupMs: LatencyFigures | undefined;
  readonly setupFromDueMs: LatencyFigures | undefined;
  readonly ikeSaInitMs: LatencyFigures | undefined;
  readonly ikeAuthMs: LatencyFigures | undefined;
  readonly createChildMs: LatencyFigures | undefined;
  readonly setupAgainMs: LatencyFigures | undefined;
  readonly traffic: {
    readonly latencyMs: LatencyFigures | undefined;
    readonly jitterMs: LatencyFigures | undefined;
    readonly lossPercent: number | undefined;
  } | undefined;
  readonly ikeSessionResumeMs: LatencyFigures | undefined;
  readonly ping: {
    readonly latencyMs: LatencyFigures | undefined;
    readonly lossPercent: number | undefined;
  } | undefined;
  readonly failed: number;
  readonly lost: number;
  readonly retries: number;
  readonly retransmissions: number;
  readonly setupRate: number | undefined;
  readonly rssBytes: number;
  readonly cpuMsPerTunnel: number | undefined;
}

/** The figures of a run, and how many tunnels it has, to which percentages refer. */
export interface Judged {
  readonly figures: JudgedFigures;
  readonly tunnels: number;
}

/** The least number of samples with which a percentile is judged while a test runs. */
const SAMPLES_MIN = 100;

/** The verdict on each threshold at the end of a run. */
export function judge(thresholds: readonly Threshold[], judged: Judged): ThresholdVerdict[] {
  return thresholds.map((threshold) => {
    const value = valueOf(threshold, judged);
    return { threshold: threshold.text, value: rounded(value), held: holds(threshold, value) };
  });
}

/**
 * The first threshold that is broken while a test runs: an upper bound that a figure exceeds. Figures that
 * have to become large, such as the rate, and percentiles of a few samples are only judged at the end.
 */
export function brokenMeanwhile(
  thresholds: readonly Threshold[],
  judged: Judged,
): ThresholdVerdict | undefined {
  const bounds = thresholds.filter(({ comparison, figure }) => {
    if (comparison.startsWith(">")) return false;
    if ("name" in figure) return figure.name !== "cpu";
    const latency = latencyOf(figure.latency, judged.figures);
    return latency !== undefined && (figure.percentile === "max" || latency.samples >= SAMPLES_MIN);
  });
  return judge(bounds, judged).find(({ held, value }) => !held && value !== undefined);
}

/** Describes a verdict: `p99(setup) < 200ms: broken, 312 ms`. */
export function verdictWords(verdict: ThresholdVerdict | ThresholdVerdictJson): string {
  const { threshold, held } = verdict;
  return `${threshold}: ${held ? "held" : "broken"}, ${measuredWords(verdict)}`;
}

/** What was measured, with its unit. */
export function measuredWords(
  { threshold, value }: ThresholdVerdict | ThresholdVerdictJson,
): string {
  if (value === undefined || value === null) return "nothing was measured";
  const known = parseThreshold(threshold);
  return `${value}${known ? unitOfFigure(known) : ""}`;
}

function valueOf(
  { figure, isPercent }: Threshold,
  { figures, tunnels }: Judged,
): number | undefined {
  if ("latency" in figure) {
    return latencyOf(figure.latency, figures)?.[figure.percentile];
  }
  switch (figure.name) {
    case "rate":
      return figures.setupRate;
    case "rss":
      return figures.rssBytes;
    case "cpu":
      return figures.cpuMsPerTunnel;
    case "pingloss":
      return figures.ping?.lossPercent;
    case "loss(traffic)":
      return figures.traffic?.lossPercent;
    default: {
      const count = figures[figure.name];
      return isPercent ? 100 * count / Math.max(1, tunnels) : count;
    }
  }
}

function latencyOf(
  name: Extract<Threshold["figure"], { latency: unknown }>["latency"],
  figures: JudgedFigures,
): LatencyFigures | undefined {
  switch (name) {
    case "setup":
      return figures.setupMs;
    case "due":
      return figures.setupFromDueMs;
    case "init":
      return figures.ikeSaInitMs;
    case "auth":
      return figures.ikeAuthMs;
    case "createChild":
      return figures.createChildMs;
    case "setupAgain":
      return figures.setupAgainMs;
    case "resume":
      return figures.ikeSessionResumeMs;
    case "ping":
      return figures.ping?.latencyMs;
    case "traffic":
      return figures.traffic?.latencyMs;
    case "jitter":
      return figures.traffic?.jitterMs;
  }
}

function holds({ comparison, limit }: Threshold, value: number | undefined): boolean {
  if (value === undefined) return false;
  if (comparison === "<") return value < limit;
  if (comparison === "<=") return value <= limit;
  return comparison === ">" ? value > limit : value >= limit;
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1000) / 1000;
}
