/**
 * The closing report of a run, in plain words.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import type { LatencyResult, PingResultJson, RunResultJson } from "@/report/result.ts";

/** Lines for a person; the first says how it ended. */
export function summaryLines(result: RunResultJson): string[] {
  const { tunnels, latencyMs, failures, strangers } = result;
  const seconds = showDuration(Math.round((result.durationSec ?? 0) * 1000));
  const lines = [
    `Test ${result.result} after ${seconds}${result.error ? `: ${result.error}` : ""}`,
    `Tunnels: ${tunnels.established} of ${tunnels.configured} established, ` +
    `${tunnels.failed} failed` + (tunnels.lost ? ` (${tunnels.lost} of them lost)` : "") +
    (result.setupRate === null ? "" : `, ${result.setupRate.toFixed(1)} tunnels/s`),
    `Retransmissions: ${result.retransmissions}, retries of tunnels: ${result.retries}, ` +
    `rekeys: ${result.rekeys.ike} IKE, ${result.rekeys.child} CHILD`,
    `IKE_SA_INIT ${latencyText(latencyMs.ikeSaInit)}`,
    `IKE_AUTH    ${latencyText(latencyMs.ikeAuth)}`,
    `Set-up      ${latencyText(latencyMs.setup)}`,
  ];
  const { flaps } = result;
  if (flaps.down > 0) {
    lines.splice(3, 0, `Flaps: ${flaps.down} tunnels torn down on purpose, ${flaps.up} rebuilt`);
  }
  for (const [i, counts] of result.impairment.entries()) {
    const done = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
    lines.push(`Impairment, rule ${i + 1}: ${done.join(", ")}`);
  }
  if (result.ping.tasks > 0) lines.push(...pingLines(result.ping));
  if (result.pingsAnswered > 0) lines.push(`Pings answered: ${result.pingsAnswered}`);
  lines.push(...saLines(result));
  for (const { cause, count, example } of failures) {
    lines.push(`Failed by ${cause}: ${count}, for example: ${example}`);
  }
  for (const { cause, count, example } of strangers) {
    lines.push(`Strangers, not authenticated, by ${cause}: ${count}, for example: ${example}`);
  }
  for (const { cause, count, example } of result.datagrams.sendErrors) {
    lines.push(`Sent in vain, by ${cause}: ${count}, for example: ${example}`);
  }
  const { asked, automatic } = result.cookies;
  if (asked > 0) {
    const why = "as half-open SAs or key exchanges to compute had become many";
    lines.push(
      `Cookies: ${asked} asked for` + (automatic > 0 ? `, ${automatic} of them ${why}` : ""),
    );
  }
  const drops = Object.entries(result.drops).sort(([, a], [, b]) => b - a);
  for (const [reason, count] of drops) lines.push(`Dropped: ${count} for ${reason}`);
  if (result.packets) {
    const { sent, received, drops: causes } = result.packets;
    lines.push(`Packets: ${sent} sent, ${received} received by ESP in this process`);
    for (const [cause, count] of Object.entries(causes)) {
      lines.push(`Packets dropped: ${count} for ${PACKET_DROPS[cause] ?? cause}`);
    }
  }
  if (result.connections) lines.push(...connectionLines(result.connections));
  if (result.deletesUnanswered) lines.push(deletesLine(result.deletesUnanswered));
  const cpu = result.cpuMsPerTunnel === null
    ? "CPU per tunnel: none was established"
    : `CPU ${result.cpuMsPerTunnel} ms per tunnel`;
  lines.push(
    `${cpu}, memory ${(result.rssBytes / 2 ** 20).toFixed(0)} MiB, ` +
      `${result.transport} transport, ${result.cryptoBackend} crypto`,
  );
  return lines;
}

/** The graceful end closes each SA by a Delete, and waits for the peer's answer to it. */
function deletesLine(unanswered: number): string {
  const [subject, whose] = unanswered === 1
    ? ["1 Delete of the graceful end", "its IKE SA"]
    : [`${unanswered} Deletes of the graceful end`, "their IKE SAs"];
  return `${subject} went unanswered before the test ended: the peer may still hold ${whose}`;
}

