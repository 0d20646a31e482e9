/**
 * NAT detection: each end sends hashes of the addresses and ports it sees, and compares (RFC 7296
 * §2.23).
 * @module
 */
import { type IpAddress, type Path, showEndpoint } from "@/base/address.ts";
import { concat, sameOctets } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";
import { notifies, notify } from "@/ike/records/notify.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** An address from which no datagram comes, so that its hash never matches. */
const NOWHERE = { address: new Uint8Array(4), port: 0 };

/**
 * The two notifies of IKE_SA_INIT; none if the setup has no NAT traversal. If UDP encapsulation is
 * forced, the hash of the source is wrong on purpose, so that the peer detects a NAT and
 * encapsulates as well.
 */
export function natDetection(sa: IkeSa, path: Path, spiR: bigint): NotifyPayload[] {
  const { natt } = sa.config;
  if (!natt) return [];
  // RFC 9329 §6.5: NATs are detected in TCP too, although ESP is sent in TCP in any case.
  const { address, port } = natt.forced && !path.tcp
    ? NOWHERE
    : { address: path.ownAddress, port: path.ownPort };
  const source = natHash(sa, spiR, address, port);
  const destination = natHash(sa, spiR, path.peerAddress, path.peerPort);
  return [
    notify(NotifyType.NAT_DETECTION_SOURCE_IP, source),
    notify(NotifyType.NAT_DETECTION_DESTINATION_IP, destination),
  ];
}

/** Compares the peer's notifies with the path of the message, and stores the result in the SA. */
export function noteNat(turn: Turn, payloads: readonly Payload[], path: Path): void {
  const { sa, out } = turn;
  const { natt } = sa.config;
  if (!natt) return;
  const of = (type: number) => notifies(payloads).filter((n) => n.notify === type);
  const sources = of(NotifyType.NAT_DETECTION_SOURCE_IP);
  const destinations = of(NotifyType.NAT_DETECTION_DESTINATION_IP);
  if (sources.length === 0 || destinations.length === 0) return;
  // The initiator's notifies of IKE_SA_INIT were hashed before it knew the responder's SPI.
  const spiR = sa.originalInitiator || sa.phase !== "init" ? sa.spiR : 0n;
  const seen = natHash(sa, spiR, path.peerAddress, path.peerPort);
  const here = natHash(sa, spiR, path.ownAddress, path.ownPort);
  sa.peer.natPeer = !sources.some((n) => sameOctets(n.data, seen));
  sa.peer.natOwn = !destinations.some((n) => sameOctets(n.data, here));
  sa.peer.natDetected = true;
  sa.peer.encapsulated = sa.peer.natPeer || sa.peer.natOwn || natt.forced;
  if (!sa.peer.natPeer && !sa.peer.natOwn) return;
  const where = [sa.peer.natOwn ? "this end" : "", sa.peer.natPeer ? "the peer" : ""];
  const at = showEndpoint(path.peerAddress, path.peerPort);
  const text = `A NAT is in front of ${where.filter(Boolean).join(" and ")} (peer seen at ${at})`;
  out.push({ kind: "note", level: 4, text }, sa);
}

/** SHA-1 of SPIi ‖ SPIr ‖ address ‖ port. */
function natHash(sa: IkeSa, spiR: bigint, address: IpAddress, port: number): Uint8Array {
  const portOctets = Uint8Array.of(port >> 8, port & 0xff);
  return sa.env.crypto.sha1(concat(spiOctets(sa.spiI), spiOctets(spiR), address, portOctets));
}
