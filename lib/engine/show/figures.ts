/**
 * All figures of a run in one table. The type of the engine's figures, the JSON result and its type,
 * docs/results.md, the closing report, the result of a refused setup, and the figures of several runs that
 * share a load are made from it. A new figure needs a line in the table of its kind (`sa_figures.ts`,
 * `setup_figures.ts`, `traffic_figures.ts`, or here) and has to be counted.
 * @module
 */
import {
  figure,
  type FiguresOf,
  type JsonOf,
  measured,
  mergeFigures,
  rounded,
  word,
} from "@/engine/show/figure.ts";
import { deletesLines } from "@/engine/show/figure_words.ts";
import { SA_FIGURES } from "@/engine/show/sa_figures.ts";
import { SETUP_FIGURES } from "@/engine/show/setup_figures.ts";
import { STORMS } from "@/engine/show/storm_figures.ts";
import {
  judge,
  type JudgedFigures,
  type JudgedThresholds,
  type ThresholdVerdictJson,
  verdictWords,
} from "@/engine/show/thresholds.ts";
import { parseThreshold } from "@/setup/threshold.ts";
import { TRAFFIC_FIGURES } from "@/engine/show/traffic_figures.ts";

/** All figures in the order of the JSON result and of the closing report. */
export const FIGURES = {
  ...SA_FIGURES,
  ...SETUP_FIGURES,
  storms: STORMS,
  ...TRAFFIC_FIGURES,
  deletesUnanswered: measured(
    "deletesUnanswered",
    "deletes at the end that no peer answered; null when none was sent",
    (parts) => parts.reduce((sum, n) => sum + n, 0),
    { lines: deletesLines },
  ),
  elapsedMs: figure({
    path: "durationSec",
    type: "number or null",
    doc: "seconds from start to end; null when the setup was refused",
    none: null as number | null,
    merge: (parts: readonly number[]) => Math.max(...parts),
    json: (ms) => rounded(ms / 1_000),
    read: (seconds) => (seconds ?? 0) * 1_000,
  }),
  cpuMsPerTunnel: measured(
    "cpuMsPerTunnel",
    "milliseconds of processor time of the whole process by established tunnel, up to the end of " +
      "creation; the demo runs both ends in one process",
    // Each part divides the time of the whole process by the number of its own tunnels.
    (parts) => 1 / parts.reduce((sum, n) => sum + 1 / n, 0),
  ),
  rssBytes: figure({
    path: "rssBytes",
    type: "number",
    doc: "resident memory of the process, octets",
    none: 0,
    merge: (parts: readonly number[]) => Math.max(...parts),
    json: (octets) => octets,
  }),
  transport: word<"transport", string>("transport", "`portable` or `native`"),
  crypto: word<"cryptoBackend", string>("cryptoBackend", "`portable` or `native`"),
  notYet: figure({
    path: "notYet",
    type: "list of text",
    doc: "features that defaults of this role ask for and that are not there yet",
    none: [] as readonly string[],
    merge: (parts: readonly (readonly string[])[]): readonly string[] => [...new Set(parts.flat())],
    json: (words) => words,
  }),
  thresholds: figure({
    path: "thresholds",
    type: "list of {threshold, value, held}",
    doc:
      "the verdict on each of `thresholds`: the figure in milliseconds, tunnels a second, octets, as a " +
      "number or percentage, null where nothing was measured, so that it is broken; a broken one makes " +
      "the test fail",
    none: [],
    merge: (parts: readonly JudgedThresholds[], whole): JudgedThresholds => {
      const { rules } = parts[0]!;
      const tunnels = parts.reduce((sum, part) => sum + part.tunnels, 0);
      const figures = whole as unknown as JudgedFigures;
      return { rules, tunnels, verdicts: judge(rules, { figures, tunnels }) };
    },
    json: ({ verdicts }): readonly ThresholdVerdictJson[] =>
      verdicts.map((verdict) => ({ ...verdict, value: verdict.value ?? null })),
    read: (verdicts, whole): JudgedThresholds => ({
      rules: verdicts.map(({ threshold }) => parseThreshold(threshold))
        .filter((rule) => rule !== undefined),
      tunnels: (whole as { readonly tunnels: { readonly configured: number | null } }).tunnels
        .configured ?? 0,
      verdicts: verdicts.map((verdict) => ({ ...verdict, value: verdict.value ?? undefined })),
    }),
    lines: (verdicts) => verdicts.map((verdict) => `Threshold ${verdictWords(verdict)}`),
  }),
} as const;

/** Figures that only the live view shows. */
export interface LiveFigures {
  /**
   * Number of tunnels that were begun: first tries that were sent; at a gateway tunnels that were
   * established.
   */
  readonly created: number;
  /** Number of IKE SAs that are being set up at present. */
  readonly halfOpen: number;
  /** Number of tunnels that are live at present. */
  readonly live: number;
  /** Tunnels established in the last second. */
  readonly recentRate: number;
  /** Whether the test is ending: its tunnels are being deleted. */
  readonly isEnding: boolean;
  /** Milliseconds until the running time ends; undefined without a running time. */
  readonly timeLeftMs: number | undefined;
  /** Processor time of the whole process since its start, in milliseconds. */
  readonly cpuMs: number;
  /** The load of each worker (`shards`), in their order; absent: there is one. */
  readonly workers?: readonly WorkerLoad[];
}

/** The load of one worker. */
export interface WorkerLoad {
  /** Number of tunnels that are live at present. */
  readonly live: number;
  /** Tunnels established in the last second. */
  readonly recentRate: number;
}

/** The figures of the live view, the closing report and the JSON result. */
export type RunFigures = FiguresOf<typeof FIGURES> & LiveFigures;

/** The figures of a run that several threads share, from those of each. */
export function mergeRunFigures(parts: readonly RunFigures[]): RunFigures {
  const sum = (name: "created" | "halfOpen" | "live" | "recentRate") =>
    parts.reduce((total, part) => total + part[name], 0);
  const left = parts.map(({ timeLeftMs }) => timeLeftMs).filter((ms) => ms !== undefined);
  return {
    ...mergeFigures(FIGURES, parts),
    created: sum("created"),
    halfOpen: sum("halfOpen"),
    live: sum("live"),
    recentRate: sum("recentRate"),
    isEnding: parts.some(({ isEnding }) => isEnding),
    timeLeftMs: left.length > 0 ? Math.max(...left) : undefined,
    cpuMs: Math.max(...parts.map(({ cpuMs }) => cpuMs)),
    workers: parts.map(({ live, recentRate }) => ({ live, recentRate })),
  };
}

/** The part of the JSON result that consists of figures. */
export type FiguresJson = JsonOf<typeof FIGURES>;
