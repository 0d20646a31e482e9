/**
 * XFRM messages about states, each of which is one direction of a CHILD_SA (`linux/xfrm.h`).
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import type {
  AggfragTerms,
  Encapsulation,
  SaKeys,
  SaSuite,
  Selector,
} from "@/datapath/data_path.ts";
import { KERNEL_CIPHERS, KERNEL_INTEGRITIES } from "@/datapath/kernel_algorithms.ts";
import { attributesIn, NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import {
  ACKNOWLEDGED_REQUEST,
  AF_INET,
  familyOf,
  IPPROTO_AH,
  ipProtocolOf,
  modeOf,
  type PacketLimits,
  PROTOCOL_AH,
  PROTOCOL_ESP,
  SELECTOR_OCTETS,
  writeLifetime,
  writeSelector,
  XfrmAttribute,
  XfrmMessage,
} from "@/datapath/xfrm.ts";
import { NetlinkFlag, type NetlinkMessage } from "@/native/netlink.ts";

/**
 * XFRM_STATE_AF_UNSPEC allows both inner address families, XFRM_STATE_ESN uses the high half of sequence
 * numbers.
 */
const FLAG_AF_UNSPEC = 32;
const FLAG_ESN = 128;
const ENCAP_UDP = 2;
const ENCAP_TCP = 7;
const NAME_OCTETS = 64;
/** The kernel's limit of a replay window, in packets. */
export const KERNEL_REPLAY_WINDOW_MAX = 4096;
/**
 * The replay window of an outbound state: it is unused, but the kernel requires one for extended sequence
 * numbers.
 */
const SENDER_WINDOW = 32;
/** How long an inbound state of IP-TFS waits for a packet that others have overtaken, in microseconds. */
const AGGFRAG_DROP_TIME_US = 1_000_000;
/** How many packets may overtake one that an inbound state of IP-TFS waits for. */
const AGGFRAG_REORDER_WINDOW = 3;
const STATE_OCTETS = 224;
const MAPPING_OCTETS = 64;

/** A state: one direction of a pair of SAs. */
export interface XfrmState extends PacketLimits {
  /** The SPI, uint32. */
  readonly spi: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly suite: SaSuite;
  readonly keys: SaKeys;
  readonly tunnelMode: boolean;
  /** Selectors of a transport mode state, seen from a packet of this direction; undefined in tunnel mode. */
  readonly selectors: { readonly from: Selector; readonly to: Selector } | undefined;
  readonly reqid: number;
  readonly encapsulation: Encapsulation;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The replay window in packets; undefined: the state is an outbound one. */
  readonly replayWindow: number | undefined;
  /** How packets are aggregated and fragmented (RFC 9347); undefined: they are not. */
  readonly aggfrag: AggfragTerms | undefined;
  /** Id of the XFRM interface; 0: none. */
  readonly ifId: number;
  /** Sequence numbers from which to continue, for a state that replaces another. */
  readonly replay?: ReplayRecord | undefined;
}

/** Adds a state. */
export function newState(state: XfrmState): Uint8Array {
  const { suite, keys } = state;
  const message = new NetlinkMessageWriter(
    XfrmMessage.NEW_SA,
    ACKNOWLEDGED_REQUEST | NetlinkFlag.CREATE,
  );
  writeStateRecord(message, state);
  const cipher = KERNEL_CIPHERS.get(suite.encryption);
  const integrity = KERNEL_INTEGRITIES.get(suite.integrity);
  if (suite.protocol !== PROTOCOL_AH) {
    must(cipher !== undefined, "a cipher that the kernel's table has");
    if (cipher.icvBits === undefined) writeKey(message, XfrmAttribute.CRYPT, cipher.name, [], keys);
    else writeKey(message, XfrmAttribute.AEAD, cipher.name, [cipher.icvBits], keys);
  }
  if (integrity) {
    const auth = { encryption: keys.integrity, integrity: keys.integrity };
    writeKey(
      message,
      XfrmAttribute.AUTH_TRUNCATED,
      integrity.name,
      [integrity.truncatedBits],
      auth,
    );
  }
  if (state.replay) {
    const { attribute, octets } = state.replay;
    message.attribute(attribute, (m) => m.bytes(octets));
  } else if (hasReplayRecord(state)) writeReplay(message, state);
  if (state.encapsulation !== "none") writeEncapsulation(message, state);
  if (state.ifId !== 0) message.attribute(XfrmAttribute.IF_ID, (m) => m.u32(state.ifId));
  if (state.aggfrag) writeAggfrag(message, state.aggfrag, state.replayWindow === undefined);
  return message.octets;
}

/**
 * Writes what the kernel needs for IP-TFS: the direction of the state, how long an inbound one waits for
 * packets that overtook others, and how an outbound one makes its payloads.
 */
