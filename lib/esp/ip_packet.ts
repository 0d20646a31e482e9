/**
 * Reads IP packets as far as ESP needs them (RFC 791, RFC 8200): the fields that selectors compare, and the
 * few that change on the way. Nothing is copied: a view holds offsets into the buffer of the packet.
 * @module
 */

/** IP protocol numbers that are used here. */
export const IpProtocol = {
  HOP_BY_HOP: 0,
  ICMP: 1,
  IPV4: 4,
  TCP: 6,
  UDP: 17,
  IPV6: 41,
  ROUTING: 43,
  FRAGMENT: 44,
  ESP: 50,
  AH: 51,
  ICMPV6: 58,
  NO_NEXT_HEADER: 59,
  DESTINATION_OPTIONS: 60,
  SCTP: 132,
  MOBILITY: 135,
} as const;

const P = IpProtocol;
/** Protocols whose header begins with two ports. */
const HAS_PORTS: ReadonlySet<number> = new Set([P.TCP, P.UDP, P.SCTP, 33, 136]);

/** The fields of the packet at `at` of a buffer, of `total` octets. */
export class IpView {
  at = 0;
  /** Octets of the whole packet by its length field. */
  total = 0;
  /** Octets of an address: 4 or 16. */
  addressOctets: 4 | 16 = 4;
  /** Offsets of the source and destination addresses in the buffer. */
  source = 0;
  destination = 0;
  /** Protocol of the upper layer, also of a fragment that is not the first. */
  protocol = 0;
  /** Offset of the upper layer header in the buffer. */
  upper = 0;
  /** Offset of the octet that has {@linkcode IpView.protocol}. */
  protocolAt = 0;
  /** Whether it is a fragment other than the first, which has no upper layer header. */
  isLaterFragment = false;
  /** Whether it is a fragment of any kind. */
  isFragment = false;
  /**
   * The ports, uint16; -1 if the packet has none or does not show them. For ICMP, `sourcePort` has type and
   * code.
   */
  sourcePort = -1;
  destinationPort = -1;

  /**
   * Reads the packet at `at`, of which `octets` are present.
   * @returns false if it is no whole IP packet.
   */
  read(buffer: Uint8Array, at: number, octets: number): boolean {
    this.at = at;
    this.isFragment = this.isLaterFragment = false;
    this.sourcePort = this.destinationPort = -1;
    const version = octets >= 20 ? buffer[at]! >> 4 : 0;
    const isWhole = version === 4
      ? this.#read4(buffer, at, octets)
      : version === 6 && octets >= 40 && this.#read6(buffer, at, octets);
    if (!isWhole) return false;
    if (!this.isLaterFragment) this.#readPorts(buffer);
    return true;
  }

  #read4(buffer: Uint8Array, at: number, octets: number): boolean {
    const header = 4 * (buffer[at]! & 15);
    const total = u16(buffer, at + 2);
    if (header < 20 || total < header || total > octets) return false;
    const fragment = u16(buffer, at + 6);
    this.total = total;
    this.addressOctets = 4;
    this.source = at + 12;
    this.destination = at + 16;
    this.protocol = buffer[at + 9]!;
    this.protocolAt = at + 9;
    this.upper = at + header;
    this.isLaterFragment = (fragment & 0x1fff) !== 0;
    this.isFragment = (fragment & 0x3fff) !== 0;
    return true;
  }

  #read6(buffer: Uint8Array, at: number, octets: number): boolean {
    const total = 40 + u16(buffer, at + 4);
    if (total > octets) return false;
    this.total = total;
    this.addressOctets = 16;
    this.source = at + 8;
    this.destination = at + 24;
    return this.#walk(buffer, { next: at + 6, upper: at + 40, end: at + total });
  }

  /** Skips extension headers (RFC 8200 §4.1) up to the upper layer. */
  #walk(
    buffer: Uint8Array,
    start: { readonly next: number; readonly upper: number; readonly end: number },
  ): boolean {
    let { next, upper } = start;
    for (;;) {
      const protocol = buffer[next]!;
      const isExtension = protocol === P.HOP_BY_HOP || protocol === P.ROUTING ||
        protocol === P.DESTINATION_OPTIONS || protocol === P.FRAGMENT;
      if (!isExtension || this.isLaterFragment) {
        this.protocol = protocol;
        this.protocolAt = next;
        this.upper = upper;
        return upper <= start.end;
      }
      if (upper + 8 > start.end) return false;
      if (protocol === P.FRAGMENT) {
        const fragment = u16(buffer, upper + 2);
        this.isFragment = (fragment & 0xfff9) !== 0;
        this.isLaterFragment = (fragment & 0xfff8) !== 0;
      }
      next = upper;
      upper += protocol === P.FRAGMENT ? 8 : 8 + 8 * buffer[upper + 1]!;
    }
  }

  #readPorts(buffer: Uint8Array): void {
    const { protocol, upper } = this;
    const room = this.at + this.total - upper;
    if (HAS_PORTS.has(protocol)) {
      if (room < 4) return;
      this.sourcePort = u16(buffer, upper);
      this.destinationPort = u16(buffer, upper + 2);
    } else if (protocol === P.ICMP || protocol === P.ICMPV6) {
      if (room >= 2) this.sourcePort = u16(buffer, upper);
    } else if (protocol === P.MOBILITY && room >= 3) {
      this.sourcePort = buffer[upper + 2]! << 8;
    }
  }
}

