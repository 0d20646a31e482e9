/**
 * Makes the closing report of a run as text. The lines of single figures are defined in the table of figures.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { linesOf } from "@/engine/show/figure.ts";
import { FIGURES } from "@/engine/show/figures.ts";
import type { RunResultJson } from "@/report/result.ts";

/** The lines of the report; the first says how the run ended. */
export function summaryLines(result: RunResultJson): string[] {
  const { tunnels, flaps, rekeys } = result;
  const seconds = showDuration(Math.round((result.durationSec ?? 0) * 1000));
  const lines = [
    `Test ${result.result} after ${seconds}${result.error ? `: ${result.error}` : ""}`,
    `Tunnels: ${tunnels.established} of ${tunnels.configured} established, ` +
    `${tunnels.failed} failed` + (tunnels.lost ? ` (${tunnels.lost} of them lost)` : "") +
    (result.setupRate === null ? "" : `, ${result.setupRate.toFixed(1)} tunnels/s`),
    `Retransmissions: ${result.retransmissions}, retries of tunnels: ${result.retries}, ` +
    `rekeys: ${rekeys.ike} IKE, ${rekeys.child} CHILD`,
  ];
  if (flaps.down > 0) {
    lines.push(`Flaps: ${flaps.down} tunnels torn down on purpose, ${flaps.up} rebuilt`);
  }
  const cpu = result.cpuMsPerTunnel === null
    ? "CPU per tunnel: none was established"
    : `CPU ${result.cpuMsPerTunnel} ms per tunnel`;
  return [
    ...lines,
    ...linesOf(FIGURES, result),
    `${cpu}, memory ${(result.rssBytes / 2 ** 20).toFixed(0)} MiB, ` +
    `${result.transport} transport, ${result.cryptoBackend} crypto`,
  ];
}
