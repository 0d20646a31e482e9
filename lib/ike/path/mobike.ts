/**
 * The paths of IKE SAs with MOBIKE (RFC 4555): the path that all IKE SAs of a tunnel share, the
 * notifies with addresses, and the choice of the next path.
 * @module
 */
import { stateCopy } from "@/base/octets.ts";
import {
  addressPlus,
  compareAddresses,
  type IpAddress,
  type Path,
  samePath,
  whyUnreachable,
} from "@/base/address.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { inheritorOf } from "@/ike/records/ike_sa.ts";
import type { Mobility } from "@/ike/records/mobility.ts";
import { notifies, notify } from "@/ike/records/notify.ts";
import { natDetection } from "@/ike/path/nat_detection.ts";
import { noNatsAllowed } from "@/ike/path/nat.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** The most addresses of a peer that are kept; a note says if there are more. */
export const PEER_ADDRESSES_MAX = 64;
/** The number of octets of a COOKIE2 that we make. */
export const COOKIE2_OCTETS = 16;
/** The fewest octets a COOKIE2 of the peer may have (RFC 4555 §4.2.5). */
export const COOKIE2_MIN = 8;
/** The most octets a COOKIE2 of the peer may have (RFC 4555 §4.2.5). */
export const COOKIE2_MAX = 64;

const { ADDITIONAL_IP4_ADDRESS, ADDITIONAL_IP6_ADDRESS, NO_ADDITIONAL_ADDRESSES } = NotifyType;

/** Whether the IKE SA may announce MOBIKE, which is not used in TCP. */
export function offersMobike({ config, path }: IkeSa): boolean {
  return config.mobike !== undefined && !path.tcp;
}

/**
 * Begins to use MOBIKE, after both ends have announced it; `payloads` of the peer's IKE_AUTH
 * message have its addresses.
 */
export function agreeOnMobike(turn: Turn, payloads: readonly Payload[], path: Path): void {
  const { sa, nowMs } = turn;
  const { intervalMs = Infinity } = sa.config.mobike ?? {};
  sa.peer.mobility = {
    path,
    settled: path,
    sinceMs: nowMs,
    encapsulated: sa.peer.encapsulated,
    peerAddresses: [],
    moveMs: sa.dialled ? nowMs + intervalMs : Infinity,
    seenAs: undefined,
  };
  takeAdditional(turn, payloads, path);
}

/** Gives an IKE SA the path of its tunnel, which may have moved by another of its IKE SAs. */
export function sharePath(sa: IkeSa): void {
  const { mobility } = sa.peer;
  if (mobility) sa.path = mobility.path;
}

/**
 * Changes the path of the IKE SAs of the tunnel; its CHILD_SAs follow when both ends have agreed on
 * it.
 */
export function takePath({ sa, nowMs }: Turn, mobility: Mobility, path: Path): void {
  if (samePath(mobility.path, mobility.settled)) mobility.sinceMs = nowMs;
  sa.path = mobility.path = path;
}

/**
 * Moves the CHILD_SAs to the path on which both ends have agreed; they are encapsulated in UDP if
 * there is a NAT now.
 */
export function settlePath({ sa, out }: Turn, mobility: Mobility): void {
  const { settled: from, path, sinceMs } = mobility;
  const { encapsulated } = sa.peer;
  const current = inheritorOf(sa);
  if (samePath(from, path) && mobility.encapsulated === encapsulated) return;
  const began = samePath(from, path) ? undefined : sinceMs;
  mobility.settled = current.path = path;
  mobility.encapsulated = encapsulated;
  out.push({ kind: "moved", from, ...(began === undefined ? {} : { sinceMs: began }) }, current);
}

/**
 * A turn of the IKE SA that has the CHILD_SAs of the tunnel now, as a message may come by an IKE SA
 * that was replaced by a rekey in the meantime.
 */
export function inheritorTurn(turn: Turn): Turn {
  const { sa, nowMs, out } = turn;
  const current = inheritorOf(sa);
  if (current === sa) return turn;
  current.deadlineMs = nowMs;
  out.push({ kind: "rearmed" }, current);
  return { sa: current, nowMs, out };
}

/** All addresses of this end for the tunnel of the SA. */
export function ownAddresses({ config: { mobike }, index }: IkeSa): IpAddress[] {
  if (!mobike) return [];
  return mobike.addresses.flatMap((address) => addressPlus(address, mobike.step * index) ?? []);
}

/**
 * The notifies of this end's addresses other than that of the path (RFC 4555 §3.4). With `empty` a
 * notify says that there are none.
 */
