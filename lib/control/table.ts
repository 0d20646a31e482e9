/**
 * Tables for people: the instances of a recipe at its end, and the present instances of all daemons.
 * @module
 */
import type { DaemonList } from "@/control/daemons.ts";
import type { ListedInstance } from "@/control/daemon_client.ts";
import type { InstanceOutcome } from "@/control/outcome.ts";
import { showEndpoint } from "@/base/address.ts";
import { printable } from "@/base/printable.ts";
import { InstanceType } from "@/daemon/record.ts";

/** A table with one line for each instance, in the order of the recipe. */
export function outcomeTable(outcomes: readonly InstanceOutcome[]): string[] {
  const head = ["id", "instance", "daemon", "role", "result", "tunnels", "rate", "time", "why"];
  return aligned([
    head,
    ...outcomes.map(({ instance, result, reason, summary, durationSec }) => [
      String(instance.id),
      instance.name,
      instance.daemonName,
      instance.setup?.role ?? "other",
      result,
      summary?.Role ? `${summary.NumOfCreatedTunnel} of ${summary.Configured_count}` : "-",
      summary?.SetupRate ? `${summary.SetupRate.toFixed(1)}/s` : "-",
      durationSec === undefined ? "-" : `${durationSec.toFixed(1)} s`,
      oneLine(reason),
    ]),
  ]);
}

const ROLES = ["-", "client", "gateway"];
const RESULTS = ["running", "passed", "failed", "stopped"];

/**
 * A table with one line for each instance, grouped by daemon, and one for each daemon that did not answer.
 */
export function listTable(lists: readonly DaemonList[]): string[] {
  const head = ["daemon", "instance", "role", "result", "live", "tunnels", "ping", "API", "why"];
  const rows = lists.flatMap(({ daemonName, instances, error }) => [
    ...instances.map((instance) => [daemonName, ...listedCells(instance)]),
    ...(error ? [[daemonName, ...Array(head.length - 2).fill("-"), oneLine(error)]] : []),
  ]);
  return rows.length > 0 ? aligned([head, ...rows]) : ["no instances"];
}

function listedCells({ name, type, api, summary, ping }: ListedInstance): string[] {
  const ran = summary !== undefined && summary.Role > 0;
  return [
    name,
    type === InstanceType.OTHER ? "other" : ROLES[summary?.Role ?? 0] ?? "-",
    ran ? RESULTS[summary.Result] ?? "-" : "-",
    ran ? summary.Live_count : "-",
    ran ? `${summary.NumOfCreatedTunnel} of ${summary.Configured_count}` : "-",
    ping ? `${ping.received} of ${ping.sent}` : "-",
    api ? showEndpoint(api.address, api.port) : "-",
    oneLine(summary?.LastErrMsg ?? ""),
  ];
}

/** Makes foreign text fit into one line, without characters that could steer a terminal. */
function oneLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, " ").trim();
}

/** Pads each column to the width of its widest cell. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}
