/**
 * XFRM requests as octets (`linux/xfrm.h`): states, policies, and what the kernel says of them.
 * @module
 */
import { type IpAddress, type IpPrefix, prefixRange } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { coveringPorts, coveringPrefix } from "@/datapath/covering.ts";
import type { Encapsulation, SaKeys, SaSuite, Selector } from "@/datapath/data_path.ts";
import { KERNEL_CIPHERS, KERNEL_INTEGRITIES } from "@/datapath/kernel_algorithms.ts";
import { attributesIn, NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import { NetlinkFlag, type NetlinkMessage } from "@/native/netlink.ts";

/** Message types. */
export const XfrmMessage = {
  NEW_SA: 0x10,
  DELETE_SA: 0x11,
  GET_SA: 0x12,
  NEW_POLICY: 0x13,
  DELETE_POLICY: 0x14,
  GET_POLICY: 0x15,
  ACQUIRE: 0x17,
  EXPIRE: 0x18,
  UPDATE_POLICY: 0x19,
  UPDATE_SA: 0x1a,
  MAPPING: 0x26,
} as const;

/** Multicast groups as bits of a socket's mask: acquire, expire and mapping messages. */
export const XFRM_GROUPS = 1 << 0 | 1 << 1 | 1 << 7;

/** Direction of a policy. */
export const PolicyDirection = { IN: 0, OUT: 1, FORWARD: 2 } as const;

const Attribute = {
  CRYPT: 2,
  ENCAP: 4,
  TEMPLATE: 5,
  REPLAY_SHORT: 10,
  LAST_USED: 15,
  AEAD: 18,
  AUTH_TRUNCATED: 20,
  REPLAY: 23,
  IF_ID: 31,
} as const;

const REQUEST = NetlinkFlag.REQUEST | NetlinkFlag.ACK;
const IPPROTO_ESP = 50, IPPROTO_AH = 51, PROTOCOL_AH = 2, PROTOCOL_ESP = 3;
const AF_INET = 2, AF_INET6 = 10;
const MODE_TRANSPORT = 0, MODE_TUNNEL = 1;
/** Both inner families; the high half of sequence numbers counts. */
const FLAG_AF_UNSPEC = 32, FLAG_ESN = 128;
const ENCAP_UDP = 2, ENCAP_TCP = 7;
const NAME_OCTETS = 64;
const FOREVER = 0xffff_ffff_ffff_ffffn;
/** The kernel's bound: a bitmap of 4096 bits. */
export const KERNEL_REPLAY_WINDOW_MAX = 4096;
/** A sender keeps no window, but the kernel wants one beside extended sequence numbers. */
const SENDER_WINDOW = 32;
const SELECTOR_OCTETS = 56, STATE_OCTETS = 224, POLICY_OCTETS = 168, MAPPING_OCTETS = 64;

/** One direction of an SA pair. */
export interface XfrmState {
  /** uint32 */
  readonly spi: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly suite: SaSuite;
  readonly keys: SaKeys;
  readonly tunnelMode: boolean;
  /** What a transport mode SA carries, as a packet of this direction; none in tunnel mode. */
  readonly selectors: { readonly from: Selector; readonly to: Selector } | undefined;
  readonly reqid: number;
  readonly encapsulation: Encapsulation;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The replay window in packets; undefined: the state is an outbound one. */
  readonly replayWindow: number | undefined;
  /** 0: no XFRM interface. */
  readonly ifId: number;
  /** Packets after which the kernel tells that it is used up; undefined: none. */
  readonly packetsSoft?: number | undefined;
  /** Packets after which the kernel takes it out, and tells so: its sequence numbers are spent. */
  readonly packetsHard?: number | undefined;
  /** Where sequence numbers stand, for a state that takes another's place. */
  readonly replay?: ReplayTold | undefined;
}

/** Adds a state. */
export function newState(state: XfrmState): Uint8Array {
  const { suite, keys } = state;
  const message = new NetlinkMessageWriter(XfrmMessage.NEW_SA, REQUEST | NetlinkFlag.CREATE);
  writeStateRecord(message, state);
  const cipher = KERNEL_CIPHERS.get(suite.encryption);
  const integrity = KERNEL_INTEGRITIES.get(suite.integrity);
  if (suite.protocol !== PROTOCOL_AH) {
    must(cipher !== undefined, "a cipher that the kernel's table has");
    if (cipher.icvBits === undefined) writeKey(message, Attribute.CRYPT, cipher.name, [], keys);
    else writeKey(message, Attribute.AEAD, cipher.name, [cipher.icvBits], keys);
  }
  if (integrity) {
    const auth = { encryption: keys.integrity, integrity: keys.integrity };
    writeKey(message, Attribute.AUTH_TRUNCATED, integrity.name, [integrity.truncatedBits], auth);
  }
  if (state.replay) {
    const { attribute, octets } = state.replay;
    message.attribute(attribute, (m) => m.bytes(octets));
  } else if (hasReplayRecord(state)) writeReplay(message, state);
  if (state.encapsulation !== "none") writeEncapsulation(message, state);
  if (state.ifId !== 0) message.attribute(Attribute.IF_ID, (m) => m.u32(state.ifId));
  return message.octets;
}

/** The replay record of a state, to be handed to the one that takes its place. */
export interface ReplayTold {
  /** XFRMA_REPLAY_VAL or XFRMA_REPLAY_ESN_VAL. */
  readonly attribute: number;
  readonly octets: Uint8Array;
}

/** The last sequence number sent, its lower half; the records have it in different places. */
export function sentSequence({ attribute, octets }: ReplayTold): number {
  const at = attribute === Attribute.REPLAY ? 4 : 0;
  return new DataView(octets.buffer, octets.byteOffset).getUint32(at, true);
}

/** What identifies a state to the kernel. */
export type XfrmStateId = Pick<XfrmState, "spi" | "destination" | "suite">;

/** Removes a state. */
export function deleteState(id: XfrmStateId): Uint8Array {
  return stateRequest(XfrmMessage.DELETE_SA, id);
}

/** Asks for one state: its counters, and where its sequence numbers stand. */
export function getState(id: XfrmStateId): Uint8Array {
  return stateRequest(XfrmMessage.GET_SA, id);
}

/** Asks for all states, or all policies. */
export function dumpOf(what: "states" | "policies"): Uint8Array {
  const type = what === "states" ? XfrmMessage.GET_SA : XfrmMessage.GET_POLICY;
  const flags = NetlinkFlag.REQUEST | NetlinkFlag.DUMP;
  return new NetlinkMessageWriter(type, flags).octets;
}

/** A state as the kernel tells it. */
export interface XfrmStateTold {
  readonly spi: number;
  readonly reqid: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** 50 ESP, 51 AH. */
  readonly ipProtocol: number;
  readonly octets: number;
  readonly packets: number;
  /** Packets outside the replay window, replayed, with a wrong ICV. */
  readonly refused: { readonly window: number; readonly replay: number; readonly icv: number };
  readonly replay: ReplayTold | undefined;
  /** When a packet passed last, in seconds since 1970; undefined: the kernel does not tell. */
  readonly lastUsedSec: number | undefined;
}

/** Reads a dump of states. */
export function readStates(messages: readonly NetlinkMessage[]): XfrmStateTold[] {
  return messages.filter(({ type }) => type === XfrmMessage.NEW_SA).map((m) => readState(m.body));
}

/** Removes a state that was read. */
export function deleteStateTold({ spi, destination, ipProtocol }: XfrmStateTold): Uint8Array {
  const protocol = ipProtocol === IPPROTO_AH ? PROTOCOL_AH : PROTOCOL_ESP;
  const message = new NetlinkMessageWriter(XfrmMessage.DELETE_SA, REQUEST);
  writeStateId(message, { spi, destination, protocol });
  return message.octets;
}

/** Reads NEW_SA. */
export function readState(body: Uint8Array): XfrmStateTold {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const family = view.getUint16(212, true), octets = family === AF_INET ? 4 : 16;
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
    lastUsedSec: secondsIn(attributes.get(Attribute.LAST_USED)),
  };
}