/** DSCP and ECN of a packet, uint8. */
export function trafficClass(buffer: Uint8Array, at: number): number {
  if (buffer[at]! >> 4 === 4) return buffer[at + 1]!;
  return (buffer[at]! & 15) << 4 | buffer[at + 1]! >> 4;
}

/** Whether routers must not fragment a packet: an IPv4 packet with DF, and every IPv6 packet. */
export function mustNotFragment(buffer: Uint8Array, at: number): boolean {
  return buffer[at]! >> 4 === 6 || (buffer[at + 6]! & 0x40) !== 0;
}

/** What happens to a packet by its ECN when it leaves a tunnel (RFC 6040 §4.2, figure 4). */
export type EcnOutcome = "same" | "dropped";

const NOT_ECT = 0;
const ECT_1 = 1;
const ECT_0 = 2;
const CE = 3;

/** Copies congestion from the outer traffic class into the packet at `at`. */
export function leaveTunnel(buffer: Uint8Array, at: number, outerClass: number): EcnOutcome {
  const inner = trafficClass(buffer, at) & 3;
  const outer = outerClass & 3;
  if (outer === CE && inner === NOT_ECT) return "dropped";
  if (outer === CE && inner !== CE) setEcn(buffer, at, CE);
  else if (outer === ECT_1 && inner === ECT_0) setEcn(buffer, at, ECT_1);
  return "same";
}

function setEcn(buffer: Uint8Array, at: number, ecn: number): void {
  if (buffer[at]! >> 4 === 6) {
    buffer[at + 1] = buffer[at + 1]! & 0xcf | ecn << 4;
    return;
  }
  buffer[at + 1] = buffer[at + 1]! & 0xfc | ecn;
  writeHeaderChecksum(buffer, at);
}

/** Recomputes the header checksum of an IPv4 packet (RFC 791 §3.1). */
export function writeHeaderChecksum(buffer: Uint8Array, at: number): void {
  buffer[at + 10] = buffer[at + 11] = 0;
  const sum = foldSum(sumWords(buffer, at, 4 * (buffer[at]! & 15)));
  buffer[at + 10] = sum >> 8;
  buffer[at + 11] = sum;
}

/** The sum of 16-bit words from `at` on; an odd last octet is padded with zero (RFC 1071 §1). */
export function sumWords(buffer: Uint8Array, at: number, octets: number): number {
  let sum = 0;
  for (let i = 0; i + 1 < octets; i += 2) sum += u16(buffer, at + i);
  return octets % 2 ? sum + (buffer[at + octets - 1]! << 8) : sum;
}

/** The Internet checksum of a sum of words: the sum folded to 16 bits and complemented. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

function u16(buffer: Uint8Array, at: number): number {
  return buffer[at]! << 8 | buffer[at + 1]!;
}
