/**
 * Encodes netlink messages: a header, a fixed record, and attributes. Numbers are little-endian, as on every
 * machine on which Deno runs; addresses and ports stay in network byte order.
 * @module
 */
import { must } from "@/base/errors.ts";

const HEADER_OCTETS = 16;
const ATTRIBUTE_TYPE_MASK = 0x3fff;

/** Builds one message. Each call appends; `octets` returns the message with its length filled in. */
export class NetlinkMessageWriter {
  #octets = new Uint8Array(512);
  #view = new DataView(this.#octets.buffer);
  #length = HEADER_OCTETS;

  /** `type` and `flags` of the header are uint16. Sequence number and port id are filled in by the socket. */
  constructor(type: number, flags: number) {
    this.#view.setUint16(4, type, true);
    this.#view.setUint16(6, flags, true);
  }

  u8(...values: readonly number[]): this {
    for (const value of values) this.#octets[this.#grow(1)] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  /** Appends a uint16 in network byte order. */
  be16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** Appends a uint32 in network byte order. */
  be32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  bytes(octets: Uint8Array): this {
    // The buffer grows first, as growing replaces it.
    const at = this.#grow(octets.length);
    this.#octets.set(octets, at);
    return this;
  }

  zeros(octets: number): this {
    this.#grow(octets);
    return this;
  }

  /** Appends octets, followed by zeros up to `size`. */
  padded(octets: Uint8Array, size: number): this {
    must(octets.length <= size, "a field that its value fits");
    return this.bytes(octets).zeros(size - octets.length);
  }

  /** Appends zeros up to the next multiple of 4, where an attribute can begin. */
  align(): this {
    return this.zeros(-this.#length & 3);
  }

  /** Appends an attribute whose value `write` appends. */
  attribute(type: number, write: (message: this) => void): this {
    this.align();
    const at = this.#grow(4);
    write(this);
    this.#view.setUint16(at, this.#length - at, true);
    this.#view.setUint16(at + 2, type, true);
    return this;
  }

  get octets(): Uint8Array {
    this.#view.setUint32(0, this.#length, true);
    return this.#octets.slice(0, this.#length);
  }

  #grow(octets: number): number {
    const at = this.#length;
    this.#length += octets;
    if (this.#length > this.#octets.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#octets);
      this.#octets = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** The attributes after a fixed record of `from` octets, by type; of several of a type the last. */
export function attributesIn(body: Uint8Array, from: number): Map<number, Uint8Array> {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const found = new Map<number, Uint8Array>();
  for (let at = from + 3 & ~3; at + 4 <= body.length;) {
    const length = view.getUint16(at, true);
    const type = view.getUint16(at + 2, true);
    if (length < 4 || at + length > body.length) break;
    found.set(type & ATTRIBUTE_TYPE_MASK, body.subarray(at + 4, at + length));
    at += length + 3 & ~3;
  }
  return found;
}