/** A uint64 in the order of the host. */
function secondsIn(octets: Uint8Array | undefined): number | undefined {
  if (!octets || octets.length < 8) return undefined;
  return Number(new DataView(octets.buffer, octets.byteOffset).getBigUint64(0, true));
}

function replayIn(attributes: Map<number, Uint8Array>): ReplayTold | undefined {
  for (const attribute of [Attribute.REPLAY, Attribute.REPLAY_SHORT]) {
    const octets = attributes.get(attribute)?.slice();
    if (octets) return { attribute, octets };
  }
  return undefined;
}

/** Reads EXPIRE: the SPI of the state, and whether it is gone. */
export function readExpire(
  body: Uint8Array,
): Pick<XfrmStateTold, "spi" | "destination"> & { readonly hard: boolean } {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const destination = body.slice(56, view.getUint16(212, true) === AF_INET ? 60 : 72);
  return { spi: view.getUint32(72), destination, hard: body[STATE_OCTETS] !== 0 };
}

/** What MAPPING tells: from where the packets of an inbound state in UDP come now. */
export interface MappingTold {
  readonly spi: number;
  readonly address: IpAddress;
  readonly port: number;
}

/** Reads MAPPING; undefined: it is too short. */
export function readMapping(body: Uint8Array): MappingTold | undefined {
  if (body.length < MAPPING_OCTETS) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const octets = view.getUint16(20, true) === AF_INET ? 4 : 16;
  return {
    spi: view.getUint32(16),
    address: body.slice(44, 44 + octets),
    port: view.getUint16(62),
  };
}

