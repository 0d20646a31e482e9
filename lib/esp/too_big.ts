/**
 * Packets that do not fit: fragments of IPv4 packets before they enter a tunnel (RFC 791 §3.2), and the
 * ICMP messages that say how much would (RFC 1191 §4, RFC 4443 §3.2; RFC 4301 §8.2).
 * @module
 */
import {
  foldSum,
  IpProtocol,
  type IpView,
  sumWords,
  writeHeaderChecksum,
} from "@/esp/ip_packet.ts";

/** No IPv6 link carries less (RFC 8200 §5). */
export const IPV6_MTU_MIN = 1280;
const MORE_FRAGMENTS = 0x2000;
/** Of the packet that is too big an ICMP message has so many octets (RFC 4443 §3.2: within 1280). */
const QUOTED_4 = 548, QUOTED_6 = IPV6_MTU_MIN - 48;

/** The fragments of an IPv4 packet, each of `mtu` octets at most. */
export function fragmentsOf(packet: Uint8Array, mtu: number): Uint8Array[] {
  const header = 4 * (packet[0]! & 15), step = (mtu - header) & ~7;
  if (step < 8) return [];
  const total = packet[2]! << 8 | packet[3]!, word = packet[6]! << 8 | packet[7]!;
  const base = word & 0x1fff, last = word & MORE_FRAGMENTS;
  const fragments: Uint8Array[] = [];
  for (let at = header; at < total; at += step) {
    const end = Math.min(at + step, total), fragment = new Uint8Array(header + end - at);
    fragment.set(packet.subarray(0, header));
    fragment.set(packet.subarray(at, end), header);
    // Options that are not to be copied stay all the same: they do no harm as they are.
    const more = end < total ? MORE_FRAGMENTS : last, offset = base + (at - header) / 8;
    fragment[2] = fragment.length >> 8;
    fragment[3] = fragment.length;
    fragment[6] = (more | offset) >> 8;
    fragment[7] = offset;
    writeHeaderChecksum(fragment, 0);
    fragments.push(fragment);
  }
  return fragments;
}

/**
 * What tells a packet's sender that only `mtu` octets fit, from the packet's destination; undefined
 * where none may be sent: about ICMP errors and later fragments (RFC 1122 §3.2.2, RFC 4443 §2.4).
 */
export function tooBigMessage(
  packet: Uint8Array,
  view: IpView,
  mtu: number,
): Uint8Array | undefined {
  if (view.isLaterFragment || isIcmpError(packet, view)) return undefined;
  return view.addressOctets === 4 ? fragmentationNeeded(packet, mtu) : packetTooBig(packet, mtu);
}

function isIcmpError(packet: Uint8Array, { protocol, upper }: IpView): boolean {
  const type = packet[upper];
  if (type === undefined) return false;
  if (protocol === IpProtocol.ICMPV6) return type < 128;
  // Echo, router discovery, timestamp and their like are no errors.
  return protocol === IpProtocol.ICMP && [3, 4, 5, 11, 12].includes(type);
}

function fragmentationNeeded(packet: Uint8Array, mtu: number): Uint8Array {
  const quoted = packet.subarray(0, QUOTED_4), message = new Uint8Array(28 + quoted.length);
  message.set([
    0x45,
    0,
    message.length >> 8,
    message.length & 255,
    0,
    0,
    0,
    0,
    64,
    IpProtocol.ICMP,
  ]);
  message.set(packet.subarray(16, 20), 12);
  message.set(packet.subarray(12, 16), 16);
  message.set([3, 4, 0, 0, 0, 0, mtu >> 8, mtu & 255], 20);
  message.set(quoted, 28);
  writeHeaderChecksum(message, 0);
  const sum = foldSum(sumWords(message, 20, message.length - 20));
  message.set([sum >> 8, sum & 255], 22);
  return message;
}

function packetTooBig(packet: Uint8Array, mtu: number): Uint8Array {
  const quoted = packet.subarray(0, QUOTED_6), octets = 8 + quoted.length;
  const message = new Uint8Array(40 + octets);
  message.set([0x60, 0, 0, 0, octets >> 8, octets & 255, IpProtocol.ICMPV6, 64]);
  message.set(packet.subarray(24, 40), 8);
  message.set(packet.subarray(8, 24), 24);
  message.set([2, 0, 0, 0, 0, 0, mtu >> 8, mtu & 255], 40);
  message.set(quoted, 48);
  // The pseudo-header (RFC 8200 §8.1): addresses, length, next header.
  const sum = sumWords(message, 8, 32) + octets + IpProtocol.ICMPV6 + sumWords(message, 40, octets);
  const checksum = foldSum(sum);
  message.set([checksum >> 8, checksum & 255], 42);
  return message;
}
