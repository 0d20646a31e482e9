/**
 * Lists the figures that `compare` compares, each with its way to be better.
 * @module
 */
import type { LatencyResult } from "@/engine/show/figure.ts";
import type { RunResultJson } from "@/report/result.ts";
import type { LatencyName, TimelineColumns } from "@/report/timeline.ts";

type Path = (result: RunResultJson) => number | null;

/** A measured figure: how large it is, which way is better, and its column of the timeline. */
export interface Measured {
  readonly name: string;
  readonly of: Path;
  readonly isBetter: "larger" | "smaller";
  readonly column?: keyof TimelineColumns;
}

/**
 * A figure that counts events, such as failed tunnels, among the total in which they can happen. The
 * fewer the better, unless `isBetter` says otherwise.
 */
export interface Proportion {
  readonly name: string;
  readonly of: Path;
  readonly among: Path;
  readonly isBetter?: "larger";
}

type LatencyPath = (result: RunResultJson) => LatencyResult | undefined;

/** The percentiles of a latency; `column` is its name in the timeline, if it is there. */
function percentiles(name: string, latency: LatencyPath, column?: LatencyName): Measured[] {
  return (["p50", "p90", "p99"] as const).map((p) => {
    const of: Path = (result) => latency(result)?.[p] ?? null;
    const one: Measured = { name: `${name}.${p}`, of, isBetter: "smaller" };
    return column
      ? { ...one, column: `${column}${p.toUpperCase() as "P50" | "P90" | "P99"}` }
      : one;
  });
}

/** The latencies of exchanges and set-ups, with their names in the timeline. */
const LATENCIES: Readonly<Record<keyof RunResultJson["latencyMs"], LatencyName | undefined>> = {
  ikeSaInit: "ikeSaInit",
  ikeAuth: "ikeAuth",
  ikeSessionResume: "ikeSessionResume",
  ikeIntermediate: "ikeIntermediate",
  setup: "setup",
  createChild: "createChild",
  ikeFollowupKe: "ikeFollowupKe",
  informational: "informational",
  setupAgain: "setupAgain",
  setupFromDue: undefined,
};

const MEASURED: readonly Measured[] = [
  { name: "setupRate", of: (r) => r.setupRate, isBetter: "larger", column: "established" },
  ...(Object.keys(LATENCIES) as (keyof typeof LATENCIES)[]).flatMap((name) =>
    percentiles(`latencyMs.${name}`, (r) => r.latencyMs[name], LATENCIES[name])
  ),
  ...percentiles("ping.latencyMs", (r) => r.ping.latencyMs, "ping"),
  ...percentiles("ping.firstPacketMs", (r) => r.ping.firstPacketMs),
  ...percentiles("traffic.latencyMs", (r) => r.traffic?.latencyMs, "traffic"),
  ...percentiles("traffic.jitterMs", (r) => r.traffic?.jitterMs),
  ...percentiles("trafficIn.latencyMs", (r) => r.trafficIn?.latencyMs),
  ...percentiles("trafficIn.jitterMs", (r) => r.trafficIn?.jitterMs),
  { name: "cpuMsPerTunnel", of: (r) => r.cpuMsPerTunnel, isBetter: "smaller" },
  { name: "rssBytes", of: (r) => r.rssBytes, isBetter: "smaller" },
];

const PROPORTIONS: readonly Proportion[] = [
  {
    name: "tunnels.established",
    of: (r) => r.tunnels.established,
    among: (r) => r.tunnels.configured,
    isBetter: "larger",
  },
  { name: "tunnels.failed", of: (r) => r.tunnels.failed, among: (r) => r.tunnels.configured },
  { name: "tunnels.lost", of: (r) => r.tunnels.lost, among: (r) => r.tunnels.established },
  { name: "retries", of: (r) => r.retries, among: (r) => r.tunnels.configured },
  {
    name: "strangers",
    of: (r) => total(r.strangers),
    among: (r) => total(r.strangers) + r.tunnels.established,
  },
  { name: "retransmissions", of: (r) => r.retransmissions, among: (r) => r.datagrams.sent },
  {
    name: "rekeys.refused.ike",
    of: (r) => r.rekeys.refused.ike,
    among: (r) => r.rekeys.refused.ike + r.rekeys.ike,
  },
  {
    name: "rekeys.refused.child",
    of: (r) => r.rekeys.refused.child,
    among: (r) => r.rekeys.refused.child + r.rekeys.child,
  },
  {
    name: "children.refused",
    of: (r) => r.children.refused.count,
    among: (r) => r.children.refused.count + r.tunnels.established,
  },
  {
    name: "children.lost",
    of: (r) => r.children.lost.count,
    among: (r) => r.children.lost.count + r.tunnels.established,
  },
  {
    name: "moves.failed",
    of: (r) => r.moves.failed.count,
    among: (r) => r.moves.failed.count + r.moves.done,
  },
  {
    name: "resumptions.refused",
    of: (r) => total(r.resumptions.refused),
    among: (r) => total(r.resumptions.refused) + r.resumptions.done,
  },
  {
    name: "deletesUnanswered",
    of: (r) => r.deletesUnanswered ?? 0,
    among: (r) => r.tunnels.established,
  },
  {
    name: "ping.lost",
    of: (r) => r.ping.lost,
    among: (r) => r.ping.received + r.ping.lost,
  },
  {
    name: "traffic.lost",
    of: (r) => r.traffic?.lost ?? 0,
    among: (r) => (r.traffic?.received ?? 0) + (r.traffic?.lost ?? 0),
  },
  {
    name: "trafficIn.lost",
    of: (r) => r.trafficIn?.lost ?? 0,
    among: (r) => r.trafficIn?.expected ?? 0,
  },
];

/** The measured figures of two results, with those of each storm. */
export function measuredOf(before: RunResultJson, after: RunResultJson): readonly Measured[] {
  return [
    ...MEASURED,
    ...stormsOf(before, after).flatMap(({ name, nth }) =>
      percentiles(`${name}.latencyMs`, (r) => r.storms[nth]!.latencyMs)
    ),
  ];
}

/** The proportions of two results, with those of each storm. */
export function proportionsOf(before: RunResultJson, after: RunResultJson): readonly Proportion[] {
  return [
    ...PROPORTIONS,
    ...stormsOf(before, after).map(({ name, nth }): Proportion => ({
      name: `${name}.failed`,
      of: (r) => r.storms[nth]!.failed,
      among: (r) => r.storms[nth]!.done + r.storms[nth]!.failed,
    })),
  ];
}

/** The storms that both results have at the same place: `storms[0] (rekey-ike)`. */
function stormsOf(before: RunResultJson, after: RunResultJson) {
  return before.storms.map(({ kind }, nth) => ({ kind, nth, name: `storms[${nth}] (${kind})` }))
    .filter(({ kind, nth }) => after.storms[nth]?.kind === kind);
}

function total(causes: readonly { readonly count: number }[]): number {
  return causes.reduce((sum, { count }) => sum + count, 0);
}
