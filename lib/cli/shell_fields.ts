/**
 * Shows messages of the Test API to people and programs: under the field names of the API, with SPIs in hex,
 * and with addresses, times, durations and registered numbers as text.
 * @module
 */
import type {
  CHILDSADumpRead,
  CHILDSADumpTSRead,
  IKESADumpRead,
  IKESASummaryRead,
  PingResultRead,
  PoolUsageSummaryRead,
  SummaryRespRead,
} from "@/api/proto/api_read.ts";
import type { DurationRead, TimestampRead } from "@/api/proto/well_known.ts";
import { showAddress } from "@/base/address.ts";
import { showSpi32, showSpi64, toHex } from "@/base/bytes.ts";
import { printableLine } from "@/base/printable.ts";
import { showDuration } from "@/base/duration.ts";
import { nameOfCloseCode } from "@/engine/run/close_code.ts";
import { CHILD_STATE_NAMES, IKE_STATE_NAMES, RUN_RESULT_NAMES } from "@/engine/show/view.ts";
import { nameOfAuthMethod } from "@/iana/auth_method.ts";
import { nameOfEncr } from "@/iana/encr.ts";
import { nameOfHashAlgorithm } from "@/iana/hash_algorithm.ts";
import { nameOfIdType } from "@/iana/id_type.ts";
import { nameOfInteg } from "@/iana/integ.ts";
import { nameOfIpProtocol } from "@/iana/ip_protocol.ts";
import { nameOfPrf } from "@/iana/prf.ts";
import { nameOfTsType } from "@/iana/ts_type.ts";

/** The value that JSON shows for a field; null: it does not apply, or has not happened. */
export type Shown = string | number | boolean | null | readonly ShownMessage[];
/** A message by the names of its fields. */
export interface ShownMessage {
  readonly [field: string]: Shown;
}

/** How a field of type `T` is shown. */
type Show<T> = (value: T) => Shown;

/** A Timestamp or Duration of protobuf: seconds as decimal text, and nanoseconds. */
type Fields<M> = { readonly [F in keyof M]: Show<M[F]> };

const plain: Show<string | number | boolean> = (value) => value;
/** A 64-bit number: as a number where that is exact. */
const count: Show<string | number> = (value) => {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : String(value);
};
const rate: Show<number> = (value) => Number(value.toFixed(3));
const time: Show<TimestampRead | null> = (value) =>
  value ? new Date(msOf(value)).toISOString() : null;
const period: Show<DurationRead | null> = (value) =>
  value ? showDuration(Math.round(msOf(value))) : null;
const spi64: Show<string> = (value) => showSpi64(BigInt(value));
const spi32: Show<number> = (value) => showSpi32(value);
const octets: Show<Uint8Array> = (value) => toHex(value).toUpperCase() || null;
const words: Show<string> = (value) => value || null;
const address: Show<Uint8Array> = (value) =>
  value.length === 4 || value.length === 16 ? showAddress(value) : null;
/** A number of a registry; 0 where there is none yet. */
const named = (nameOf: (value: number) => string): Show<number> => (value) =>
  value ? nameOf(value) : null;
const oneOf = (names: readonly string[]): Show<number> => (value) =>
  names[value] ?? `unknown(${value})`;

/** Names of authentication methods that have no number at IANA. */
const OWN_METHODS: ReadonlyMap<number, string> = new Map([[201, "EAP"], [202, "EAP only"]]);
const method: Show<number> = named((value) => OWN_METHODS.get(value) ?? nameOfAuthMethod(value));

/** A Timestamp or a Duration in milliseconds. */
export function msOf({ seconds, nanos }: TimestampRead | DurationRead): number {
  return Number(seconds) * 1e3 + nanos / 1e6;
}

const SUMMARY: Fields<SummaryRespRead> = {
  Role: oneOf(["", "client", "gateway"]),
  Result: oneOf(RUN_RESULT_NAMES),
  LastErrMsg: words,
  SetupFileName: plain,
  StartTime: time,
  TestEndTime: time,
  ActualTestEndTime: time,
  CreationStartTime: time,
  CreationFinishTime: time,
  CreateDuration: period,
  Configured_count: count,
  NumOfCreatedTunnel: count,
  SetupRate: rate,
  Created_live_count: count,
  Flapping_count: count,
  Live_count: count,
  Has_Child: count,
  Ikesa_total: count,
  Ikesa_state_init: count,
  Ikesa_state_created: count,
  Ikesa_state_established: count,
  Ikesa_state_updatingaddr: count,
  Ikesa_state_rekeying: count,
  Ikesa_state_rekeyed: count,
  Ikesa_state_closed: count,
  Ikesa_state_closing: count,
  Ikesa_state_dpd: count,
  Ikesa_state_child_rekeying: count,
};

const KEYS: Fields<Pick<IKESADumpRead, "SKei" | "SKer" | "SKai" | "SKar">> = {
  SKei: octets,
  SKer: octets,
  SKai: octets,
  SKar: octets,
};

const IKE_LINE: Fields<IKESASummaryRead> = {
  OwnSPI: spi64,
  PeerAddr: address,
  PeerPort: plain,
  State: oneOf(IKE_STATE_NAMES),
  EstabTime: time,
};

