/**
 * Defines the plots of a report, and the columns of the timeline that each shows.
 * @module
 */
import type { LatencyName, TimelineColumns } from "@/report/timeline.ts";

type Column = Exclude<keyof TimelineColumns, "atSec">;
/**
 * How the values of a column become a curve: unchanged, per second, summed up, in MiB, or in
 * percent of a processor.
 */
type Kind = "value" | "rate" | "total" | "mib" | "percent";

/** One curve. */
export interface PlotColumn {
  readonly name: Column;
  readonly label: string;
  readonly kind: Kind;
  /** The CSS variable of its colour. */
  readonly tone: string;
  /** The lengths of its dashes, by which curves can be distinguished without colour. */
  readonly dash: readonly number[];
}

/** One plot. */
export interface Plot {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly columns: readonly PlotColumn[];
  /** Whether the plot is shown for these columns. */
  readonly isShown: (steps: TimelineColumns) => boolean;
}

const TONES = ["--one", "--two", "--three", "--four"];
const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

/** Defines a plot. With `isOptional` it is shown only if one of its values is not zero. */
function plot(
  id: string,
  [title, unit]: readonly [title: string, unit: string],
  curves: readonly (readonly [name: Column, label: string, kind: Kind])[],
  isOptional = false,
): Plot {
  const columns = curves.map(([name, label, kind], i): PlotColumn => ({
    name,
    label,
    kind,
    tone: TONES[i]!,
    dash: DASHES[i]!,
  }));
  const isShown = (steps: TimelineColumns) =>
    !isOptional || columns.some(({ name }) => steps[name].some((value) => value));
  return { id, title, unit, columns, isShown };
}

const latency = (name: LatencyName, title: string) =>
  plot(`latency-${name}`, [`${title}, milliseconds`, "ms"], [
    [`${name}P50`, "p50", "value"],
    [`${name}P90`, "p90", "value"],
    [`${name}P99`, "p99", "value"],
    [`${name}Max`, "max", "value"],
  ], true);

/** All plots, in their order on the page. */
export const PLOTS: readonly Plot[] = [
  plot("tunnels", ["Tunnels", ""], [
    ["established", "established", "total"],
    ["failed", "failed", "total"],
    ["live", "live", "value"],
    ["halfOpen", "half-open", "value"],
  ]),
  plot("rate", ["Set-up rate, tunnels per second", "/s"], [["established", "set-ups", "rate"]]),
  latency("setup", "Latency of the whole set-up"),
  latency("ikeSaInit", "Latency of IKE_SA_INIT"),
  latency("ikeAuth", "Latency of IKE_AUTH"),
  latency("ikeSessionResume", "Latency of IKE_SESSION_RESUME"),
  latency("ikeIntermediate", "Latency of IKE_INTERMEDIATE"),
  latency("createChild", "Latency of CREATE_CHILD_SA"),
  latency("ikeFollowupKe", "Latency of IKE_FOLLOWUP_KE"),
  latency("informational", "Latency of INFORMATIONAL"),
  latency("setupAgain", "Latency of the set-up of tunnels that were up before"),
  plot("repeats", ["Retransmissions and retries, per second", "/s"], [
    ["retransmissions", "retransmissions", "rate"],
    ["retries", "retries", "rate"],
  ], true),
  plot("losses", ["Losses", ""], [
    ["lost", "tunnels lost", "total"],
    ["strangers", "peers not authenticated", "total"],
  ], true),
  plot("rekeys", ["Rekeys per second", "/s"], [
    ["rekeysIke", "IKE SAs", "rate"],
    ["rekeysChild", "CHILD_SAs", "rate"],
  ], true),
  plot("pings", ["Pings per second", "/s"], [
    ["pingsSent", "sent", "rate"],
    ["pingsReceived", "answered", "rate"],
    ["pingsLost", "lost", "rate"],
  ], true),
  latency("ping", "Latency of pings"),
  plot("traffic-packets", ["Packets of test traffic per second", "/s"], [
    ["trafficSent", "sent", "rate"],
    ["trafficReceived", "came back", "rate"],
    ["trafficLost", "lost", "rate"],
    ["trafficCame", "of the other ends", "rate"],
  ], true),
  latency("traffic", "Latency of test traffic"),
  plot("traffic", ["Traffic through CHILD_SAs, octets per second", "octets/s"], [
    ["octetsSent", "sent", "rate"],
    ["octetsReceived", "received", "rate"],
  ], true),
  plot("impaired", ["Messages impaired, per second", "/s"], [
    ["impaired", "impaired", "rate"],
  ], true),
  plot("datagrams", ["IKE datagrams per second", "/s"], [
    ["datagramsSent", "sent", "rate"],
    ["datagramsReceived", "received", "rate"],
  ]),
  plot("cpu", ["Processor time, percent of one processor", "%"], [
    ["cpuMs", "processor", "percent"],
  ]),
  plot("memory", ["Resident memory, MiB", "MiB"], [["rssBytes", "resident", "mib"]]),
];

/** The description of a plot for the script of the page. */
export function plotJson({ unit, columns }: Plot): string {
  return JSON.stringify({ unit, columns });
}
