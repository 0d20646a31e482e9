/**
 * Whom a UDP echo server answers. Whoever sends to it chooses the source that it answers to, so that
 * what it would answer for ever, or to many, is left alone.
 * @module
 */
import { addressPlus, type IpAddress, isUnspecified } from "@/base/address.ts";

/** Where a server is. */
export interface EchoPlace {
  readonly first: IpAddress;
  /** Addresses, `step` from each to the next. */
  readonly count: number;
  readonly step: number;
  readonly port: number;
}

/** All addresses of a place; undefined: they go past the end of their family's space. */
export function addressesOfPlace({ first, count, step }: EchoPlace): IpAddress[] | undefined {
  const addresses: IpAddress[] = [];
  for (let i = 0; i < count; i++) {
    const address = addressPlus(first, i * step);
    if (!address) return undefined;
    addresses.push(address);
  }
  return addresses;
}

/** See the module. */
export class EchoRule {
  /** By the last four octets. */
  readonly #own = new Map<number, IpAddress[]>();
  readonly #port: number;

  /** The server's addresses, and its port. */
  constructor(own: readonly IpAddress[], port: number) {
    this.#port = port;
    for (const address of own) {
      const key = lastWord(address), same = this.#own.get(key);
      if (same) same.push(address);
      else this.#own.set(key, [address]);
    }
  }

  /** Whether a datagram from `peer` to `own` is answered. */
  answers(own: IpAddress, peer: IpAddress, peerPort: number): boolean {
    if (!this.#has(own) || peerPort === 0 || !isHost(peer)) return false;
    // A source that is forged as ours would have the server talk to itself for ever.
    return peerPort !== this.#port || !this.#has(peer);
  }

  #has(address: IpAddress): boolean {
    const same = this.#own.get(lastWord(address));
    return same !== undefined && same.some((one) => isSame(one, address));
  }
}

/** Neither multicast nor broadcast, nor nobody (RFC 1112 §4, RFC 4291 §2.7). */
function isHost(address: IpAddress): boolean {
  const first = address[0]!;
  return address.length === 4
    ? first !== 0 && first < 224
    : first !== 0xff && !isUnspecified(address);
}

function isSame(a: IpAddress, b: IpAddress): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

function lastWord(address: IpAddress): number {
  const at = address.length - 4;
  return address[at]! << 24 | address[at + 1]! << 16 | address[at + 2]! << 8 | address[at + 3]!;
}
