/**
 * Judges a run by the thresholds of its setup.
 * @module
 */
import type { LatencyFigures } from "@/engine/show/histogram.ts";
import type { Threshold } from "@/setup/threshold.ts";

/** What became of one threshold. */
export interface ThresholdVerdict {
  readonly threshold: string;
  /** The figure in the unit of the threshold's limit; null: nothing was measured, so that it is broken. */
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
  readonly setupMs: LatencyFigures | null;
  readonly setupFromDueMs: LatencyFigures | null;
  readonly ikeSaInitMs: LatencyFigures | null;
  readonly ikeAuthMs: LatencyFigures | null;
  readonly ping: {
    readonly latencyMs: LatencyFigures | null;
    readonly lossPercent: number | null;
  } | null;
  readonly failed: number;
  readonly lost: number;
  readonly retries: number;
  readonly retransmissions: number;
  readonly setupRate: number | null;
  readonly rssBytes: number;
  readonly cpuMsPerTunnel: number | null;
}

/** The figures of a run, and how many tunnels it has, to which percentages refer. */
export interface Judged {
  readonly figures: JudgedFigures;
  readonly tunnels: number;
}

/** Fewer samples than this say nothing of a percentile while a test runs. */
const SAMPLES_MIN = 100;

/** The verdict on each threshold at the end of a run. */
export function judge(thresholds: readonly Threshold[], judged: Judged): ThresholdVerdict[] {
  return thresholds.map((threshold) => {
    const value = valueOf(threshold, judged);
    return { threshold: threshold.text, value: rounded(value), held: holds(threshold, value) };
  });
}

/**
 * The first threshold that is broken while a test runs: an upper bound that a figure exceeds. What has to
 * become large, such as the rate, is judged at the end alone, and so is a percentile of a few samples.
 */
export function brokenMeanwhile(
  thresholds: readonly Threshold[],
  judged: Judged,
): ThresholdVerdict | undefined {
  const bounds = thresholds.filter(({ comparison, figure }) => {
    if (comparison.startsWith(">")) return false;
    if ("name" in figure) return figure.name !== "cpu";
    const latency = latencyOf(figure.latency, judged.figures);
    return latency !== null && (figure.percentile === "max" || latency.samples >= SAMPLES_MIN);
  });
  return judge(bounds, judged).find(({ held, value }) => !held && value !== null);
}

/** A verdict in words: `p99(setup) < 200ms: broken, 312`. */
export function verdictWords({ threshold, value, held }: ThresholdVerdict): string {
  return `${threshold}: ${held ? "held" : "broken"}, ${value ?? "nothing was measured"}`;
}

function valueOf({ figure, isPercent }: Threshold, { figures, tunnels }: Judged): number | null {
  if ("latency" in figure) {
    return latencyOf(figure.latency, figures)?.[figure.percentile] ?? null;
  }
  switch (figure.name) {
    case "rate":
      return figures.setupRate;
    case "rss":
      return figures.rssBytes;
    case "cpu":
      return figures.cpuMsPerTunnel;
    case "pingloss":
      return figures.ping?.lossPercent ?? null;
    default: {
      const count = figures[figure.name];
      return isPercent ? 100 * count / Math.max(1, tunnels) : count;
    }
  }
}

function latencyOf(
  name: Extract<Threshold["figure"], { latency: unknown }>["latency"],
  figures: JudgedFigures,
): LatencyFigures | null {
  switch (name) {
    case "setup":
      return figures.setupMs;
    case "due":
      return figures.setupFromDueMs;
    case "init":
      return figures.ikeSaInitMs;
    case "auth":
      return figures.ikeAuthMs;
    case "ping":
      return figures.ping?.latencyMs ?? null;
  }
}

function holds({ comparison, limit }: Threshold, value: number | null): boolean {
  if (value === null) return false;
  if (comparison === "<") return value < limit;
  if (comparison === "<=") return value <= limit;
  return comparison === ">" ? value > limit : value >= limit;
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 1000;
}