function writeAggfrag(
  message: NetlinkMessageWriter,
  { fragments, payloadOctets }: AggfragTerms,
  isOutbound: boolean,
): void {
  message.attribute(XfrmAttribute.SA_DIRECTION, (m) => m.u8(isOutbound ? 2 : 1));
  if (!isOutbound) {
    message.attribute(XfrmAttribute.IPTFS_DROP_TIME, (m) => m.u32(AGGFRAG_DROP_TIME_US));
    message.attribute(XfrmAttribute.IPTFS_REORDER_WINDOW, (m) => m.u16(AGGFRAG_REORDER_WINDOW));
    return;
  }
  if (!fragments) message.attribute(XfrmAttribute.IPTFS_DONT_FRAGMENT, () => {});
  // The kernel counts the headers outside of a payload too, from the outer IP header on.
  if (payloadOctets > 0) {
    message.attribute(XfrmAttribute.IPTFS_PACKET_SIZE, (m) => m.u32(payloadOctets));
  }
}

/** The replay record of a state, which is passed to the state that replaces it. */
export interface ReplayRecord {
  /** Type of the attribute: XFRMA_REPLAY_VAL or XFRMA_REPLAY_ESN_VAL. */
  readonly attribute: number;
  readonly octets: Uint8Array;
}

/** The lower half of the last sequence number that was sent; the two records have it at different offsets. */
export function sentSequence({ attribute, octets }: ReplayRecord): number {
  const at = attribute === XfrmAttribute.REPLAY ? 4 : 0;
  return new DataView(octets.buffer, octets.byteOffset).getUint32(at, true);
}

/**
 * How many numbers a state that replaces another leaves out: the old one may send until it is removed, after
 * its number was read, and no number may be used twice with one key.
 */
const NUMBERS_LEFT_OUT = 2 ** 16;

/**
 * The record with which a state goes on that replaces the one of which the record was read. An inbound state
 * has sent nothing, and the kernel refuses one of IP-TFS whose record says otherwise.
 */
export function replayAfter(
  record: ReplayRecord,
  { replayWindow }: Pick<XfrmState, "replayWindow">,
): ReplayRecord {
  if (replayWindow !== undefined) return record;
  const { attribute } = record;
  const octets = record.octets.slice();
  const view = new DataView(octets.buffer);
  const isShort = attribute === XfrmAttribute.REPLAY_SHORT;
  // struct xfrm_replay_state has the number that was sent first, xfrm_replay_state_esn has it second.
  const at = isShort ? 0 : 4;
  const next = view.getUint32(at, true) + NUMBERS_LEFT_OUT;
  view.setUint32(at, isShort ? Math.min(next, 2 ** 32 - 1) : next, true);
  const high = 12;
  if (!isShort && next >= 2 ** 32) view.setUint32(high, view.getUint32(high, true) + 1, true);
  return { attribute, octets };
}

/** What identifies a state to the kernel. */
export type XfrmStateId = Pick<XfrmState, "spi" | "destination" | "suite">;

/** Removes a state. */
export function deleteState(id: XfrmStateId): Uint8Array {
  return stateRequest(XfrmMessage.DELETE_SA, id);
}

/** Asks for the counters and sequence numbers of one state. */
export function getState(id: XfrmStateId): Uint8Array {
  return stateRequest(XfrmMessage.GET_SA, id);
}

/** A state as the kernel reports it. */
export interface ReportedState {
  readonly spi: number;
  readonly reqid: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** 50 for ESP, 51 for AH. */
  readonly ipProtocol: number;
  readonly octets: number;
  readonly packets: number;
  /** Number of packets that were refused as outside of the replay window, as replays, or for a wrong ICV. */
  readonly refused: { readonly window: number; readonly replay: number; readonly icv: number };
  readonly replay: ReplayRecord | undefined;
  /** Time of the last packet in seconds since 1970; undefined: the kernel does not report it. */
  readonly lastUsedSec: number | undefined;
}

/** Reads a dump of states. */
export function readStates(messages: readonly NetlinkMessage[]): ReportedState[] {
  return messages.filter(({ type }) => type === XfrmMessage.NEW_SA).map((m) => readState(m.body));
}

/** Removes a state that was read from the kernel. */
export function deleteReportedState({ spi, destination, ipProtocol }: ReportedState): Uint8Array {
  const protocol = ipProtocol === IPPROTO_AH ? PROTOCOL_AH : PROTOCOL_ESP;
  const message = new NetlinkMessageWriter(XfrmMessage.DELETE_SA, ACKNOWLEDGED_REQUEST);
  writeStateId(message, { spi, destination, protocol });
  return message.octets;
}

/** Reads a NEW_SA message. */
export function readState(body: Uint8Array): ReportedState {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const family = view.getUint16(212, true);
  const octets = family === AF_INET ? 4 : 16;
  const attributes = attributesIn(body, STATE_OCTETS);
  return {
    destination: body.slice(56, 56 + octets),
    spi: view.getUint32(72),
    ipProtocol: body[76]!,
    source: body.slice(80, 80 + octets),
    octets: Number(view.getBigUint64(160, true)),
    packets: Number(view.getBigUint64(168, true)),
    refused: {
      window: view.getUint32(192, true),
      replay: view.getUint32(196, true),
      icv: view.getUint32(200, true),
    },
    reqid: view.getUint32(208, true),
    replay: replayIn(attributes),
    lastUsedSec: secondsIn(attributes.get(XfrmAttribute.LAST_USED)),
  };
}