const IKE_DUMP: Fields<IKESADumpRead> = {
  OwnSPI: spi64,
  PeerSPI: (value) => value === "0" ? null : spi64(value),
  State: oneOf(IKE_STATE_NAMES),
  CloseCode: named(nameOfCloseCode),
  EstabTime: time,
  OwnAddr: address,
  PeerAddr: address,
  PeerPort: plain,
  EncAlg: named(nameOfEncr),
  KeyLen: plain,
  IntAlg: named(nameOfInteg),
  PrfAlg: named(nameOfPrf),
  OwnAuth: method,
  PeerAuth: method,
  MyIdType: named(nameOfIdType),
  HashAlgDS: (value) => value < 0 ? null : nameOfHashAlgorithm(value),
  RSAPSS: plain,
  PSK: words,
  InitiateDPD: plain,
  ForceDPD: plain,
  DPDInterval: period,
  LifeTime: period,
  MarginTime: period,
  Jitter: plain,
  InstallFastpath: plain,
  KeepChildHist: plain,
  KeepIKEHist: plain,
  EnableNATT: plain,
  NATTKeepaliveInterval: period,
  LastRcvPktTime: time,
  LastSendDPDTime: time,
  ...KEYS,
};

/** Names of traffic selector types, as the documents use them. */
const RANGES: ReadonlyMap<number, string> = new Map([[7, "IPv4 range"], [8, "IPv6 range"]]);
/** Is shown of a traffic selector for all IP protocols. */
const ANY = "any";

const SELECTOR: Fields<CHILDSADumpTSRead> = {
  Type: (value) => RANGES.get(value) ?? nameOfTsType(value),
  Protocol: (value) => value === 0 ? ANY : nameOfIpProtocol(value),
  StartAddr: address,
  EndAddr: address,
  StartPort: plain,
  EndPort: plain,
};
const selectors: Show<readonly CHILDSADumpTSRead[]> = (value) =>
  value.map((ts) => shown(ts, SELECTOR));

const CHILD_DUMP: Fields<CHILDSADumpRead> = {
  OwnSPI: spi32,
  PeerSPI: spi32,
  State: oneOf(CHILD_STATE_NAMES),
  ParentIKESA: spi64,
  EstabTime: time,
  OwnAddr: address,
  PeerAddr: address,
  EncAlg: named(nameOfEncr),
  KeyLen: plain,
  IntAlg: named(nameOfInteg),
  LifeTime: period,
  ESN: plain,
  TunnelMode: plain,
  ReplayWindowSize: plain,
  OwnTS: selectors,
  PeerTS: selectors,
  ...KEYS,
};

const PING: Fields<PingResultRead> = {
  LocalAddr: plain,
  RemoteAddr: plain,
  TotalSentPkt: count,
  TotalRecvPkt: count,
};

const POOL: Fields<PoolUsageSummaryRead> = {
  V4StartAddr: address,
  V4Assigned: count,
  V6StartAddr: address,
  V6Assigned: count,
};

/** The kinds of messages that can be shown. */
interface Kinds {
  readonly summary: SummaryRespRead;
  readonly ikeLine: IKESASummaryRead;
  readonly ikeDump: IKESADumpRead;
  readonly childDump: CHILDSADumpRead;
  readonly ping: PingResultRead;
  readonly pool: PoolUsageSummaryRead;
}

const FIELDS: { readonly [K in keyof Kinds]: Fields<Kinds[K]> } = {
  summary: SUMMARY,
  ikeLine: IKE_LINE,
  ikeDump: IKE_DUMP,
  childDump: CHILD_DUMP,
  ping: PING,
  pool: POOL,
};

/** A message of this kind, with its fields in the order in which people look for them. */
export type ShownFields<M> = { readonly [F in keyof M]: Shown };

/** A message of this kind, its fields in the order people look for them. */
export function showMessage<K extends keyof Kinds>(
  kind: K,
  message: Kinds[K],
): ShownFields<Kinds[K]> {
  return shown(message, FIELDS[kind]);
}

function shown<M>(message: M, fields: Fields<M>): ShownFields<M> {
  const names = Object.keys(fields) as (keyof M)[];
  const values = names.map((name) => [name, fields[name](message[name])]);
  return Object.fromEntries(values) as ShownFields<M>;
}

/** The message as one line for each field; a field that does not apply is a dash. */
export function fieldLines(message: ShownMessage): string[] {
  const width = Math.max(...Object.keys(message).map((name) => name.length));
  return Object.entries(message).map(([name, value]) => `${name.padEnd(width)}  ${text(value)}`);
}

function text(value: Shown): string {
  if (value === null || value === "") return "-";
  if (typeof value !== "object") return printableLine(String(value));
  return value.map(selectorText).join(", ") || "-";
}

/** A traffic selector as `10.0.0.0-10.0.0.255`, with protocol and ports if they are restricted. */
function selectorText(ts: ShownMessage): string {
  const { StartAddr, EndAddr, Protocol, StartPort, EndPort } = ts;
  const ports = StartPort === 0 && EndPort === 65_535 ? "" : ` ports ${StartPort}-${EndPort}`;
  return `${StartAddr}-${EndAddr}${Protocol === ANY ? "" : ` protocol ${Protocol}`}${ports}`;
}

/** Rows below their headings, in columns of sufficient width. */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly Shown[])[],
): string[] {
  const cells = [headings, ...rows.map((row) => row.map(text))];
  const widths = headings.map((_, i) => cells.reduce((w, row) => Math.max(w, row[i]!.length), 0));
  return cells.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}
