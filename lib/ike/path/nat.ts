/**
 * Life behind, and in front of, a NAT: the move to the NAT-T ports, following a mapping that changes,
 * keepalives (RFC 7296 §2.23, RFC 3948 §4), and the refusal of any NAT (RFC 4555 §3.9).
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

/** The path of an IKE SA's CHILD_SAs: its own, or the one before, as long as a move is not settled. */
export function espPath({ path, peer: { mobility } }: IkeSa): Path {
  return mobility?.settled ?? path;
}

/** How a CHILD_SA's packets go in UDP or TCP now; undefined: in neither. */
export function encapsulationOf({ parent, suite }: ChildSa): EspEncapsulation | undefined {
  const { ownPort, peerPort, tcp = false } = espPath(parent);
  const { mobility } = parent.peer;
  // RFC 3948 knows no AH in UDP: it covers the addresses, and no NAT lets it pass unharmed. Nor does
  // RFC 9329 know it in TCP.
  if (suite?.protocol === ProtocolId.AH) return undefined;
  if (!tcp && !(mobility ?? parent.peer).encapsulated) return undefined;
  return { kind: tcp ? "tcp" : "udp", ownPort, peerPort };
}

/**
 * Initiator: from IKE_AUTH on at the NAT-T ports, where there is something to traverse, or may be later,
 * as the IKE SA moves (RFC 4555 §3.3).
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
 * An authentic message that is new came by `path`. The end that is not behind a NAT sends to where
 * the last of them came from; behind one it does not, as anybody on the way could divert it
 * (RFC 7296 §2.23).
 */
export function followPeer({ sa, out }: Turn, path: Path): void {
  // RFC 4555 §3.8: an IKE SA that may move goes where an update says, so that any other message can
  // test a path.
  if (sa.peer.mobility && !sa.env.broken.has("follow_when_mobile")) return;
  const follows = sa.peer.natOwn ? sa.env.broken.has("follow_behind_nat") : sa.peer.natPeer;
  if (!follows || samePath(path, sa.path) || leavesNattPort(sa, path)) return;
  const from = sa.path;
  sa.path = path;
  if (sa.peer.mobility) Object.assign(sa.peer.mobility, { path, settled: path });
  out.push({ kind: "moved", from }, sa);
}

/**
 * The path of an SA that a peer has just authenticated by a request that came by `path`: where the
 * request came from, but never back from the NAT-T port.
 */
export function authenticatedPath(sa: IkeSa, path: Path): Path {
  return leavesNattPort(sa, path) ? sa.path : path;
}

/**
 * Whether `path` leads from our NAT-T port back to our IKE port. A message there is answered to where
 * it came from (RFC 7296 §2.11), but IKE and ESP stay at the NAT-T port once they are there (§2.23):
 * the IKE port knows no non-ESP marker, so ESP in UDP cannot share it (RFC 3948 §2).
 */
export function leavesNattPort(sa: IkeSa, path: Path): boolean {
  const nattPort = sa.config.natt?.ownPort;
  if (path.tcp || !sa.peer.encapsulated) return false;
  return sa.path.ownPort === nattPort && path.ownPort !== nattPort;
}

/**
 * The peer's ESP comes from elsewhere than its IKE: a NAT has given it another mapping, and whoever is
 * not behind one goes by ESP as well (RFC 7296 §2.23). An SA that is not at the NAT-T ports stays.
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
  // A peer that stays at the IKE port has nothing in UDP that a mapping is kept for.
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
 * NO_NATS_ALLOWED: the addresses and ports that the request is sent with (RFC 4555 §4.2.6). An IKE SA
 * that may move and cannot traverse NATs says so in each request that names addresses (§3.9).
 */
export function noNatsAllowed(sa: IkeSa): NotifyPayload[] {
  const { refuseNat, mobike, natt } = sa.config;
  const cannotTraverse = mobike !== undefined && !natt && !sa.path.tcp;
  if (!refuseNat && !cannotTraverse) return [];
  return [notify(NotifyType.NO_NATS_ALLOWED, pathOctets(sa.path))];
}

/**
 * Compares a NO_NATS_ALLOWED with the way its request came (RFC 4555 §3.9).
 * @throws {PeerError} UNEXPECTED_NAT_DETECTED.
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
