/**
 * NAT traversal: the change to the NAT-T ports, following a mapping that changes, keepalives (RFC
 * 7296 §2.23, RFC 3948 §4), and the refusal of NATs (RFC 4555 §3.9).
 * @module
 */
import { type Path, samePath, showEndpoint } from "@/base/address.ts";
import { concat, sameOctets } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isCurrent } from "@/ike/records/ike_sa.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** ESP in UDP or TCP: the ports are those of its IKE SA (RFC 3948 §2.1, RFC 9329 §3.2), uint16. */
export interface EspEncapsulation {
  readonly kind: "udp" | "tcp";
  readonly ownPort: number;
  readonly peerPort: number;
}

/**
 * The path of the CHILD_SAs of an IKE SA: that of the IKE SA, or the previous one until both ends
 * have agreed on a move.
 */
export function espPath({ path, peer: { mobility } }: IkeSa): Path {
  return mobility?.settled ?? path;
}

/** The encapsulation of a CHILD_SA's packets in UDP or TCP; undefined if there is none. */
export function encapsulationOf({ parent, suite }: ChildSa): EspEncapsulation | undefined {
  const { ownPort, peerPort, tcp = false } = espPath(parent);
  const { mobility } = parent.peer;
  // RFC 3948 has no AH in UDP, as AH covers the addresses, which a NAT changes. RFC 9329 has no
  // AH in TCP.
  if (suite?.protocol === ProtocolId.AH) return undefined;
  if (!tcp && !(mobility ?? parent.peer).encapsulated) return undefined;
  return { kind: tcp ? "tcp" : "udp", ownPort, peerPort };
}

/**
 * Moves an initiator to the NAT-T ports before IKE_AUTH, if there is a NAT, or may be one later as
 * the IKE SA can move (RFC 4555 §3.3).
 */
export function floatPorts(sa: IkeSa): void {
  const { natt, mobike } = sa.config;
  const { encapsulated, natDetected } = sa.peer;
  // In TCP IKE and ESP have one port already (RFC 9329 §6.5).
  if (sa.path.tcp) return;
  const mayMeetNat = mobike !== undefined && natDetected;
  if (!natt || !encapsulated && !mayMeetNat || sa.env.broken.has("stay_on_ike_port")) return;
  sa.path = { ...sa.path, ownPort: natt.ownPort, peerPort: natt.peerPort };
}

/**
 * Handles the path of a new authentic message. An end that is not behind a NAT sends to the source
 * of the last such message; an end behind a NAT does not, as an attacker on the path could divert
 * its messages (RFC 7296 §2.23).
 */
export function followPeer({ sa, out }: Turn, path: Path): void {
  // RFC 4555 §3.8: an IKE SA with MOBIKE only follows updates, so that other messages can test a
  // path.
  if (sa.peer.mobility && !sa.env.broken.has("follow_when_mobile")) return;
  const follows = sa.peer.natOwn ? sa.env.broken.has("follow_behind_nat") : sa.peer.natPeer;
  if (!follows || samePath(path, sa.path) || leavesNattPort(sa, path)) return;
  const from = sa.path;
  sa.path = path;
  if (sa.peer.mobility) Object.assign(sa.peer.mobility, { path, settled: path });
  out.push({ kind: "moved", from }, sa);
}

/**
 * The path of an SA whose peer has just authenticated by a request on `path`: the path of the
 * request, but never back from the NAT-T port.
 */
export function authenticatedPath(sa: IkeSa, path: Path): Path {
  return leavesNattPort(sa, path) ? sa.path : path;
}

/**
 * Whether `path` leads from our NAT-T port back to our IKE port. A message there is answered at its
 * source (RFC 7296 §2.11), but IKE and ESP do not leave the NAT-T port any more (§2.23): messages
 * at the IKE port have no non-ESP marker, so ESP in UDP cannot use it (RFC 3948 §2).
 */
export function leavesNattPort(sa: IkeSa, path: Path): boolean {
  const nattPort = sa.config.natt?.ownPort;
  if (path.tcp || !sa.peer.encapsulated) return false;
  return sa.path.ownPort === nattPort && path.ownPort !== nattPort;
}

/**
 * Handles ESP of the peer from another source than its IKE messages: a NAT has given it another
 * mapping, and an end that is not behind a NAT follows ESP as well (RFC 7296 §2.23). An SA that is
 * not at the NAT-T ports does not move.
 */
export function espMoved(turn: Turn, path: Path): void {
  const { sa } = turn;
  if (sa.path.tcp || path.ownPort !== sa.path.ownPort) return;
  followPeer(turn, path);
}

/** When a keepalive is due; Infinity: never (RFC 3948 §4). */
export function keepaliveDueMs(sa: IkeSa): number {
  const { keepaliveMs = 0, ownPort } = sa.config.natt ?? {};
  // RFC 9329 §6.6: a connection needs none.
  if (sa.path.tcp) return Infinity;
  if (keepaliveMs <= 0 || !sa.peer.natOwn || !isCurrent(sa)) return Infinity;
  // If the peer stays at the IKE port, there is no ESP in UDP for which a mapping must be kept.
  if (sa.path.ownPort !== ownPort) return Infinity;
  if (sa.env.broken.has("no_keepalives")) return Infinity;
  return (sa.lastSentMs ?? 0) + keepaliveMs;
}

/** Keeps the mapping of the NAT in front of us alive. */
export function sendKeepalive({ sa, nowMs, out }: Turn): void {
  sa.lastSentMs = nowMs;
  out.push({ kind: "keepalive", path: sa.path }, sa);
}

/**
 * The NO_NATS_ALLOWED notify with the addresses and ports of the request (RFC 4555 §4.2.6). An IKE
 * SA with MOBIKE that cannot traverse NATs sends it in each request with addresses (§3.9).
 */
export function noNatsAllowed(sa: IkeSa): NotifyPayload[] {
  const { refuseNat, mobike, natt } = sa.config;
  const cannotTraverse = mobike !== undefined && !natt && !sa.path.tcp;
  if (!refuseNat && !cannotTraverse) return [];
  return [notify(NotifyType.NO_NATS_ALLOWED, pathOctets(sa.path))];
}

/**
 * Compares a NO_NATS_ALLOWED with the path of its request (RFC 4555 §3.9). @throws {PeerError}
 * UNEXPECTED_NAT_DETECTED.
 */
export function checkNoNats(payloads: readonly Payload[], path: Path): void {
  const said = findNotify(payloads, NotifyType.NO_NATS_ALLOWED);
  if (!said) return;
  const { ownAddress, ownPort, peerAddress, peerPort } = path;
  const seen = { ownAddress: peerAddress, ownPort: peerPort };
  const sent = { ...seen, peerAddress: ownAddress, peerPort: ownPort };
  if (sameOctets(said.data, pathOctets(sent))) return;
  const from = showEndpoint(peerAddress, peerPort);
  throw new PeerError(
    NotifyType.UNEXPECTED_NAT_DETECTED,
    `A NAT is on the way to ${from}, and it allows none (NO_NATS_ALLOWED)`,
  );
}

/** Source and destination address, source and destination port. */
function pathOctets({ ownAddress, peerAddress, ownPort, peerPort }: Path): Uint8Array {
  const ports = Uint8Array.of(ownPort >> 8, ownPort & 0xff, peerPort >> 8, peerPort & 0xff);
  return concat(ownAddress, peerAddress, ports);
}
