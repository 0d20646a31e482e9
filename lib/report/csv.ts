/**
 * Writes the tunnels of a run as CSV (RFC 4180), with one row for each tunnel, times in UTC and
 * durations in milliseconds.
 * @module
 */
import { showSpi32, showSpi64 } from "@/base/bytes.ts";
import { printableLine } from "@/base/printable.ts";
import type { TunnelRecord } from "@/engine/show/tunnel_log.ts";

/** The text that replaces an identity when identities are masked. */
export const MASKED = "masked";

type Cell = string | number;

const time = (epochMs: number | undefined): Cell =>
  epochMs === undefined ? "" : new Date(epochMs).toISOString();
const ms = (value: number | undefined): Cell => value === undefined ? "" : value.toFixed(3);
const spi64 = (spi: bigint): Cell => spi === 0n ? "" : showSpi64(spi);
const spi32 = (spi: number): Cell => spi === 0 ? "" : showSpi32(spi);

/** Name and value of each column, in their order. */
const COLUMNS: readonly (readonly [name: string, of: (tunnel: TunnelRecord) => Cell])[] = [
  ["tunnel", (t) => t.tunnel],
  ["outcome", (t) => t.outcome],
  ["cause", (t) => t.cause],
  ["words", (t) => t.words],
  ["tries", (t) => t.tries],
  ["losses", (t) => t.losses],
  ["own_address", (t) => t.ownAddress],
  ["own_port", (t) => t.ownPort || ""],
  ["peer_address", (t) => t.peerAddress],
  ["peer_port", (t) => t.peerPort || ""],
  ["own_id", (t) => t.ownId],
  ["peer_id", (t) => t.peerId],
  ["spi_i", (t) => spi64(t.spiI)],
  ["spi_r", (t) => spi64(t.spiR)],
  ["ike_suite", (t) => t.ikeSuite],
  ["child_spi_in", (t) => spi32(t.childSpiIn)],
  ["child_spi_out", (t) => spi32(t.childSpiOut)],
  ["child_suite", (t) => t.childSuite],
  ["inner_addresses", (t) => t.innerAddresses.join(" ")],
  ["started", (t) => time(t.startedEpochMs)],
  ["ike_sa_init_ms", (t) => ms(t.ikeSaInitMs)],
  ["resumed", (t) => t.resumed ? "yes" : "no"],
  ["ike_session_resume_ms", (t) => ms(t.ikeSessionResumeMs)],
  ["ike_intermediate_ms", (t) => ms(t.ikeIntermediateMs)],
  ["ike_auth_ms", (t) => ms(t.ikeAuthMs)],
  ["setup_ms", (t) => ms(t.setupMs)],
  ["create_child_sa_ms", (t) => ms(t.createChildMs)],
  ["ike_followup_ke_ms", (t) => ms(t.followupKeMs)],
  ["informational_ms", (t) => ms(t.informationalMs)],
  ["established", (t) => time(t.establishedEpochMs)],
  ["ended", (t) => time(t.endedEpochMs)],
  ["retransmissions", (t) => t.retransmissions],
  ["ike_rekeys", (t) => t.ikeRekeys],
  ["child_rekeys", (t) => t.childRekeys],
  ["traffic_sent", (t) => t.traffic?.sent ?? ""],
  ["traffic_received", (t) => t.traffic?.received ?? ""],
  ["traffic_duplicates", (t) => t.traffic?.duplicates ?? ""],
  ["traffic_reordered", (t) => t.traffic?.reordered ?? ""],
  ["traffic_p50_ms", (t) => ms(t.traffic?.p50Ms)],
  ["traffic_p99_ms", (t) => ms(t.traffic?.p99Ms)],
  ["traffic_max_ms", (t) => ms(t.traffic?.maxMs)],
  ["traffic_jitter_ms", (t) => ms(t.traffic?.jitterMs)],
];

/** The names of the columns. */
export const CSV_COLUMNS: readonly string[] = COLUMNS.map(([name]) => name);

/**
 * The text of the file, line by line. With `masks`, identities and sentences that may contain one
 * are left out.
 */
export function* csvLines(
  tunnels: Iterable<TunnelRecord>,
  masks: boolean,
): IterableIterator<string> {
  yield `${CSV_COLUMNS.join(",")}\r\n`;
  for (const tunnel of tunnels) {
    const shown = masks ? masked(tunnel) : tunnel;
    yield `${COLUMNS.map(([, of]) => cell(of(shown))).join(",")}\r\n`;
  }
}

function masked(tunnel: TunnelRecord): TunnelRecord {
  const mask = (text: string) => text === "" ? "" : MASKED;
  const { ownId, peerId, words } = tunnel;
  return { ...tunnel, ownId: mask(ownId), peerId: mask(peerId), words: mask(words) };
}

/**
 * A cell of the table. Some texts come from a peer, such as identities: if a spreadsheet would take
 * a text for a formula, an apostrophe is put before it, and invisible characters, line ends
 * included, are written as escapes.
 */
function cell(value: Cell): string {
  if (typeof value === "number") return String(value);
  const line = printableLine(value);
  const safe = /^[=+\-@]/.test(line) ? `'${line}` : line;
  return /[",]|^[ ']|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
