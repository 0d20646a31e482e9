/**
 * Selectors in transport mode: each names one of the two hosts of the path (RFC 7296 §1.3.1), and with a NAT
 * between them the address that this end sees replaces the one that the peer sees (§2.23.1).
 * @module
 */
import type { FaultName } from "@/ike/records/fault.ts";
import type { IpAddress, Path } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import { TsType } from "@/iana/ts_type.ts";
import { isWholeSpace } from "@/ike/negotiate/selectors.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** The selectors of both ends of a CHILD_SA. */
export interface SelectorPair {
  readonly own: readonly TrafficSelector[];
  readonly peer: readonly TrafficSelector[];
}

/** Replaces selectors for the whole address space by the host of the path. */
export function ofHosts({ own, peer }: SelectorPair, path: Path): SelectorPair {
  const host = (address: IpAddress) => (ts: TrafficSelector) =>
    isWholeSpace(ts) ? withAddress(ts, address) : ts;
  return { own: own.map(host(path.ownAddress)), peer: peer.map(host(path.peerAddress)) };
}

/** Which addresses of a path the peer sees differently. */
export interface Natted {
  readonly env: { readonly broken: ReadonlySet<FaultName> };
  readonly path: Path;
  readonly peer: { readonly natOwn: boolean; readonly natPeer: boolean };
}

/**
 * Translates the peer's selectors into addresses of this end. The rule is the same for a responder with a
 * request and an initiator with an answer. Ranges of several addresses are not changed.
 */
export function substituted({ own, peer }: SelectorPair, natted: Natted): SelectorPair {
  const { path, env } = natted;
  const { natOwn, natPeer } = natted.peer;
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
