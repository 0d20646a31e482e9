/**
 * A cache of {@linkcode IpAddress} arrays by the octets that the system gives. Up to a million datagrams
 * arrive in a second, so that there is no time to make a new array for each.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { stateCopy } from "@/base/octets.ts";
import { octetsKey } from "@/base/bytes.ts";

/** The most addresses that are cached, so that strangers cannot fill the memory with theirs. */
const REMEMBERED_MAX = 100_000;

/** Cached addresses by their octets. */
export class AddressBook {
  /** The key of an IPv4 address is its octets as a number, that of an IPv6 address its octets as a text. */
  readonly #known = new Map<number | string, IpAddress>();

  /** A cache that holds these addresses from the start. */
  constructor(addresses: readonly IpAddress[] = []) {
    for (const address of addresses) this.#known.set(keyOf(address, 0, address.length), address);
  }

  /** The cached address at an offset of a buffer; undefined if it is not cached. */
  find(buffer: Uint8Array, at: number, octets: number): IpAddress | undefined {
    return this.#known.get(keyOf(buffer, at, octets));
  }

  /** The address at an offset of a buffer: the cached one, or a copy that is cached now. */
  get(buffer: Uint8Array, at: number, octets: number): IpAddress {
    const key = keyOf(buffer, at, octets);
    let address = this.#known.get(key);
    if (!address) {
      if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
      this.#known.set(key, address = stateCopy(buffer.subarray(at, at + octets)));
    }
    return address;
  }
}

function keyOf(buffer: Uint8Array, at: number, octets: number): number | string {
  if (octets === 4) {
    return buffer[at]! << 24 | buffer[at + 1]! << 16 | buffer[at + 2]! << 8 | buffer[at + 3]!;
  }
  return octetsKey(buffer.subarray(at, at + octets));
}