/** Reads ACQUIRE: the reqid of the first template, which says whose packet it was. */
export function readAcquire(body: Uint8Array): number | undefined {
  const template = attributesIn(body, 24 + 16 + SELECTOR_OCTETS + POLICY_OCTETS + 16)
    .get(Attribute.TEMPLATE);
  if (!template || template.length < 48) return undefined;
  return new DataView(template.buffer, template.byteOffset).getUint32(44, true);
}

/** A policy: which packets leave or arrive, and by which SA. */
export interface XfrmPolicy {
  readonly direction: number;
  /** As a packet of this direction. */
  readonly from: Selector;
  readonly to: Selector;
  readonly priority: number;
  /** 0: no XFRM interface. */
  readonly ifId: number;
  /** Undefined: packets pass as they are. */
  readonly template: {
    /** 3 ESP, 2 AH. */
    readonly protocol: number;
    readonly source: IpAddress;
    readonly destination: IpAddress;
    readonly reqid: number;
    readonly tunnelMode: boolean;
  } | undefined;
}

/** Adds a policy, or changes it where it is there. */
export function putPolicy(policy: XfrmPolicy): Uint8Array {
  return policyMessage(XfrmMessage.UPDATE_POLICY, policy);
}

/** Adds a policy; EEXIST where somebody has one of these selectors. */
export function addPolicy(policy: XfrmPolicy): Uint8Array {
  return policyMessage(XfrmMessage.NEW_POLICY, policy);
}

function policyMessage(type: number, policy: XfrmPolicy): Uint8Array {
  const { direction, priority, template, ifId } = policy;
  const message = new NetlinkMessageWriter(type, REQUEST);
  writeSelector(message, policy.from, policy.to);
  writeLifetime(message);
  message.zeros(32).u32(priority).u32(0).u8(direction, 0, 0, 0).zeros(4);
  if (template) {
    message.attribute(Attribute.TEMPLATE, (m) => {
      const { source, destination, protocol, tunnelMode } = template;
      // Addresses of a transport mode SA are those of the packet.
      m.padded(tunnelMode ? destination : new Uint8Array(0), 16).u32(0);
      m.u8(ipProtocolOf(protocol)).zeros(3);
      m.u16(familyOf(tunnelMode ? source : policy.from.first)).zeros(2);
      m.padded(tunnelMode ? source : new Uint8Array(0), 16).u32(template.reqid);
      m.u8(tunnelMode ? MODE_TUNNEL : MODE_TRANSPORT, 0, 0, 0);
      m.u32(0xffff_ffff).u32(0xffff_ffff).u32(0xffff_ffff);
    });
  }
  if (ifId !== 0) message.attribute(Attribute.IF_ID, (m) => m.u32(ifId));
  return message.octets;
}

/** Removes a policy. */
export function deletePolicy(
  policy: Pick<XfrmPolicy, "direction" | "from" | "to" | "ifId">,
): Uint8Array {
  const message = new NetlinkMessageWriter(XfrmMessage.DELETE_POLICY, REQUEST);
  writeSelector(message, policy.from, policy.to);
  message.u32(0).u8(policy.direction).zeros(3);
  if (policy.ifId !== 0) message.attribute(Attribute.IF_ID, (m) => m.u32(policy.ifId));
  return message.octets;
}

/** A policy as the kernel reports it: as much as it takes to remove it. */
export interface XfrmPolicyTold {
  /** The selector, as it was sent. */
  readonly selector: Uint8Array;
  readonly direction: number;
  readonly reqid: number;
  readonly ifId: number;
}

/** Reads a dump of policies. */
export function readPolicies(messages: readonly NetlinkMessage[]): XfrmPolicyTold[] {
  return messages.filter(({ type }) => type === XfrmMessage.NEW_POLICY)
    .map((m) => readPolicy(m.body));
}

/** Reads NEW_POLICY. */
export function readPolicy(body: Uint8Array): XfrmPolicyTold {
  const attributes = attributesIn(body, POLICY_OCTETS);
  const word = (octets: Uint8Array | undefined, at: number) =>
    octets && octets.length >= at + 4
      ? new DataView(octets.buffer, octets.byteOffset).getUint32(at, true)
      : 0;
  return {
    selector: body.slice(0, SELECTOR_OCTETS),
    direction: body[160]!,
    reqid: word(attributes.get(Attribute.TEMPLATE), 44),
    ifId: word(attributes.get(Attribute.IF_ID), 0),
  };
}

