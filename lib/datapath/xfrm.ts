/**
 * What XFRM messages for states and for policies have in common (`linux/xfrm.h`): message types, attributes,
 * selectors and lifetimes.
 * @module
 */
import { type IpAddress, type IpPrefix, prefixRange } from "@/base/address.ts";
import { coveringPorts, coveringPrefix } from "@/datapath/covering.ts";
import type { Selector } from "@/datapath/data_path.ts";
import { NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import { NetlinkFlag } from "@/native/netlink.ts";

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
  MIGRATE_STATE: 0x29,
} as const;

/** Multicast groups as bits of a socket's mask: acquire, expire and mapping messages. */
export const XFRM_GROUPS = 1 << 0 | 1 << 1 | 1 << 7;

/** Types of the attributes of states and policies. */
export const XfrmAttribute = {
  CRYPT: 2,
  ENCAP: 4,
  TEMPLATE: 5,
  REPLAY_SHORT: 10,
  LAST_USED: 15,
  AEAD: 18,
  AUTH_TRUNCATED: 20,
  REPLAY: 23,
  IF_ID: 31,
  SA_DIRECTION: 33,
  IPTFS_DROP_TIME: 36,
  IPTFS_REORDER_WINDOW: 37,
  IPTFS_DONT_FRAGMENT: 38,
  IPTFS_PACKET_SIZE: 41,
} as const;

/** The flags of a request that the kernel is to acknowledge. */
export const ACKNOWLEDGED_REQUEST = NetlinkFlag.REQUEST | NetlinkFlag.ACK;
/** The protocol identifier of AH in IKE. */
export const PROTOCOL_AH = 2;
/** The protocol identifier of ESP in IKE. */
export const PROTOCOL_ESP = 3;
const IPPROTO_ESP = 50;
/** The IP protocol number of AH. */
export const IPPROTO_AH = 51;
/** The kernel's number of IPv4. */
export const AF_INET = 2;
const AF_INET6 = 10;
/** Modes of a state or a template. */
export const XfrmMode = { TRANSPORT: 0, TUNNEL: 1, IPTFS: 5 } as const;

/** The mode of a state or a template. */
export function modeOf(
  { tunnelMode, aggfrag }: { readonly tunnelMode: boolean; readonly aggfrag: unknown },
): number {
  if (aggfrag) return XfrmMode.IPTFS;
  return tunnelMode ? XfrmMode.TUNNEL : XfrmMode.TRANSPORT;
}
const FOREVER = 0xffff_ffff_ffff_ffffn;
/** Octets of struct xfrm_selector. */
export const SELECTOR_OCTETS = 56;
/** Octets of struct xfrm_userpolicy_info. */
export const POLICY_OCTETS = 168;

/** Packets after which the kernel reports something of a state; absent: never. */
export interface PacketLimits {
  /** Packets after which the kernel reports that the state should be replaced; undefined: none. */
  readonly packetsSoft?: number | undefined;
  /** Packets after which the kernel removes the state and reports it, as no sequence numbers are left. */
  readonly packetsHard?: number | undefined;
}

/** Asks for all states, or all policies. */
export function dumpOf(what: "states" | "policies"): Uint8Array {
  const type = what === "states" ? XfrmMessage.GET_SA : XfrmMessage.GET_POLICY;
  const flags = NetlinkFlag.REQUEST | NetlinkFlag.DUMP;
  return new NetlinkMessageWriter(type, flags).octets;
}

/** 50 for ESP, 51 for AH. */
export function ipProtocolOf(protocol: number): number {
  return protocol === PROTOCOL_AH ? IPPROTO_AH : IPPROTO_ESP;
}

/** AF_INET or AF_INET6. */
export function familyOf(address: IpAddress): number {
  return address.length === 4 ? AF_INET : AF_INET6;
}

/** Writes struct xfrm_selector. */
export function writeSelector(message: NetlinkMessageWriter, from: Selector, to: Selector): void {
  const source = coveringPrefix(from);
  const destination = coveringPrefix(to);
  const ports = coveringPorts(from, to);
  message.padded(destination.address, 16).padded(source.address, 16);
  message.be16(ports.destination.port).be16(ports.destination.mask);
  message.be16(ports.source.port).be16(ports.source.mask);
  message.u16(familyOf(from.first)).u8(destination.bits, source.bits);
  message.u8(from.protocol || to.protocol).zeros(3).u32(0).u32(0);
}

/** Writes struct xfrm_lifetime_cfg: octets before packets, soft before hard limits. IKE measures the time. */
export function writeLifetime(
  message: NetlinkMessageWriter,
  { packetsSoft, packetsHard }: PacketLimits = {},
): void {
  const limit = (packets?: number) => packets === undefined ? FOREVER : BigInt(packets);
  message.u64(FOREVER).u64(FOREVER).u64(limit(packetsSoft)).u64(limit(packetsHard)).zeros(32);
}

/** A selector that matches a prefix with any protocol and port. */
export function selectorOf(prefix: IpPrefix): Selector {
  const [first, last] = prefixRange(prefix);
  return { first, last, protocol: 0, startPort: 0, endPort: 65_535 };
}
