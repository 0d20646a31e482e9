/**
 * Writes IP packets of this process, and verifies the checksums of those that come out of tunnels.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import {
  foldSum,
  IpProtocol,
  type IpView,
  sumWords,
  writeHeaderChecksum,
} from "@/esp/ip_packet.ts";
import { rebuildPacket } from "@/esp/transport_mode.ts";

/** Octets of a UDP header. */
export const UDP_HEADER_OCTETS = 8;
/** Octets of the headers of IPv6 and UDP, the largest of a packet of this process. */
export const HEADERS_OCTETS_MAX = 40 + UDP_HEADER_OCTETS;
/** Octets above which an IPv4 packet may be fragmented. */
const FRAGMENTED_ABOVE_OCTETS = 1280;

/** The addresses of a packet. */
export interface InnerEnds {
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

/** The addresses of an answer to a packet, as views of it. */
export function answerEnds(packet: Uint8Array, view: IpView): InnerEnds {
  const { source, destination, addressOctets } = view;
  return {
    source: packet.subarray(destination, destination + addressOctets),
    destination: packet.subarray(source, source + addressOctets),
  };
}

/** Writes a packet to the start of `out`, and returns its octets. */
export function writeInner(
  out: Uint8Array,
  ends: InnerEnds,
  upper: { readonly protocol: number; readonly payload: Uint8Array },
): number {
  return rebuildPacket(out, { ...ends, ...upper, trafficClass: 0, newChecksum: true });
}

/** Whether the checksum of a UDP, ICMP or ICMPv6 message is right (RFC 768, RFC 792, RFC 4443 §2.3). */
export function hasValidChecksum(packet: Uint8Array, view: IpView): boolean {
  const { upper, total, protocol, addressOctets, source } = view;
  const octets = total - upper;
  if (octets < UDP_HEADER_OCTETS) return false;
  const isUdp = protocol === IpProtocol.UDP;
  if (isUdp && addressOctets === 4 && packet[upper + 6] === 0 && packet[upper + 7] === 0) {
    return true;
  }
  const pseudo = protocol === IpProtocol.ICMP
    ? 0
    : sumWords(packet, source, 2 * addressOctets) + octets + protocol;
  return foldSum(pseudo + sumWords(packet, upper, octets)) === 0;
}

/**
 * Allows fragmentation of an IPv4 packet that is long, and gives it an identification to tell its fragments
 * apart (RFC 6864 §4.1).
 */
export function allowFragmentation(packet: Uint8Array, identification: number): void {
  if (packet[0]! >> 4 !== 4 || packet.length <= FRAGMENTED_ABOVE_OCTETS) return;
  packet[4] = identification >> 8;
  packet[5] = identification;
  packet[6] = 0;
  writeHeaderChecksum(packet, 0);
}