/** Removes a policy that was read. */
export function deletePolicyTold(policy: XfrmPolicyTold): Uint8Array {
  const message = new NetlinkMessageWriter(XfrmMessage.DELETE_POLICY, REQUEST);
  message.bytes(policy.selector).u32(0).u8(policy.direction).zeros(3);
  if (policy.ifId !== 0) message.attribute(Attribute.IF_ID, (m) => m.u32(policy.ifId));
  return message.octets;
}

/** 50 for ESP, 51 for AH. */
export function ipProtocolOf(protocol: number): number {
  return protocol === PROTOCOL_AH ? IPPROTO_AH : IPPROTO_ESP;
}

/** AF_INET or AF_INET6. */
export function familyOf(address: IpAddress): number {
  return address.length === 4 ? AF_INET : AF_INET6;
}

function stateRequest(type: number, { spi, destination, suite }: XfrmStateId): Uint8Array {
  const message = new NetlinkMessageWriter(type, REQUEST);
  writeStateId(message, { spi, destination, protocol: suite.protocol });
  return message.octets;
}

/** struct xfrm_usersa_id */
function writeStateId(
  message: NetlinkMessageWriter,
  id: { readonly spi: number; readonly destination: IpAddress; readonly protocol: number },
): void {
  message.padded(id.destination, 16).be32(id.spi).u16(familyOf(id.destination));
  message.u8(ipProtocolOf(id.protocol), 0);
}

/** struct xfrm_usersa_info */
function writeStateRecord(message: NetlinkMessageWriter, state: XfrmState): void {
  const { source, destination, spi, suite, tunnelMode, selectors, replayWindow = 0 } = state;
  if (selectors) writeSelector(message, selectors.from, selectors.to);
  else message.zeros(SELECTOR_OCTETS);
  message.padded(destination, 16).be32(spi).u8(ipProtocolOf(suite.protocol)).zeros(3);
  message.padded(source, 16);
  writeLifetime(message, state);
  message.zeros(32 + 12).u32(0).u32(state.reqid).u16(familyOf(source));
  const inRecord = hasReplayRecord(state);
  message.u8(tunnelMode ? MODE_TUNNEL : MODE_TRANSPORT, inRecord ? 0 : replayWindow);
  message.u8((suite.esn ? FLAG_ESN : 0) | (selectors ? 0 : FLAG_AF_UNSPEC)).zeros(7);
}

/** Whether the window stands in a record of its own: the state's field has room for 32 packets. */
function hasReplayRecord({ suite, replayWindow = 0 }: XfrmState): boolean {
  return suite.esn || replayWindow > 32;
}

/** struct xfrm_selector */
function writeSelector(message: NetlinkMessageWriter, from: Selector, to: Selector): void {
  const source = coveringPrefix(from), destination = coveringPrefix(to);
  const ports = coveringPorts(from, to);
  message.padded(destination.address, 16).padded(source.address, 16);
  message.be16(ports.destination.port).be16(ports.destination.mask);
  message.be16(ports.source.port).be16(ports.source.mask);
  message.u16(familyOf(from.first)).u8(destination.bits, source.bits);
  message.u8(from.protocol || to.protocol).zeros(3).u32(0).u32(0);
}

/** struct xfrm_lifetime_cfg, octets before packets, soft before hard: IKE counts the time. */
function writeLifetime(
  message: NetlinkMessageWriter,
  { packetsSoft, packetsHard }: Pick<XfrmState, "packetsSoft" | "packetsHard"> = {},
): void {
  const limit = (packets?: number) => packets === undefined ? FOREVER : BigInt(packets);
  message.u64(FOREVER).u64(FOREVER).u64(limit(packetsSoft)).u64(limit(packetsHard)).zeros(32);
}

/** struct xfrm_algo and those like it: name, bits of the key, further lengths, key. */
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

/** struct xfrm_replay_state_esn, whose bitmap is as long as the window. */
function writeReplay(message: NetlinkMessageWriter, state: XfrmState): void {
  const wanted = state.replayWindow ?? SENDER_WINDOW;
  const window = Math.min(KERNEL_REPLAY_WINDOW_MAX, Math.max(1, wanted));
  const words = Math.ceil(window / 32);
  message.attribute(Attribute.REPLAY, (m) => {
    m.u32(words).zeros(16).u32(window).zeros(4 * words);
  });
}

/** struct xfrm_encap_tmpl */
function writeEncapsulation(message: NetlinkMessageWriter, state: XfrmState): void {
  message.attribute(Attribute.ENCAP, (m) => {
    m.u16(state.encapsulation === "udp" ? ENCAP_UDP : ENCAP_TCP);
    m.be16(state.sourcePort).be16(state.destinationPort).zeros(2).zeros(16);
  });
}

/** A selector of one prefix, any protocol and port. */
export function selectorOf(prefix: IpPrefix): Selector {
  const [first, last] = prefixRange(prefix);
  return { first, last, protocol: 0, startPort: 0, endPort: 65_535 };
}