export function additionalAddresses(sa: IkeSa, empty: boolean): NotifyPayload[] {
  const others = ownAddresses(sa).filter((address) => !isSame(address, sa.path.ownAddress));
  if (others.length === 0) return empty ? [notify(NO_ADDITIONAL_ADDRESSES)] : [];
  return others.map((address) =>
    notify(address.length === 4 ? ADDITIONAL_IP4_ADDRESS : ADDITIONAL_IP6_ADDRESS, address)
  );
}

/** Whether `payloads` have addresses of the peer, or say that there are no others. */
export function namesAddresses(payloads: readonly Payload[]): boolean {
  return notifies(payloads).some(({ notify: type }) =>
    type === ADDITIONAL_IP4_ADDRESS || type === ADDITIONAL_IP6_ADDRESS ||
    type === NO_ADDITIONAL_ADDRESSES
  );
}

/**
 * Replaces the known addresses of the peer (RFC 4555 §3.6). The source address of the message is
 * always one of them.
 */
export function takeAdditional({ sa, out }: Turn, payloads: readonly Payload[], path: Path): void {
  const named = notifies(payloads).filter(({ notify: type, data }) =>
    type === ADDITIONAL_IP4_ADDRESS && data.length === 4 ||
    type === ADDITIONAL_IP6_ADDRESS && data.length === 16
  ).map(({ data }) => stateCopy(data));
  const usable = named.filter((address) => !whyUnreachable(address));
  const list: IpAddress[] = [path.peerAddress];
  for (const address of usable) if (!list.some((one) => isSame(one, address))) list.push(address);
  sa.peer.mobility!.peerAddresses = list.slice(0, PEER_ADDRESSES_MAX);
  const passed = named.length - usable.length + Math.max(0, list.length - PEER_ADDRESSES_MAX);
  if (passed === 0) return;
  const text =
    `${passed} of the ${named.length} additional addresses of the peer are passed over: ` +
    `they are no host's addresses, or more than ${PEER_ADDRESSES_MAX}`;
  out.push({ kind: "note", level: 3, text }, sa);
}

/**
 * The next path of a client: with the next of its own addresses, of the peer's, or of both,
 * cyclically. Undefined if there is no other path.
 */
export function nextPath(sa: IkeSa): Path | undefined {
  const { mobility } = sa.peer;
  const { mobike } = sa.config;
  if (!mobility || !mobike) return undefined;
  const { path, peerAddresses } = mobility;
  const own = ownAddresses(sa);
  const owns = following(own, path.ownAddress);
  const peers = mobike.moves === "own-only"
    ? [path.peerAddress]
    : following(peerAddresses, path.peerAddress);
  const fits = (ownAddress: IpAddress, peerAddress: IpAddress) =>
    ownAddress.length === peerAddress.length;
  const pairs = peers.flatMap((peer) => {
    // An end that does not move changes its address only if the peer's address is of the other
    // family.
    const stays = mobike.moves === "peer-only" && fits(path.ownAddress, peer);
    return (stays ? [path.ownAddress] : owns).map((ownAddress) => [ownAddress, peer] as const);
  });
  return pairs.filter(([ownAddress, peerAddress]) => fits(ownAddress, peerAddress))
    .map(([ownAddress, peerAddress]) => ({ ...path, ownAddress, peerAddress }))
    .find((next) => !samePath(next, path));
}

/**
 * The path to try when there is no answer on the present one: first the path on which both ends
 * have agreed, then all pairs of addresses. Undefined if there is no other path.
 */
export function detour(sa: IkeSa, { path, settled, peerAddresses }: Mobility): Path | undefined {
  if (!samePath(path, settled)) return settled;
  if (!sa.dialled) return undefined;
  const all = ownAddresses(sa).flatMap((ownAddress) =>
    peerAddresses.filter((peerAddress) => peerAddress.length === ownAddress.length)
      .map((peerAddress) => ({ ...path, ownAddress, peerAddress }))
  );
  const at = all.findIndex((one) => samePath(one, path));
  return [...all.slice(at + 1), ...all.slice(0, Math.max(at, 0))][0];
}

/**
 * The notifies about NATs in each request that names or changes addresses (RFC 4555 §3.5, §3.9).
 */
export function natNotifies(sa: IkeSa): NotifyPayload[] {
  const spiR = sa.spiR;
  const detects = sa.config.natt && sa.peer.natDetected;
  return [...(detects ? natDetection(sa, sa.path, spiR) : []), ...noNatsAllowed(sa)];
}

/** The members of a list after `address`, cyclically, up to and including it. */
function following(list: readonly IpAddress[], address: IpAddress): IpAddress[] {
  const at = list.findIndex((one) => isSame(one, address));
  return [...list.slice(at + 1), ...list.slice(0, at + 1)];
}

function isSame(a: IpAddress, b: IpAddress): boolean {
  return compareAddresses(a, b) === 0;
}
