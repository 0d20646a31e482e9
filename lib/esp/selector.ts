/**
 * Decides which packets a CHILD_SA carries, by traffic selectors (RFC 4301 §4.4.1.1, RFC 7296 §2.9, §3.13.1).
 * @module
 */
import { IpProtocol, type IpView } from "@/esp/ip_packet.ts";

/** One traffic selector: an address range, a protocol (0: any) and ports (65535 to 0: OPAQUE). */
export interface SelectorRange {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
  readonly protocol: number;
  readonly startPort: number;
  readonly endPort: number;
}

/** The selectors of one CHILD_SA, prepared for comparison with many packets. */
export class SelectorSet {
  readonly #own: readonly Range[];
  readonly #peer: readonly Range[];

  constructor(own: readonly SelectorRange[], peer: readonly SelectorRange[]) {
    this.#own = own.map((selector) => new Range(selector));
    this.#peer = peer.map((selector) => new Range(selector));
  }

  /** Whether a departing packet belongs to this CHILD_SA. */
  matchesOutbound(buffer: Uint8Array, view: IpView): boolean {
    const { sourcePort, destinationPort } = view;
    const isIcmp = showsType(view);
    return holdsAny(this.#own, { buffer, view, address: view.source, port: sourcePort }) &&
      holdsAny(this.#peer, {
        buffer,
        view,
        address: view.destination,
        port: isIcmp ? sourcePort : destinationPort,
      });
  }

  /** Whether a packet that arrived by this CHILD_SA was allowed to. */
  matchesInbound(buffer: Uint8Array, view: IpView): boolean {
    const { sourcePort, destinationPort } = view;
    const isIcmp = showsType(view);
    return holdsAny(this.#peer, { buffer, view, address: view.source, port: sourcePort }) &&
      holdsAny(this.#own, {
        buffer,
        view,
        address: view.destination,
        port: isIcmp ? sourcePort : destinationPort,
      });
  }
}

/**
 * Whether a packet is ICMP, which has no ports: its type and code are compared with the selectors of both
 * ends.
 */
function showsType({ protocol }: IpView): boolean {
  return protocol === IpProtocol.ICMP || protocol === IpProtocol.ICMPV6 ||
    protocol === IpProtocol.MOBILITY;
}

interface End {
  readonly buffer: Uint8Array;
  readonly view: IpView;
  /** Offset of the address in the packet. */
  readonly address: number;
  readonly port: number;
}

function holdsAny(ranges: readonly Range[], end: End): boolean {
  for (const range of ranges) if (range.holds(end)) return true;
  return false;
}

class Range {
  readonly #of: SelectorRange;
  /** The first and the last address of an IPv4 range as numbers. */
  readonly #first: number;
  readonly #last: number;

  constructor(selector: SelectorRange) {
    this.#of = selector;
    this.#first = u32(selector.first, 0);
    this.#last = u32(selector.last, 0);
  }

  holds({ buffer, view, address, port }: End): boolean {
    const { first, last, protocol, startPort, endPort } = this.#of;
    if (first.length !== view.addressOctets) return false;
    if (protocol !== 0 && protocol !== view.protocol) return false;
    if (first.length === 4) {
      const value = u32(buffer, address);
      if (value < this.#first || value > this.#last) return false;
    } else if (compare(buffer, address, first) < 0 || compare(buffer, address, last) > 0) {
      return false;
    }
    if (startPort === 0 && endPort === 0xffff) return true;
    // OPAQUE matches packets that show no port, such as a later fragment (RFC 4301 §7).
    if (startPort > endPort) return port < 0;
    return port >= startPort && port <= endPort;
  }
}

function u32(octets: Uint8Array, at: number): number {
  return (octets[at]! << 24 | octets[at + 1]! << 16 | octets[at + 2]! << 8 | octets[at + 3]!) >>> 0;
}

function compare(buffer: Uint8Array, at: number, address: Uint8Array): number {
  for (let i = 0; i < address.length; i++) {
    if (buffer[at + i] !== address[i]) return buffer[at + i]! - address[i]!;
  }
  return 0;
}