/** Reads a uint64 in host byte order. */
function secondsIn(octets: Uint8Array | undefined): number | undefined {
  if (!octets || octets.length < 8) return undefined;
  return Number(new DataView(octets.buffer, octets.byteOffset).getBigUint64(0, true));
}

function replayIn(attributes: Map<number, Uint8Array>): ReplayRecord | undefined {
  for (const attribute of [XfrmAttribute.REPLAY, XfrmAttribute.REPLAY_SHORT]) {
    const octets = attributes.get(attribute)?.slice();
    if (octets) return { attribute, octets };
  }
  return undefined;
}

/** Reads an EXPIRE message: the SPI of the state, and whether the kernel has removed it. */
export function readExpire(
  body: Uint8Array,
): Pick<ReportedState, "spi" | "destination"> & { readonly hard: boolean } {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const destination = body.slice(56, view.getUint16(212, true) === AF_INET ? 60 : 72);
  return { spi: view.getUint32(72), destination, hard: body[STATE_OCTETS] !== 0 };
}

/**
 * The content of a MAPPING message: the new address and port from which packets of an inbound state in UDP
 * come.
 */
export interface ReportedMapping {
  readonly spi: number;
  readonly address: IpAddress;
  readonly port: number;
}

/** Reads a MAPPING message; undefined if it is too short. */
export function readMapping(body: Uint8Array): ReportedMapping | undefined {
  if (body.length < MAPPING_OCTETS) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const octets = view.getUint16(20, true) === AF_INET ? 4 : 16;
  return {
    spi: view.getUint32(16),
    address: body.slice(44, 44 + octets),
    port: view.getUint16(62),
  };
}

function stateRequest(type: number, { spi, destination, suite }: XfrmStateId): Uint8Array {
  const message = new NetlinkMessageWriter(type, ACKNOWLEDGED_REQUEST);
  writeStateId(message, { spi, destination, protocol: suite.protocol });
  return message.octets;
}

/** Writes struct xfrm_usersa_id. */
function writeStateId(
  message: NetlinkMessageWriter,
  id: { readonly spi: number; readonly destination: IpAddress; readonly protocol: number },
): void {
  message.padded(id.destination, 16).be32(id.spi).u16(familyOf(id.destination));
  message.u8(ipProtocolOf(id.protocol), 0);
}

/** Writes struct xfrm_usersa_info. */
function writeStateRecord(message: NetlinkMessageWriter, state: XfrmState): void {
  const { source, destination, spi, suite, selectors, replayWindow = 0 } = state;
  if (selectors) writeSelector(message, selectors.from, selectors.to);
  else message.zeros(SELECTOR_OCTETS);
  message.padded(destination, 16).be32(spi).u8(ipProtocolOf(suite.protocol)).zeros(3);
  message.padded(source, 16);
  writeLifetime(message, state);
  message.zeros(32 + 12).u32(0).u32(state.reqid).u16(familyOf(source));
  const inRecord = hasReplayRecord(state);
  message.u8(modeOf(state), inRecord ? 0 : replayWindow);
  message.u8((suite.esn ? FLAG_ESN : 0) | (selectors ? 0 : FLAG_AF_UNSPEC)).zeros(7);
}

/**
 * Whether the replay window needs an attribute of its own, as the state's own field holds only 32 packets.
 */
function hasReplayRecord({ suite, replayWindow = 0 }: XfrmState): boolean {
  return suite.esn || replayWindow > 32;
}

/** Writes struct xfrm_algo or one like it: name, bits of the key, further lengths, key. */
function writeKey(
  message: NetlinkMessageWriter,
  type: number,
  name: string,
  more: readonly number[],
  keys: SaKeys,
): void {
  message.attribute(type, (m) => {
    m.padded(new TextEncoder().encode(name), NAME_OCTETS).u32(8 * keys.encryption.length);
    for (const value of more) m.u32(value);
    m.bytes(keys.encryption);
  });
}

/** Writes struct xfrm_replay_state_esn, whose bitmap is as long as the window. */
function writeReplay(message: NetlinkMessageWriter, state: XfrmState): void {
  // A state whose direction is told may have no window if it is an outbound one.
  const senders = state.aggfrag ? 0 : SENDER_WINDOW;
  const wanted = Math.max(state.replayWindow === undefined ? 0 : 1, state.replayWindow ?? senders);
  const window = Math.min(KERNEL_REPLAY_WINDOW_MAX, wanted);
  const words = Math.ceil(window / 32);
  message.attribute(XfrmAttribute.REPLAY, (m) => {
    m.u32(words).zeros(16).u32(window).zeros(4 * words);
  });
}

/** Writes struct xfrm_encap_tmpl. */
export function writeEncapsulation(message: NetlinkMessageWriter, state: XfrmState): void {
  message.attribute(XfrmAttribute.ENCAP, (m) => {
    m.u16(state.encapsulation === "udp" ? ENCAP_UDP : ENCAP_TCP);
    m.be16(state.sourcePort).be16(state.destinationPort).zeros(2).zeros(16);
  });
}
