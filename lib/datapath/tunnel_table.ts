/**
 * Finds the tunnel of a packet among any number of tunnels: first by the smallest prefixes that cover the
 * address ranges of their selectors, the longest first, then by the whole selectors.
 * @module
 */
import { coveringPrefix } from "@/datapath/covering.ts";
import type { Selector } from "@/datapath/data_path.ts";
import type { IpView } from "@/esp/ip_packet.ts";
import type { SelectorSet } from "@/esp/selector.ts";

/** A tunnel as the table sees it. */
export interface Tunnel {
  readonly ownSelectors: readonly Selector[];
  readonly peerSelectors: readonly Selector[];
  readonly selectors: SelectorSet;
}

/** Tunnels whose covering prefixes have the same lengths. */
interface Shape<T> {
  readonly octets: number;
  readonly ownBits: number;
  readonly peerBits: number;
  readonly tunnels: Map<string, T[]>;
}

/** Tunnels that can be found by packet. */
export class TunnelTable<T extends Tunnel> {
  /** The longest peer prefixes first, then the longest own ones. */
  #shapes: Shape<T>[] = [];

  /** Adds a tunnel, before others with the same selectors. */
  add(tunnel: T): void {
    for (const { shape, key } of this.#placesOf(tunnel)) {
      const tunnels = shape.tunnels.get(key);
      if (tunnels) tunnels.unshift(tunnel);
      else shape.tunnels.set(key, [tunnel]);
    }
  }

  /** Removes a tunnel, if it is there. */
  remove(tunnel: T): void {
    for (const { shape, key } of this.#placesOf(tunnel)) {
      const tunnels = shape.tunnels.get(key);
      const at = tunnels?.indexOf(tunnel) ?? -1;
      if (at < 0) continue;
      tunnels!.splice(at, 1);
      if (tunnels!.length === 0) shape.tunnels.delete(key);
    }
    this.#shapes = this.#shapes.filter(({ tunnels }) => tunnels.size > 0);
  }

  /** The tunnel that a packet leaves by; undefined: there is none. */
  find(buffer: Uint8Array, view: IpView): T | undefined {
    for (const { octets, ownBits, peerBits, tunnels } of this.#shapes) {
      if (octets !== view.addressOctets) continue;
      const key = keyOf(buffer, view.source, ownBits) + keyOf(buffer, view.destination, peerBits);
      for (const tunnel of tunnels.get(key) ?? []) {
        if (tunnel.selectors.matchesOutbound(buffer, view)) return tunnel;
      }
    }
    return undefined;
  }

  #placesOf(tunnel: T): { readonly shape: Shape<T>; readonly key: string }[] {
    const places = new Map<string, { shape: Shape<T>; key: string }>();
    for (const own of tunnel.ownSelectors.map(coveringPrefix)) {
      for (const peer of tunnel.peerSelectors.map(coveringPrefix)) {
        if (own.address.length !== peer.address.length) continue;
        const shape = this.#shapeOf(own.address.length, own.bits, peer.bits);
        const key = keyOf(own.address, 0, own.bits) + keyOf(peer.address, 0, peer.bits);
        places.set(`${own.bits} ${peer.bits} ${own.address.length} ${key}`, { shape, key });
      }
    }
    return [...places.values()];
  }

  #shapeOf(octets: number, ownBits: number, peerBits: number): Shape<T> {
    const known = this.#shapes.find((shape) =>
      shape.octets === octets && shape.ownBits === ownBits && shape.peerBits === peerBits
    );
    if (known) return known;
    const shape = { octets, ownBits, peerBits, tunnels: new Map<string, T[]>() };
    this.#shapes.push(shape);
    this.#shapes.sort((a, b) => b.peerBits - a.peerBits || b.ownBits - a.ownBits);
    return shape;
  }
}

/** The first `bits` of an address as a text. */
function keyOf(buffer: Uint8Array, at: number, bits: number): string {
  const whole = bits >> 3;
  const rest = bits & 7;
  let key = "";
  for (let i = 0; i < whole; i++) key += CHARACTERS[buffer[at + i]!];
  if (rest > 0) key += CHARACTERS[buffer[at + whole]! & 0xff00 >> rest];
  return key;
}

const CHARACTERS = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet));
