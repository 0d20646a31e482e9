/**
 * Figures of the storms of a load.
 * @module
 */
import {
  figure,
  latency,
  latencyText,
  type MergeableLatency,
  rounded,
} from "@/engine/show/figure.ts";
import type { LatencyFigures } from "@/engine/show/histogram.ts";

/** One storm. */
export interface StormFigures {
  /** `rekey-ike`, `rekey-child`, `reconnect` or `drop`. */
  readonly kind: string;
  /** When it began, in milliseconds from the start of the run; undefined: it did not. */
  readonly atMs: number | undefined;
  /** SAs that it was about. */
  readonly tunnels: number;
  readonly done: number;
  readonly failed: number;
  readonly latencyMs: LatencyFigures | undefined;
}

/** One storm in the JSON result. */
export interface StormJson {
  readonly kind: string;
  readonly atSec: number | null;
  readonly tunnels: number;
  readonly done: number;
  readonly failed: number;
  readonly latencyMs: MergeableLatency;
}

const LATENCY = latency("latencyMs", "");

/** The storms of several parts of a run, which all have the same ones in the same order. */
function merge(parts: readonly (readonly StormFigures[])[]): readonly StormFigures[] {
  const [first = []] = parts;
  return first.map(({ kind }, nth) => {
    const same = parts.map((part) => part[nth]).filter((one) => one !== undefined);
    const sum = (of: "tunnels" | "done" | "failed") => same.reduce((n, one) => n + one[of], 0);
    const began = same.map(({ atMs }) => atMs).filter((ms) => ms !== undefined);
    return {
      kind,
      atMs: began.length > 0 ? Math.min(...began) : undefined,
      tunnels: sum("tunnels"),
      done: sum("done"),
      failed: sum("failed"),
      latencyMs: LATENCY.merge(same.map(({ latencyMs }) => latencyMs), {}),
    };
  });
}

function line({ kind, atSec, tunnels, done, failed, latencyMs }: StormJson): string {
  if (atSec === null) return `Storm (${kind}): it did not begin before the end`;
  return `Storm (${kind}) at ${atSec} s: ${done} of ${tunnels} done, ${failed} failed, ` +
    latencyText(latencyMs);
}

/** The figure. */
export const STORMS = figure({
  path: "storms",
  type: "list of storms",
  doc:
    "the storms of `loadconf`, in the order of the setup, each repetition by itself: `kind`, `atSec` " +
    "(seconds from the start of the run; null: it did not begin), `tunnels` (SAs that it was about), `done`, " +
    "`failed`, and `latencyMs` from when each was due to when it was done",
  none: [] as readonly StormJson[],
  merge,
  json: (storms): readonly StormJson[] =>
    storms.map(({ kind, atMs, tunnels, done, failed, latencyMs }) => ({
      kind,
      atSec: atMs === undefined ? null : rounded(atMs / 1_000),
      tunnels,
      done,
      failed,
      latencyMs: LATENCY.json(latencyMs),
    })),
  read: (storms): readonly StormFigures[] =>
    storms.map(({ atSec, latencyMs, kind, tunnels, done, failed }) => ({
      kind,
      atMs: atSec === null ? undefined : atSec * 1_000,
      tunnels,
      done,
      failed,
      latencyMs: LATENCY.read(latencyMs, undefined),
    })),
  lines: (storms) => storms.map(line),
});
