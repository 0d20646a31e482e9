/**
 * Addresses as the system gives them, turned into {@linkcode IpAddress}es that are made once: a
 * datagram a microsecond leaves no time for new arrays.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";

/** Strangers must not fill the memory with their addresses. */
const REMEMBERED_MAX = 100_000;

/** Remembers addresses by their octets. */
export class AddressBook {
  /** IPv4 by its octets as a number; IPv6 by its octets as a text. */
  readonly #known = new Map<number | string, IpAddress>();

  /** A book that has these. */
  constructor(addresses: readonly IpAddress[] = []) {
    for (const address of addresses) this.#known.set(keyOf(address, 0, address.length), address);
  }

  /** The address at an offset of a buffer, where it is known. */
  find(buffer: Uint8Array, at: number, octets: number): IpAddress | undefined {
    return this.#known.get(keyOf(buffer, at, octets));
  }

  /** The address at an offset of a buffer: the known one, or a copy to be known from now on. */
  get(buffer: Uint8Array, at: number, octets: number): IpAddress {
    const key = keyOf(buffer, at, octets);
    let address = this.#known.get(key);
    if (!address) {
      if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
      this.#known.set(key, address = buffer.slice(at, at + octets));
    }
    return address;
  }
}

function keyOf(buffer: Uint8Array, at: number, octets: number): number | string {
  if (octets === 4) {
    return buffer[at]! << 24 | buffer[at + 1]! << 16 | buffer[at + 2]! << 8 | buffer[at + 3]!;
  }
  return String.fromCharCode(...buffer.subarray(at, at + octets));
}
