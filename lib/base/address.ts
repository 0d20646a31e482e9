/**
 * IP addresses as octets (4 or 16, network byte order, never IPv4-mapped), prefixes, and the path of a
 * datagram.
 * @module
 */

import { stateOctets } from "@/base/octets.ts";

/** An address: 4 octets (IPv4) or 16 (IPv6) in network byte order. It must not be changed. */
export type IpAddress = Uint8Array;

/** An address with its prefix length; host bits may be set. */
export interface IpPrefix {
  readonly address: IpAddress;
  readonly bits: number;
}

/** The two ends of a datagram's path as this host sees them. */
export interface Path {
  readonly ownAddress: IpAddress;
  readonly ownPort: number;
  readonly peerAddress: IpAddress;
  readonly peerPort: number;
  /** Whether the path is a TCP connection (RFC 9329); absent: it is UDP. */
  readonly tcp?: true;
}

/** The path as seen from its other end. */
export function mirrored(path: Path): Path {
  return {
    ownAddress: path.peerAddress,
    ownPort: path.peerPort,
    peerAddress: path.ownAddress,
    peerPort: path.ownPort,
  };
}

/** Parses an IPv4 or IPv6 address without zone and prefix; undefined if it is none. */
export function parseAddress(text: string): IpAddress | undefined {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

/** Parses an address or `address/bits`; without bits, the prefix has the full length. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [host, bitsText, ...more] = text.split("/");
  const address = parseAddress(host!);
  if (!address || more.length > 0) return undefined;
  if (bitsText === undefined) return { address, bits: address.length * 8 };
  if (!/^\d{1,3}$/.test(bitsText) || Number(bitsText) > address.length * 8) return undefined;
  return { address, bits: Number(bitsText) };
}

/** An address as dotted quad, or in the form of RFC 5952 §4. */
export function showAddress(address: IpAddress): string {
  return address.length === 4 ? address.join(".") : showV6(address);
}

/** An endpoint as `address:port`, with an IPv6 address in brackets. */
export function showEndpoint(address: IpAddress, port: number): string {
  return address.length === 4 ? `${address.join(".")}:${port}` : `[${showV6(address)}]:${port}`;
}

/** A path as `own → peer`, both with ports. */
export function showPath(path: Path): string {
  const own = showEndpoint(path.ownAddress, path.ownPort);
  const peer = showEndpoint(path.peerAddress, path.peerPort);
  return path.tcp ? `${own} → ${peer} in TCP` : `${own} → ${peer}`;
}

/** Whether two paths have the same ends, both in UDP or both in TCP. */
export function samePath(a: Path, b: Path): boolean {
  return a === b || a.tcp === b.tcp && a.ownPort === b.ownPort && a.peerPort === b.peerPort &&
      compareAddresses(a.peerAddress, b.peerAddress) === 0 &&
      compareAddresses(a.ownAddress, b.ownAddress) === 0;
}

/** A text for the ends of a path; paths in UDP and in TCP with equal ends have the same. */
export function endsKey({ ownAddress, ownPort, peerAddress, peerPort }: Path): string {
  return `${String.fromCharCode(...ownAddress, ...peerAddress)}${ownPort} ${peerPort}`;
}

/** Whether an address is only unique on a link: fe80::/10 (RFC 4291 §2.5.6). */
export function isLinkLocal(address: IpAddress): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}

/** Why no unicast datagram gets to an address, to complete "it is …"; undefined: it may. */
export function whyUnreachable(address: IpAddress): string | undefined {
  if (isUnspecified(address)) return "unspecified";
  const [first] = address;
  const isV4 = address.length === 4;
  if (isV4 && address.every((o) => o === 255)) return "the broadcast address";
  // RFC 4291 §2.5.5.2: an IPv4 address inside an API, nothing that stands in a header.
  const mapped = !isV4 && address.every((o, i) => i > 11 || o === (i < 10 ? 0 : 0xff));
  if (mapped) return "an IPv4 address in IPv6 form";
  const multicast = isV4 ? first! >= 224 && first! < 240 : first === 0xff;
  return multicast ? "a multicast address" : undefined;
}

