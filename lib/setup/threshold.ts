/**
 * Thresholds: what a figure of a test has to be for the test to pass, as `p99(setup) < 200ms`.
 * @module
 */
import { parseDuration } from "@/base/duration.ts";

/** Latencies, by their names in thresholds. */
export const THRESHOLD_LATENCIES = [
  "setup",
  "due",
  "init",
  "auth",
  "resume",
  "createChild",
  "setupAgain",
  "ping",
  "traffic",
  "jitter",
] as const;
/** What of a latency may be compared. */
export const THRESHOLD_PERCENTILES = ["p50", "p90", "p99", "max"] as const;

/** Other figures that may be compared, and the units of their values. */
const UNITS = {
  failed: "count",
  lost: "count",
  retries: "count",
  retransmissions: "count",
  rate: "rate",
  rss: "octets",
  cpu: "duration",
  pingloss: "percent",
  "loss(traffic)": "percent",
} as const;

/** The figure that a threshold is about. */
export type ThresholdFigure =
  | {
    readonly latency: typeof THRESHOLD_LATENCIES[number];
    readonly percentile: typeof THRESHOLD_PERCENTILES[number];
  }
  | { readonly name: keyof typeof UNITS };

/** One threshold. */
export interface Threshold {
  /** As it stands in the setup, without superfluous spaces. */
  readonly text: string;
  readonly figure: ThresholdFigure;
  readonly comparison: "<" | "<=" | ">" | ">=";
  /** The limit: milliseconds, tunnels a second, octets, a number, or a percentage. */
  readonly limit: number;
  /** Whether the limit is a percentage: of the tunnels where the figure is a number of them. */
  readonly isPercent: boolean;
}

/** Completes "expected …". */
export const THRESHOLD_WORDS = "a threshold such as rss < 1GiB: p50, p90, p99 or max of " +
  `${THRESHOLD_LATENCIES.join(", ")}; or ${Object.keys(UNITS).join(", ")}; and <, <=, > or >=`;

const OCTETS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** Reads a threshold; undefined: the text is none. */
export function parseThreshold(text: string): Threshold | undefined {
  const found = /^\s*(\w+(?:\(\s*\w+\s*\))?)\s*(<=|>=|<|>)\s*(\S+)\s*$/.exec(text);
  if (!found) return undefined;
  const [, left, comparison, right] = found as unknown as readonly [
    string,
    string,
    Threshold["comparison"],
    string,
  ];
  const figure = figureOf(left.replaceAll(/\s/g, ""));
  const unit = figure && ("name" in figure ? UNITS[figure.name] : "duration");
  const limit = unit && limitOf(right, unit);
  if (!figure || limit === undefined) return undefined;
  const isPercent = right.endsWith("%");
  const normal = `${left.replaceAll(/\s/g, "")} ${comparison} ${right}`;
  return { text: normal, figure, comparison, limit, isPercent };
}

/** The unit of the figure that a threshold is about, as it stands behind a number; empty: it is a count. */
export function unitOfFigure({ figure, isPercent }: Threshold): string {
  const unit = "name" in figure ? UNITS[figure.name] : "duration";
  if (isPercent) return " %";
  return { duration: " ms", octets: " octets", rate: "/s", percent: " %", count: "" }[unit];
}

function figureOf(text: string): ThresholdFigure | undefined {
  if (Object.hasOwn(UNITS, text)) return { name: text as keyof typeof UNITS };
  const [, percentile, latency] = /^(\w+)\((\w+)\)$/.exec(text) ?? [];
  const known = THRESHOLD_PERCENTILES.find((one) => one === percentile);
  const of = THRESHOLD_LATENCIES.find((one) => one === latency);
  return known && of ? { latency: of, percentile: known } : undefined;
}

function limitOf(text: string, unit: typeof UNITS[keyof typeof UNITS]): number | undefined {
  if (unit === "duration") return parseDuration(text);
  const [, digits, rest] = /^(\d+(?:\.\d+)?)(.*)$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = Number(digits);
  if (unit === "octets") {
    const factor = OCTETS[rest!.toUpperCase()];
    return factor === undefined ? undefined : value * factor;
  }
  if (unit === "rate") return rest === "/s" ? value : undefined;
  if (rest === "%") return value;
  return unit === "count" && rest === "" ? value : undefined;
}