function connectionLines(counters: NonNullable<RunResultJson["connections"]>): string[] {
  const { opened, accepted, ...causes } = counters;
  const lines = [`TCP connections: ${opened} opened, ${accepted} accepted`];
  for (const [cause, count] of Object.entries(causes)) {
    if (count > 0) lines.push(`TCP: ${count} ${CONNECTION_CAUSES[cause] ?? cause}`);
  }
  return lines;
}

/** What became of connections and frames, in words. */
const CONNECTION_CAUSES: Readonly<Record<string, string>> = {
  crowdedOut: "connections closed, for too many strangers had one",
  idle: "connections closed, for nobody authenticated in time",
  hoarding: "connections closed, for too much waited for a stranger that did not read",
  badStreams: "connections closed, for what came was no stream of IKE and ESP",
  espDropped: "ESP packets dropped, for their connection was full",
  badFrames: "frames dropped, for they were neither IKE nor ESP",
};

/** The causes in words. */
const PACKET_DROPS: Readonly<Record<string, string>> = {
  truncated: "no whole ESP packet",
  unknownSpi: "an unknown SPI",
  replayed: "a replay",
  badIcv: "a wrong ICV",
  badTrailer: "wrong padding",
  badInner: "no IP packet within",
  wrongSelectors: "addresses, protocol or ports that are not the CHILD_SA's",
  congestion: "congestion where ECN is unknown (RFC 6040)",
  dummy: "being a dummy (RFC 4303 §2.6)",
  noDevice: "want of a TUN device",
  noSa: "want of a CHILD_SA",
  malformed: "being no IP packet",
  tooBig: "a path that is too narrow",
  fragment: "being a fragment in transport mode",
  exhausted: "want of sequence numbers",
  notSent: "a refusal of the system to send them",
};

function pingLines(ping: PingResultJson): string[] {
  const { tasks, sent, received, lost, lossPercent, burstMax, tasksAbove } = ping;
  const lines = [
    `Ping: ${tasks} tasks, ${sent} sent, ${received} received, ${lost} lost` +
    (lossPercent === null ? "" : ` (${lossPercent} %)`) +
    (lost > 0 ? `, at most ${burstMax} in a row` : ""),
    `Ping latency ${latencyText(ping.latencyMs)}`,
    `First packet ${latencyText(ping.firstPacketMs)}`,
  ];
  if (tasksAbove > 0) lines.push(`Ping tasks above maxlossrate: ${tasksAbove}`);
  const odd = (["duplicates", "late", "reordered", "altered", "unsent"] as const)
    .filter((name) => ping[name] > 0).map((name) => `${ping[name]} ${name}`);
  if (odd.length > 0) lines.push(`Ping oddities: ${odd.join(", ")}`);
  return lines;
}

function latencyText({ p50, p90, p99, max }: LatencyResult): string {
  if (p50 === null) return "no sample";
  return `p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, max ${max} ms`;
}

/** What became of SAs that were up; nothing where all went well. */
function saLines({ rekeys, children, refusals, displaced }: RunResultJson): string[] {
  const { refused, overtime } = rekeys;
  const all = (what: string, causes: RunResultJson["failures"]) =>
    causes.map(({ cause, count, example }) =>
      `${what} (${cause}): ${count}, for example: ${example}`
    );
  const late = overtime.ike + overtime.child > 0
    ? [`Outlived its lifetime while it was replaced: ${overtime.ike} IKE, ${overtime.child} CHILD`]
    : [];
  const came = displaced > 0 ? [`Displaced by INITIAL_CONTACT of the same peer: ${displaced}`] : [];
  return [
    ...all("Rekeys refused", refused.causes),
    ...late,
    ...all("CHILD_SAs refused", children.refused.causes),
    ...all("CHILD_SAs lost", children.lost.causes),
    ...all("Requests refused here", refusals),
    ...came,
  ];
}
