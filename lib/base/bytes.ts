/**
 * Reads and writes octets in network byte order: a reader with checked bounds, a growing writer, and a few
 * helpers.
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { messageOctets } from "@/base/octets.ts";

/** A uint64 in the byte order of the machine, as two uint32 and as a whole: low half first here. */
const halves = new Uint32Array(2);
const whole = new BigUint64Array(halves.buffer);
const LOW = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

/** Reads received octets in network byte order, with checked bounds. Slices are views, not copies. */
export class Reader {
  #at: number;
  readonly #end: number;
  constructor(readonly octets: Uint8Array, start = 0, end = octets.length) {
    this.#at = start;
    this.#end = end;
  }
  /** Number of octets not yet read. */
  get left(): number {
    return this.#end - this.#at;
  }
  /** Offset of the next octet from the start of `octets`. */
  get at(): number {
    return this.#at;
  }
  /** Reads a uint8. @throws {WireError} at the end. */
  u8(): number {
    this.#need(1);
    return this.octets[this.#at++]!;
  }
  /** Reads a uint16. @throws {WireError} at the end. */
  u16(): number {
    this.#need(2);
    const at = this.#at;
    this.#at = at + 2;
    return this.octets[at]! << 8 | this.octets[at + 1]!;
  }
  /** Reads a uint32. @throws {WireError} at the end. */
  u32(): number {
    this.#need(4);
    const b = this.octets;
    const at = this.#at;
    this.#at = at + 4;
    return (b[at]! << 24 | b[at + 1]! << 16 | b[at + 2]! << 8 | b[at + 3]!) >>> 0;
  }
  /** Reads a uint64. @throws {WireError} at the end. */
  u64(): bigint {
    halves[HIGH] = this.u32();
    halves[LOW] = this.u32();
    return whole[0]!;
  }
  /** The next `count` octets as a view. @throws {WireError} at the end. */
  take(count: number): Uint8Array {
    this.#need(count);
    return this.octets.subarray(this.#at, this.#at += count);
  }
  /** All remaining octets as a view. */
  rest(): Uint8Array {
    return this.take(this.left);
  }
  /** Checks that nothing remains, as a payload must be consumed to its last octet. @throws {WireError} */
  end(): void {
    if (this.left > 0) throw new WireError(`Cannot ignore ${this.left} trailing octets`);
  }
  #need(count: number): void {
    if (count < 0 || count > this.#end - this.#at) {
      throw new WireError(`Cannot read ${count} octets, ${this.left} left`);
    }
  }
}

/** Octets of the buffer that a finished writer leaves to the next one. */
const SPARE_OCTETS = 4_096;
/** Octets that a writer has room for at first, and one that is used again. */
const CAPACITY = 256;
/** The buffer that no writer has at the moment. */
let spare: Uint8Array | undefined;

/** Writes octets in network byte order into a growing buffer, until {@linkcode done} is called. */
export class Writer {
  #octets: Uint8Array;
  #at = 0;
  constructor(capacity = CAPACITY) {
    this.#octets = capacity <= SPARE_OCTETS
      ? spare ?? new Uint8Array(SPARE_OCTETS)
      : new Uint8Array(capacity);
    if (this.#octets === spare) spare = undefined;
  }
  /** Number of octets written so far. */
  get length(): number {
    return this.#at;
  }
  /** Appends a uint8; higher bits are dropped. */
  u8(v: number): this {
    this.#room(1);
    this.#octets[this.#at++] = v;
    return this;
  }
  /** Appends a uint16; higher bits are dropped. */
  u16(v: number): this {
    this.#room(2);
    this.#octets[this.#at++] = v >>> 8;
    this.#octets[this.#at++] = v;
    return this;
  }
  /** Appends a uint32. */
  u32(v: number): this {
    this.#room(4);
    const b = this.#octets;
    b[this.#at++] = v >>> 24;
    b[this.#at++] = v >>> 16;
    b[this.#at++] = v >>> 8;
    b[this.#at++] = v;
    return this;
  }
  /** Appends a uint64. */
  u64(v: bigint): this {
    whole[0] = v;
    return this.u32(halves[HIGH]!).u32(halves[LOW]!);
  }
  /** Appends octets. */
  put(octets: Uint8Array): this {
    this.#room(octets.length);
    this.#octets.set(octets, this.#at);
    this.#at += octets.length;
    return this;
  }
  /** Overwrites a uint8. */
  setU8(at: number, v: number): void {
    this.#octets[at] = v;
  }
  /** Overwrites a uint16, such as a length that was unknown before. */
  setU16(at: number, v: number): void {
    this.#octets[at] = v >>> 8;
    this.#octets[at + 1] = v;
  }
  /** Overwrites a uint32. */
  setU32(at: number, v: number): void {
    this.setU16(at, v >>> 16);
    this.setU16(at + 2, v & 0xffff);
  }
  /**
   * A copy of what was written, with `more` zeros behind it. The writer is empty then, and its buffer is
   * for another one.
   */
  done(more = 0): Uint8Array {
    const octets = this.#octets;
    const copy = messageOctets(this.#at + more);
    copy.set(octets.subarray(0, this.#at));
    if (octets.length === SPARE_OCTETS) spare = octets;
    this.#octets = NONE;
    this.#at = 0;
    return copy;
  }
  #room(more: number): void {
    const need = this.#at + more;
    if (need <= this.#octets.length) return;
    const grown = new Uint8Array(Math.max(need, this.#octets.length * 2, CAPACITY));
    grown.set(this.#octets);
    this.#octets = grown;
  }
}

/** The buffer of a writer that is done. */
const NONE = new Uint8Array(0);

/** Joins octet strings. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const p of parts) length += p.length;
  const joined = messageOctets(length);
  let at = 0;
  for (const p of parts) {
    joined.set(p, at);
    at += p.length;
  }
  return joined;
}

/** Whether two octet strings are equal, compared in constant time for their length. */
export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let different = 0;
  for (let i = 0; i < a.length; i++) different |= a[i]! ^ b[i]!;
  return different === 0;
}

/** Octets as a key of a table: a text with one character for each octet. */
export function octetsKey(octets: Uint8Array): string {
  return octets.length === HASH_OCTETS
    ? hashKey(octets)
    // To spread them into arguments takes ten times as long.
    : String.fromCharCode.apply(undefined, octets as unknown as number[]);
}

/** Octets of a hash that are kept in a key. */
const HASH_OCTETS = 16;

/** The first 16 octets as a key of a table. To name each takes a third of the time. */
export function hashKey(o: Uint8Array): string {
  // deno-fmt-ignore
  return String.fromCharCode(
    o[0]!, o[1]!, o[2]!, o[3]!, o[4]!, o[5]!, o[6]!, o[7]!,
    o[8]!, o[9]!, o[10]!, o[11]!, o[12]!, o[13]!, o[14]!, o[15]!,
  );
}

const HEX = Array.from({ length: 256 }, (_, v) => v.toString(16).padStart(2, "0"));

/** Octets as lower-case hex, two digits each. */
export function toHex(octets: Uint8Array): string {
  let text = "";
  for (let i = 0; i < octets.length; i++) text += HEX[octets[i]!];
  return text;
}

/** Octets of a hex text; undefined if it is none (odd length, other characters). */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 || /[^0-9a-f]/i.test(text)) return undefined;
  const octets = new Uint8Array(text.length / 2);
  for (let i = 0; i < octets.length; i++) octets[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return octets;
}

/** An IKE SPI as users see it: 16 upper-case hex digits. */
export function showSpi64(spi: bigint): string {
  return spi.toString(16).toUpperCase().padStart(16, "0");
}

/** An ESP or AH SPI as users see it: 8 upper-case hex digits. */
export function showSpi32(spi: number): string {
  return spi.toString(16).toUpperCase().padStart(8, "0");
}
