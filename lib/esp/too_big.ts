/**
 * Handles packets that are too big: fragments IPv4 packets before they enter a tunnel (RFC 791 §3.2), and
 * makes the ICMP messages that report the path MTU (RFC 1191 §4, RFC 4443 §3.2; RFC 4301 §8.2).
 * @module
 */
import {
  foldSum,
  IpProtocol,
  type IpView,
  sumWords,
  writeHeaderChecksum,
} from "@/esp/ip_packet.ts";

/** ICMPv6 Redirect is no error message, but must not be answered by one either (RFC 4443 §2.4 e.2). */
const ICMPV6_REDIRECT = 137;
/** The smallest MTU of an IPv6 link (RFC 8200 §5). */
export const IPV6_MTU_MIN = 1280;
const MORE_FRAGMENTS = 0x2000;
const OFFSET = 0x1fff;
/** Types of IPv4 options (RFC 791 §3.1), and the flag of those that every fragment has. */
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const COPIED = 0x80;
/** Octets of the offending packet that an ICMP message quotes (RFC 4443 §3.2: within 1280 octets). */
const QUOTED_4 = 548;
const QUOTED_6 = IPV6_MTU_MIN - 48;

/** The fragments of an IPv4 packet, each of at most `mtu` octets; empty if not even 8 octets of data fit. */
export function fragmentsOf(packet: Uint8Array, mtu: number): Uint8Array[] {
  const octets = 4 * (packet[0]! & 15);
  const later = laterHeader(packet.subarray(0, octets));
  if (mtu - octets < 8) return [];
  const total = packet[2]! << 8 | packet[3]!;
  const word = packet[6]! << 8 | packet[7]!;
  const base = word & OFFSET;
  const last = word & MORE_FRAGMENTS;
  const fragments: Uint8Array[] = [];
  let header = packet.subarray(0, octets);
  for (let at = octets; at < total; header = later) {
    const room = mtu - header.length;
    const end = total - at <= room ? total : at + (room & ~7);
    const fragment = new Uint8Array(header.length + end - at);
    fragment.set(header);
    fragment.set(packet.subarray(at, end), header.length);
    fragment[0] = 0x40 | header.length / 4;
    fragment[2] = fragment.length >> 8;
    fragment[3] = fragment.length;
    const more = end < total ? MORE_FRAGMENTS : last;
    const offset = base + (at - octets) / 8;
    fragment[6] = (more | offset) >> 8;
    fragment[7] = offset;
    writeHeaderChecksum(fragment, 0);
    fragments.push(fragment);
    at = end;
  }
  return fragments;
}

/** The header of all fragments but the first, with the options that have to be copied (RFC 791 §3.1). */
function laterHeader(header: Uint8Array): Uint8Array {
  const kept = Array.from(header.subarray(0, 20));
  for (let at = 20; at < header.length;) {
    const type = header[at]!;
    if (type === END_OF_OPTIONS) break;
    const octets = type === NO_OPERATION ? 1 : header[at + 1] ?? 0;
    // The end of a malformed option is unknown.
    if (octets === 0 || at + octets > header.length) break;
    if (type & COPIED) kept.push(...header.subarray(at, at + octets));
    at += octets;
  }
  while (kept.length % 4 !== 0) kept.push(END_OF_OPTIONS);
  return Uint8Array.from(kept);
}

/**
 * The ICMP message that tells the sender of a packet that only `mtu` octets fit, with the packet's
 * destination as source. Undefined if none may be sent: about an ICMP error, to or about an address that is
 * not of a single host (RFC 1122 §3.2.2, RFC 4443 §2.4), and in IPv4 about a fragment other than the first.
 * @param view The fields of the packet, at any offset.
 */
export function tooBigMessage(
  packet: Uint8Array,
  view: IpView,
  mtu: number,
): Uint8Array | undefined {
  const isV4 = view.addressOctets === 4;
  if (view.isLaterFragment ? isV4 : isIcmpError(packet, view)) return undefined;
  const [source, destination] = [view.source - view.at, view.destination - view.at];
  const isHost = isV4 ? isHost4 : isHost6;
  if (!isHost(packet, source) || !isHost(packet, destination)) return undefined;
  return isV4 ? fragmentationNeeded(packet, mtu) : packetTooBig(packet, mtu);
}

function isIcmpError(packet: Uint8Array, { protocol, upper, at }: IpView): boolean {
  const type = packet[upper - at];
  if (type === undefined) return false;
  if (protocol === IpProtocol.ICMPV6) return type < 128 || type === ICMPV6_REDIRECT;
  // Other types, such as echo, router discovery and timestamp, are no errors.
  return protocol === IpProtocol.ICMP && [3, 4, 5, 11, 12].includes(type);
}

/**
 * Whether an IPv4 address is that of a host: not of this network, loopback, multicast, class E or broadcast
 * (RFC 1122 §3.2.1.3).
 */
function isHost4(packet: Uint8Array, at: number): boolean {
  const first = packet[at]!;
  return first !== 0 && first !== 127 && first < 224;
}

/** Whether an IPv6 address is that of a host: neither unspecified nor multicast (RFC 4291 §2.5.2, §2.7). */
function isHost6(packet: Uint8Array, at: number): boolean {
  return packet[at] !== 0xff && packet.subarray(at, at + 16).some((octet) => octet !== 0);
}

function fragmentationNeeded(packet: Uint8Array, mtu: number): Uint8Array {
  const quoted = packet.subarray(0, QUOTED_4);
  const message = new Uint8Array(28 + quoted.length);
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
  const quoted = packet.subarray(0, QUOTED_6);
  const octets = 8 + quoted.length;
  const message = new Uint8Array(40 + octets);
  message.set([0x60, 0, 0, 0, octets >> 8, octets & 255, IpProtocol.ICMPV6, 64]);
  message.set(packet.subarray(24, 40), 8);
  message.set(packet.subarray(8, 24), 24);
  message.set([2, 0, 0, 0, 0, 0, mtu >> 8, mtu & 255], 40);
  message.set(quoted, 48);
  // The pseudo-header (RFC 8200 §8.1) has addresses, length and next header.
  const sum = sumWords(message, 8, 32) + octets + IpProtocol.ICMPV6 + sumWords(message, 40, octets);
  const checksum = foldSum(sum);
  message.set([checksum >> 8, checksum & 255], 42);
  return message;
}
