/**
 * Selectors in transport mode: it carries what the two hosts of the path say to each other, so that
 * each selector names one of them (RFC 7296 §1.3.1), and across a NAT the address that this end sees
 * takes the place of the one the peer sees (§2.23.1).
 * @module
 */
import type { FaultName } from "@/ike/records/fault.ts";
import type { IpAddress, Path } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import { TsType } from "@/iana/ts_type.ts";
import { isWholeSpace } from "@/ike/negotiate/selectors.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** Both ends' selectors of one CHILD_SA. */
export interface SelectorPair {
  readonly own: readonly TrafficSelector[];
  readonly peer: readonly TrafficSelector[];
}

/** Selectors of the whole space, of either family, become the one host that is meant. */
export function ofHosts({ own, peer }: SelectorPair, path: Path): SelectorPair {
  const host = (address: IpAddress) => (ts: TrafficSelector) =>
    isWholeSpace(ts) ? withAddress(ts, address) : ts;
  return { own: own.map(host(path.ownAddress)), peer: peer.map(host(path.peerAddress)) };
}

/** Where the addresses of a path are not those the peer knows. */
export interface Natted {
  readonly env: { readonly broken: ReadonlySet<FaultName> };
  readonly path: Path;
  readonly peer: { readonly natOwn: boolean; readonly natPeer: boolean };
}

/**
 * What the peer said, in the addresses of this end: the same rule for the responder's look at a
 * request and the initiator's look at an answer. Ranges of several addresses stay as they are.
 */
export function substituted({ own, peer }: SelectorPair, natted: Natted): SelectorPair {
  const { path, env } = natted, { natOwn, natPeer } = natted.peer;
  if (env.broken.has("keep_addresses")) return { own, peer };
  const seen = (address: IpAddress) => (ts: TrafficSelector) =>
    sameOctets(ts.startAddress, ts.endAddress) ? withAddress(ts, address) : ts;
  return {
    own: natOwn ? own.map(seen(path.ownAddress)) : own,
    peer: natPeer ? peer.map(seen(path.peerAddress)) : peer,
  };
}

function withAddress(ts: TrafficSelector, address: IpAddress): TrafficSelector {
  const tsType = address.length === 4 ? TsType.TS_IPV4_ADDR_RANGE : TsType.TS_IPV6_ADDR_RANGE;
  return { ...ts, tsType, startAddress: address, endAddress: address };
}
