/**
 * Rebuilds the IP header of packets that arrive in transport mode (RFC 4303 §3.1.1) from what the socket and
 * the SA know of it.
 * @module
 */
import { foldSum, IpProtocol, sumWords, writeHeaderChecksum } from "@/esp/ip_packet.ts";

/** The parts of the packet. */
export interface TransportPacket {
  /** Addresses of 4 or 16 octets, both of the same family. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** The Next Header of ESP. */
  readonly protocol: number;
  readonly trafficClass: number;
  readonly payload: Uint8Array;
  /** Whether the checksum of TCP and UDP is recomputed. */
  readonly newChecksum: boolean;
}

const HOP_LIMIT = 64;

/** Writes the packet to the start of `out`. @returns its octets. */
export function rebuildPacket(out: Uint8Array, packet: TransportPacket): number {
  const { source, destination, protocol, trafficClass, payload, newChecksum } = packet;
  const header = source.length === 4 ? 20 : 40;
  const total = header + payload.length;
  out.fill(0, 0, header);
  if (source.length === 4) {
    out.set([0x45, trafficClass, total >> 8, total & 255]);
    // Only fragments need an identification (RFC 6864 §4.1), and this packet must not be fragmented.
    out.set([0x40, 0, HOP_LIMIT, protocol], 6);
  } else {
    const octets = payload.length;
    out.set([0x60 | trafficClass >> 4, (trafficClass & 15) << 4, 0, 0, octets >> 8, octets & 255]);
    out.set([protocol, HOP_LIMIT], 6);
  }
  out.set(source, header - 2 * source.length);
  out.set(destination, header - source.length);
  out.set(payload, header);
  if (source.length === 4) writeHeaderChecksum(out, 0);
  if (newChecksum) writeUpperChecksum(out, { header, protocol, octets: payload.length });
  return total;
}

/**
 * Writes the checksum of TCP, UDP or ICMPv6 with its pseudo-header (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1).
 */
function writeUpperChecksum(
  out: Uint8Array,
  upper: { readonly header: number; readonly protocol: number; readonly octets: number },
): void {
  const { header, protocol, octets } = upper;
  const isUdp = protocol === IpProtocol.UDP;
  const isIcmp6 = protocol === IpProtocol.ICMPV6;
  const place = protocol === IpProtocol.TCP ? 16 : isUdp ? 6 : isIcmp6 ? 2 : undefined;
  if (place === undefined || octets < place + 2) return;
  const at = header + place;
  const addresses = header === 20 ? 8 : 32;
  // In IPv4 a UDP datagram may have no checksum (RFC 768), and then keeps none.
  if (isUdp && header === 20 && out[at] === 0 && out[at + 1] === 0) return;
  out[at] = out[at + 1] = 0;
  const sum = sumWords(out, header - addresses, addresses) + octets + protocol +
    sumWords(out, header, octets);
  const checksum = foldSum(sum) || (isUdp ? 0xffff : 0);
  out[at] = checksum >> 8;
  out[at + 1] = checksum;
}
