/**
 * Routes, rules, addresses and XFRM interfaces as netlink requests (`linux/rtnetlink.h`).
 * @module
 */
import type { IpAddress, IpPrefix } from "@/base/address.ts";
import { SystemError } from "@/base/errors.ts";
import { attributesIn, NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import { familyOf } from "@/datapath/xfrm.ts";
import { NetlinkFlag, type NetlinkSocket } from "@/native/netlink.ts";

const NEW_LINK = 16;
const DELETE_LINK = 17;
const GET_LINK = 18;
const NEW_ADDRESS = 20;
const DELETE_ADDRESS = 21;
const NEW_ROUTE = 24;
const DELETE_ROUTE = 25;
const GET_ROUTE = 26;
const NEW_RULE = 32;
const DELETE_RULE = 33;
const GET_RULE = 34;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_PROTOCOL = 21;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_XFRM_LINK = 1;
const IFLA_XFRM_IF_ID = 2;
const NESTED = 0x8000;
const REQUEST = NetlinkFlag.REQUEST | NetlinkFlag.ACK;
const ADD = REQUEST | NetlinkFlag.CREATE;
const UNICAST = 1;
const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;
const TO_TABLE = 1;
/** Skips duplicate address detection (RFC 4862), so that the address can be used at once. */
const IFA_F_NODAD = 2;
const IFF_UP = 1;
const FIB_RULE_INVERT = 2;

/** The routing protocol number that marks routes and rules of this program. */
export const OWN_PROTOCOL = 233;

/** The next hop of a packet. */
export interface NextHop {
  /** Interface index. */
  readonly device: number;
  readonly gateway: IpAddress | undefined;
}

/** A route in a routing table. */
export interface Route {
  readonly to: IpPrefix;
  readonly by: NextHop;
  /** Source address of packets that have none yet; undefined: the kernel chooses. */
  readonly source: IpAddress | undefined;
  readonly table: number;
}

/** Adds a route, or replaces the one to the same destination. */
export function putRoute(route: Route): Uint8Array {
  return routeMessage(NEW_ROUTE, ADD | NetlinkFlag.REPLACE, route);
}

/** Deletes a route. */
export function deleteRoute(route: Route): Uint8Array {
  return routeMessage(DELETE_ROUTE, REQUEST, route);
}

/** Asks for the next hop to an address. */
export function askRoute(address: IpAddress): Uint8Array {
  const message = new NetlinkMessageWriter(GET_ROUTE, REQUEST);
  message.u8(familyOf(address), 8 * address.length, 0, 0, 0, 0, 0, 0).u32(0);
  return message.attribute(RTA_DST, (m) => m.bytes(address)).octets;
}

/** Reads the answer to {@linkcode askRoute}; undefined: the address is unreachable. */
export function readNextHop(body: Uint8Array): NextHop | undefined {
  const attributes = attributesIn(body, 12);
  const device = attributes.get(RTA_OIF);
  if (!device) return undefined;
  const index = new DataView(device.buffer, device.byteOffset).getUint32(0, true);
  return { device: index, gateway: attributes.get(RTA_GATEWAY)?.slice() };
}

/** Requests that delete every route of this program. */
export function readOwnRoutes(socket: NetlinkSocket): Uint8Array[] {
  const ask = new NetlinkMessageWriter(GET_ROUTE, NetlinkFlag.REQUEST | NetlinkFlag.DUMP);
  return socket.dump(ask.zeros(12).octets)
    .filter(({ type, body }) => type === NEW_ROUTE && body[5] === OWN_PROTOCOL)
    .map(({ body }) => new NetlinkMessageWriter(DELETE_ROUTE, REQUEST).bytes(body).octets);
}

/** Requests that delete every rule of this program. */
export function readOwnRules(socket: NetlinkSocket): Uint8Array[] {
  const ask = new NetlinkMessageWriter(GET_RULE, NetlinkFlag.REQUEST | NetlinkFlag.DUMP);
  return socket.dump(ask.zeros(12).octets)
    .filter(({ type, body }) =>
      type === NEW_RULE && attributesIn(body, 12).get(FRA_PROTOCOL)?.[0] === OWN_PROTOCOL
    )
    .map(({ body }) => new NetlinkMessageWriter(DELETE_RULE, REQUEST).bytes(body).octets);
}

/** A rule by which packets look up a routing table before the main one. */
export interface RoutingRule {
  /** Octets of an address of the rule's family. */
  readonly octets: 4 | 16;
  readonly table: number;
  readonly priority: number;
  /** Mark of packets to which the rule does not apply; absent: it applies to all. */
  readonly exceptMark?: number;
}

/** Adds or deletes a rule. */
export function ruleMessage(what: "add" | "delete", rule: RoutingRule): Uint8Array {
  const { octets, table, priority, exceptMark } = rule;
  const add = what === "add";
  const invert = exceptMark === undefined ? 0 : FIB_RULE_INVERT;
  const type = add ? NEW_RULE : DELETE_RULE;
  const flags = add ? ADD | NetlinkFlag.EXCL : REQUEST;
  const message = new NetlinkMessageWriter(type, flags);
  message.u8(familyOf(new Uint8Array(octets)), 0, 0, 0, 0, 0, 0, TO_TABLE).u32(invert);
  message.attribute(FRA_PRIORITY, (m) => m.u32(priority));
  message.attribute(FRA_TABLE, (m) => m.u32(table));
  if (exceptMark !== undefined) {
    message.attribute(FRA_FWMARK, (m) => m.u32(exceptMark));
    message.attribute(FRA_FWMASK, (m) => m.u32(0xffff_ffff));
  }
  return message.attribute(FRA_PROTOCOL, (m) => m.u8(OWN_PROTOCOL)).octets;
}

/** Adds an address to an interface, or deletes it. */
export function addressMessage(
  what: "add" | "delete",
  { address, bits }: IpPrefix,
  device: number,
): Uint8Array {
  const add = what === "add";
  const flags = add ? ADD | NetlinkFlag.EXCL : REQUEST;
  const message = new NetlinkMessageWriter(add ? NEW_ADDRESS : DELETE_ADDRESS, flags);
  message.u8(familyOf(address), bits, 0, SCOPE_UNIVERSE).u32(device);
  message.attribute(IFA_LOCAL, (m) => m.bytes(address));
  message.attribute(IFA_ADDRESS, (m) => m.bytes(address));
  return message.attribute(IFA_FLAGS, (m) => m.u32(IFA_F_NODAD)).octets;
}

/** Makes an XFRM interface and sets it up. `link` is the index of the interface below it; 0: none. */
export function newXfrmLink(name: string, ifId: number, link: number): Uint8Array {
  const message = new NetlinkMessageWriter(NEW_LINK, ADD | NetlinkFlag.EXCL);
  message.zeros(8).u32(IFF_UP).u32(IFF_UP);
  message.attribute(IFLA_IFNAME, (m) => m.bytes(new TextEncoder().encode(`${name}\0`)));
  return message.attribute(IFLA_LINKINFO | NESTED, (m) => {
    m.attribute(IFLA_INFO_KIND, (kind) => kind.bytes(new TextEncoder().encode("xfrm")));
    m.attribute(IFLA_INFO_DATA | NESTED, (data) => {
      if (link !== 0) data.attribute(IFLA_XFRM_LINK, (d) => d.u32(link));
      data.attribute(IFLA_XFRM_IF_ID, (d) => d.u32(ifId));
    });
  }).octets;
}

/** Sets an interface up and gives it an MTU. */
export function linkUp(index: number, mtu: number): Uint8Array {
  const message = new NetlinkMessageWriter(NEW_LINK, REQUEST);
  message.u32(0).u32(index).u32(IFF_UP).u32(IFF_UP);
  return message.attribute(IFLA_MTU, (m) => m.u32(mtu)).octets;
}

/** The index of an interface by its name; undefined: it does not exist. */
export function linkIndex(socket: NetlinkSocket, name: string): number | undefined {
  const ask = new NetlinkMessageWriter(GET_LINK, REQUEST).zeros(16);
  ask.attribute(IFLA_IFNAME, (m) => m.bytes(new TextEncoder().encode(`${name}\0`)));
  try {
    const found = socket.ask(ask.octets).find(({ type }) => type === NEW_LINK);
    return found && new DataView(found.body.buffer, found.body.byteOffset).getUint32(4, true);
  } catch (e) {
    if (e instanceof SystemError && e.errno === "ENODEV") return undefined;
    throw e;
  }
}

/** Deletes an interface. */
export function deleteLink(name: string): Uint8Array {
  const message = new NetlinkMessageWriter(DELETE_LINK, REQUEST).zeros(16);
  return message.attribute(IFLA_IFNAME, (m) => m.bytes(new TextEncoder().encode(`${name}\0`)))
    .octets;
}

function routeMessage(type: number, flags: number, { to, by, source, table }: Route): Uint8Array {
  const message = new NetlinkMessageWriter(type, flags);
  // A route without a gateway leads to neighbours, for which the kernel uses link scope in IPv4.
  const scope = by.gateway || to.address.length === 16 ? SCOPE_UNIVERSE : SCOPE_LINK;
  message.u8(familyOf(to.address), to.bits, 0, 0, 0, OWN_PROTOCOL, scope, UNICAST).u32(0);
  message.attribute(RTA_TABLE, (m) => m.u32(table));
  message.attribute(RTA_DST, (m) => m.bytes(to.address));
  message.attribute(RTA_OIF, (m) => m.u32(by.device));
  if (by.gateway) message.attribute(RTA_GATEWAY, (m) => m.bytes(by.gateway!));
  if (source) message.attribute(RTA_PREFSRC, (m) => m.bytes(source));
  return message.octets;
}