/** An address as a number, for arithmetic and comparison. */
export function addressToBigInt(address: IpAddress): bigint {
  let value = 0n;
  for (const octet of address) value = value << 8n | BigInt(octet);
  return value;
}

/** Inverse of {@linkcode addressToBigInt}; undefined if the number does not fit into `octets` (4 or 16). */
export function addressFromBigInt(value: bigint, octets: number): IpAddress | undefined {
  if (value < 0n || value >> BigInt(8 * octets) !== 0n) return undefined;
  const address = stateOctets(octets);
  for (let i = octets - 1; i >= 0; i--, value >>= 8n) address[i] = Number(value & 0xffn);
  return address;
}

/** The address that is `step` after another; undefined if it is outside of the address space. */
export function addressPlus(address: IpAddress, step: number | bigint): IpAddress | undefined {
  return addressFromBigInt(addressToBigInt(address) + BigInt(step), address.length);
}

/** Negative, 0 or positive if `a` is before, equal to or after `b`; IPv4 is before IPv6. */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** The first and the last address of a prefix. */
export function prefixRange(prefix: IpPrefix): readonly [first: IpAddress, last: IpAddress] {
  const octets = prefix.address.length;
  const hostBits = BigInt(8 * octets - prefix.bits);
  const first = addressToBigInt(prefix.address) >> hostBits << hostBits;
  const last = first | (1n << hostBits) - 1n;
  return [addressFromBigInt(first, octets)!, addressFromBigInt(last, octets)!];
}

/** Whether an address lies in a prefix of its own family. */
export function prefixContains({ address: start, bits }: IpPrefix, address: IpAddress): boolean {
  if (start.length !== address.length) return false;
  let left = bits;
  for (let i = 0; left > 0; i++, left -= 8) {
    const mask = left >= 8 ? 0xff : 0xff << 8 - left & 0xff;
    if (((start[i]! ^ address[i]!) & mask) !== 0) return false;
  }
  return true;
}

/** Whether all octets are zero: 0.0.0.0 or ::. */
export function isUnspecified(address: IpAddress): boolean {
  return address.every((octet) => octet === 0);
}

function parseV4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  // A leading zero means octal to some programs and decimal to others (RFC 6943 §3.1.1), so it is refused.
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) {
    return undefined;
  }
  const octets = parts.map(Number);
  return octets.some((o) => o > 255) ? undefined : Uint8Array.from(octets);
}

function parseV6(text: string): IpAddress | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1]!, true) : [];
  if (!head || !tail) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...Array<number>(missing).fill(0), ...tail]);
}

/** Octets of colon-separated groups; the last may be a dotted quad. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const octets: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (part.includes(".")) {
      const v4 = last && i === parts.length - 1 ? parseV4(part) : undefined;
      if (!v4) return undefined;
      octets.push(...v4);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined;
      const value = parseInt(part, 16);
      octets.push(value >> 8, value & 0xff);
    }
  }
  return octets;
}

function showV6(address: IpAddress): string {
  const words = Array.from({ length: 8 }, (_, i) => address[2 * i]! << 8 | address[2 * i + 1]!);
  // The first of the longest runs of zero words is shortened, but no single word (RFC 5952 §4.2.3).
  let best = 0;
  let bestAt = -1;
  for (let at = 0; at < 8; at++) {
    let run = 0;
    while (at + run < 8 && words[at + run] === 0) run++;
    if (run > best && run > 1) [best, bestAt] = [run, at];
    at += run;
  }
  const hex = (part: number[]) => part.map((w) => w.toString(16)).join(":");
  if (bestAt < 0) return hex(words);
  return `${hex(words.slice(0, bestAt))}::${hex(words.slice(bestAt + best))}`;
}
