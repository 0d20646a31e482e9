/**
 * NAT detection: each end sends hashes of the addresses and ports it sees, and compares (RFC 7296
 * §2.23).
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";
import { concat, sameOctets } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa, Turn } from "@/ike/ike_sa.ts";
import { spiOctets } from "@/ike/keymat.ts";
import { notifies, notify } from "@/ike/notify.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** The two notifies of IKE_SA_INIT; none where the setup does without. */
export function natDetection(sa: IkeSa, path: Path, spiR: bigint): NotifyPayload[] {
  if (!sa.config.natDetection) return [];
  const source = natHash(sa, spiR, path.ownAddress, path.ownPort);
  const destination = natHash(sa, spiR, path.peerAddress, path.peerPort);
  return [
    notify(NotifyType.NAT_DETECTION_SOURCE_IP, source),
    notify(NotifyType.NAT_DETECTION_DESTINATION_IP, destination),
  ];
}

/** Compares what the peer sent with what arrived here; the result is `natOwn` and `natPeer`. */
export function noteNat(turn: Turn, payloads: readonly Payload[], path: Path): void {
  const { sa, out } = turn;
  if (!sa.config.natDetection || !sa.setup) return;
  const of = (type: number) => notifies(payloads).filter((n) => n.notify === type);
  const sources = of(NotifyType.NAT_DETECTION_SOURCE_IP);
  const destinations = of(NotifyType.NAT_DETECTION_DESTINATION_IP);
  if (sources.length === 0 || destinations.length === 0) return;
  // The initiator's notifies were hashed before it knew the responder's SPI.
  const spiR = sa.originalInitiator ? sa.spiR : 0n;
  const peer = natHash(sa, spiR, path.peerAddress, path.peerPort);
  const own = natHash(sa, spiR, path.ownAddress, path.ownPort);
  sa.natPeer = !sources.some((n) => sameOctets(n.data, peer));
  sa.natOwn = !destinations.some((n) => sameOctets(n.data, own));
  if (!sa.natPeer && !sa.natOwn) return;
  const where = [sa.natOwn ? "this end" : "", sa.natPeer ? "the peer" : ""];
  const text = `A NAT is in front of ${where.filter(Boolean).join(" and ")}`;
  out.push({ kind: "note", level: 4, text }, sa);
}

/** SHA-1 of SPIi ‖ SPIr ‖ address ‖ port. */
function natHash(sa: IkeSa, spiR: bigint, address: IpAddress, port: number): Uint8Array {
  const portOctets = Uint8Array.of(port >> 8, port & 0xff);
  return sa.env.crypto.sha1(concat(spiOctets(sa.spiI), spiOctets(spiR), address, portOctets));
}
