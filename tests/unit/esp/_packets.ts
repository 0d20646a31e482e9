/**
 * Makes IP packets for tests from their parts.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { parseAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { foldSum, sumWords, writeHeaderChecksum } from "@/esp/ip_packet.ts";

/** Octets of an address that is known to be one. */
export function address(text: string): Uint8Array {
  const octets = parseAddress(text);
  must(octets !== undefined, `address: ${text}`);
  return octets;
}

/** Parts of an IP packet; absent ones have a default. */
export interface Wish {
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: number;
  readonly content?: Uint8Array;
  readonly trafficClass?: number;
}

/** Parts of an IPv4 packet. */
export interface Wish4 extends Wish {
  /** Its length is a multiple of 4. */
  readonly options?: readonly number[];
  readonly id?: number;
  /** Flags and fragment offset, uint16. */
  readonly fragment?: number;
}

/** An IPv4 packet with a valid checksum. */
export function ip4(wish: Wish4 = {}): Uint8Array {
  const { content = new Uint8Array(0), options = [], protocol = 17, fragment = 0 } = wish;
  const header = 20 + options.length;
  const packet = new Uint8Array(header + content.length);
  const view = new DataView(packet.buffer, packet.byteOffset);
  packet[0] = 0x40 | header / 4;
  packet[1] = wish.trafficClass ?? 0;
  view.setUint16(2, packet.length);
  view.setUint16(4, wish.id ?? 0);
  view.setUint16(6, fragment);
  packet.set([64, protocol], 8);
  packet.set(address(wish.from ?? "192.0.2.1"), 12);
  packet.set(address(wish.to ?? "198.51.100.2"), 16);
  packet.set(options, 20);
  packet.set(content, header);
  writeHeaderChecksum(packet, 0);
  return packet;
}

/** An IPv6 extension header: its number, and its octets whose first is for the next number. */
export interface Extension {
  readonly number: number;
  readonly octets: Uint8Array;
}

/** Parts of an IPv6 packet. */
export interface Wish6 extends Wish {
  readonly extensions?: readonly Extension[];
}

/** An IPv6 packet. */
export function ip6(wish: Wish6 = {}): Uint8Array {
  const { content = new Uint8Array(0), extensions = [], protocol = 17, trafficClass = 0 } = wish;
  const numbers = [...extensions.map(({ number }) => number), protocol];
  const chain = concat(...extensions.map(({ octets }, i) => {
    const copy = octets.slice();
    copy[0] = numbers[i + 1]!;
    return copy;
  }));
  const packet = new Uint8Array(40 + chain.length + content.length);
  const view = new DataView(packet.buffer, packet.byteOffset);
  view.setUint32(0, (0x60000000 | trafficClass << 20) >>> 0);
  view.setUint16(4, chain.length + content.length);
  packet.set([numbers[0]!, 64], 6);
  packet.set(address(wish.from ?? "2001:db8::1"), 8);
  packet.set(address(wish.to ?? "2001:db8:1::2"), 24);
  packet.set(chain, 40);
  packet.set(content, 40 + chain.length);
  return packet;
}

/** Options, hop-by-hop or for the destination, or a routing header: 8 octets and as many more times 8. */
export function extension(number: number, more = 0): Extension {
  const octets = new Uint8Array(8 + 8 * more).fill(0xa5, 2);
  octets[1] = more;
  return { number, octets };
}

/** A fragment header: offset in octets, a multiple of 8. */
export function fragmentHeader(offset: number, more: boolean): Extension {
  // Reserved bits are set, as receivers must ignore them.
  const octets = Uint8Array.of(
    0,
    0xff,
    offset >> 8,
    offset & 0xf8 | 6 | (more ? 1 : 0),
    1,
    2,
    3,
    4,
  );
  return { number: 44, octets };
}

/** Ports and 4 octets more. */
export function ports(source: number, destination: number): Uint8Array {
  const octets = new Uint8Array(8);
  const view = new DataView(octets.buffer, octets.byteOffset);
  view.setUint16(0, source);
  view.setUint16(2, destination);
  view.setUint16(4, 8);
  return octets;
}

/** An ICMP message of IPv4 with a valid checksum. */
export function icmp(type: number, code: number, octets = 8): Uint8Array {
  const message = Uint8Array.from({ length: octets }, (_, i) => 3 * i & 255);
  message.set([type, code, 0, 0]);
  const checksum = foldSum(sumWords(message, 0, octets));
  message.set([checksum >> 8, checksum & 255], 2);
  return message;
}
