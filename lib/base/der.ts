/**
 * The Distinguished Encoding Rules of ASN.1 (X.690) as far as certificates need them: a reader, which refuses
 * what DER does not allow, and a writer.
 *
 * An element is a tag, a length and contents. Tags above 30 and indefinite lengths do not occur and are
 * refused. Contents are views, never copies.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";

/** Tags of universal types, one octet, with the constructed bit where the type has it (X.690 §8). */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  ENUMERATED: 0x0a,
  UTF8_STRING: 0x0c,
  NUMERIC_STRING: 0x12,
  PRINTABLE_STRING: 0x13,
  TELETEX_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  VISIBLE_STRING: 0x1a,
  UNIVERSAL_STRING: 0x1c,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** The context-specific tag of this number, constructed or primitive. */
export function contextTag(number: number, form: "constructed" | "primitive"): number {
  return (form === "constructed" ? 0xa0 : 0x80) | number;
}

/** Reads a row of elements: the contents of a SEQUENCE or SET, or a whole encoding. */
export class DerReader {
  #at: number;
  readonly #end: number;

  /** Reads `octets` from `start` to `end`. */
  constructor(readonly octets: Uint8Array, start = 0, end = octets.length) {
    this.#at = start;
    this.#end = end;
  }

  /** Number of octets not yet read. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** The tag of the next element; -1 at the end. */
  get tag(): number {
    return this.#at < this.#end ? this.octets[this.#at]! : -1;
  }

  /**
   * The contents of the next element, which must have this tag.
   * @throws {WireError} if it has another, or breaks DER.
   */
  contents(tag: number, what: string): Uint8Array {
    const [from, to] = this.#next(tag, what);
    return this.octets.subarray(from, to);
  }

  /** A reader of the next element's contents. @throws {WireError} as {@linkcode contents}. */
  within(tag: number, what: string): DerReader {
    const [from, to] = this.#next(tag, what);
    return new DerReader(this.octets, from, to);
  }

  /** A reader of the next element's contents if it has this tag; otherwise undefined, and nothing is read. */
  maybeWithin(tag: number, what: string): DerReader | undefined {
    return this.tag === tag ? this.within(tag, what) : undefined;
  }

  /** The next element as a whole: tag, length and contents. @throws {WireError} if it breaks DER. */
  whole(what: string, tag = this.tag): Uint8Array {
    const from = this.#at;
    const [, to] = this.#next(tag, what);
    return this.octets.subarray(from, to);
  }

  /** A BOOLEAN. @throws {WireError} if it is none, or neither 0x00 nor 0xff (X.690 §11.1). */
  boolean(what: string): boolean {
    const octets = this.contents(Tag.BOOLEAN, what);
    if (octets.length !== 1 || (octets[0] !== 0 && octets[0] !== 0xff)) {
      throw new WireError(`Cannot read ${what}, it is not a BOOLEAN of DER`);
    }
    return octets[0] === 0xff;
  }

  /** The contents of an INTEGER: two's complement, big-endian. @throws {WireError} if it is not minimal. */
  integer(what: string, tag: number = Tag.INTEGER): Uint8Array {
    const octets = this.contents(tag, what);
    const [first, second] = octets;
    const padded = second !== undefined &&
      (first === 0 && second < 0x80 || first === 0xff && second >= 0x80);
    if (first === undefined || padded) {
      throw new WireError(`Cannot read ${what}, it is not an INTEGER of DER`);
    }
    return octets;
  }

  /** An INTEGER that is not negative, without its leading zero octet. */
  unsigned(what: string): Uint8Array {
    const octets = this.integer(what);
    if (octets[0]! >= 0x80) throw new WireError(`Cannot use ${what}, it is negative`);
    return octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets;
  }

  /** An INTEGER from 0 to `max`, which is below 2^31. @throws {WireError} if it is outside of that. */
  small(what: string, max: number, tag: number = Tag.INTEGER): number {
    const octets = this.integer(what, tag);
    let value = octets.length <= 5 ? 0 : NaN;
    for (const octet of octets) value = value * 256 + octet;
    if (octets[0]! >= 0x80 || !(value <= max)) {
      throw new WireError(`Cannot use ${what}, it is not from 0 to ${max}`);
    }
    return value;
  }

  /** An OBJECT IDENTIFIER in dotted form. @throws {WireError} if it is none, or too long. */
  oid(what: string): string {
    return oidOf(this.contents(Tag.OID, what), what);
  }

  /** A BIT STRING of whole octets. @throws {WireError} if bits of the last octet are unused. */
  bitString(what: string): Uint8Array {
    const octets = this.contents(Tag.BIT_STRING, what);
    if (octets[0] !== 0) throw new WireError(`Cannot read ${what}, it is not of whole octets`);
    return octets.subarray(1);
  }

  /** A BIT STRING of at most 31 named bits: bit 0 becomes the lowest bit of the result. */
  namedBits(what: string, tag: number = Tag.BIT_STRING): number {
    const octets = this.contents(tag, what);
    const unused = octets[0] ?? 8;
    const last = octets.at(-1)!;
    // Unused bits must be zero, and trailing zero bits of a named list are omitted (X.690 §11.2).
    const empty = octets.length === 1;
    const bad = unused > 7 || octets.length > 5 || (empty && unused > 0) ||
      (!empty && (last & (1 << unused) - 1) !== 0);
    if (bad) throw new WireError(`Cannot read ${what}, it is not a BIT STRING of named bits`);
    let bits = 0;
    for (let i = 8; i < 8 * octets.length && i < 39; i++) {
      if (octets[i >> 3]! & 0x80 >> (i & 7)) bits |= 1 << (i - 8);
    }
    return bits;
  }

  /** Checks that no elements remain. @throws {WireError} */
  end(what: string): void {
    if (this.left > 0) {
      throw new WireError(`Cannot read ${what}, ${this.left} octets follow its last element`);
    }
  }

  /** The range of the next element's contents; the position moves after it. */
  #next(tag: number, what: string): readonly [from: number, to: number] {
    const { octets } = this;
    const end = this.#end;
    let at = this.#at;
    if (at >= end) throw new WireError(`Cannot read ${what}, its element is missing`);
    const found = octets[at++]!;
    if (found !== tag) {
      throw new WireError(`Cannot read ${what}, its tag is ${hex(found)}, not ${hex(tag)}`);
    }
    if ((found & 0x1f) === 0x1f) throw new WireError(`Cannot read ${what}, its tag is too large`);
    if (at >= end) throw new WireError(`Cannot read ${what}, it ends before its length`);
    let length = octets[at++]!;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4) {
        throw new WireError(`Cannot read ${what}, its length is not of DER`);
      }
      if (end - at < count) throw new WireError(`Cannot read ${what}, it ends inside its length`);
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + octets[at++]!;
      // A length must be encoded in as few octets as possible (X.690 §10.1).
      if (length < 0x80 || (count > 1 && length < 256 ** (count - 1))) {
        throw new WireError(`Cannot read ${what}, its length is not of DER`);
      }
    }
    if (length > end - at) {
      throw new WireError(`Cannot read ${what}, it has ${end - at} of its ${length} octets`);
    }
    this.#at = at + length;
    return [at, at + length];
  }
}

/** A reader of a SEQUENCE that takes up all octets. @throws {WireError} if it does not. */
export function derSequence(octets: Uint8Array, what: string): DerReader {
  const outer = new DerReader(octets);
  const inner = outer.within(Tag.SEQUENCE, what);
  outer.end(what);
  return inner;
}

/** The most octets of an OBJECT IDENTIFIER that are accepted. */
const OID_OCTETS_MAX = 64;

/** The dotted form of an OBJECT IDENTIFIER's contents. @throws {WireError} if it is none, or too long. */
export function oidOf(octets: Uint8Array, what: string): string {
  const last = octets.at(-1);
  if (last === undefined || last >= 0x80 || octets.length > OID_OCTETS_MAX) {
    throw new WireError(`Cannot read ${what}, it is not an OBJECT IDENTIFIER`);
  }
  let arc = 0;
  let wide = 0n;
  let fresh = true;
  let dotted = "";
  for (const octet of octets) {
    if (fresh && octet === 0x80) {
      throw new WireError(`Cannot read ${what}, it is not an OBJECT IDENTIFIER of DER`);
    }
    // Only UUIDs have arcs beyond 2^46 (X.667); all others are computed without bigints.
    if (arc < 2 ** 46) arc = arc * 128 + (octet & 0x7f);
    else wide = (wide || BigInt(arc)) << 7n | BigInt(octet & 0x7f);
    fresh = octet < 0x80;
    if (!fresh) continue;
    if (dotted === "") {
      const root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      dotted = `${root}.${wide ? wide - BigInt(root) * 40n : arc - root * 40}`;
    } else dotted += `.${wide || arc}`;
    arc = 0;
    wide = 0n;
  }
  return dotted;
}

/** An element with a tag and parts as its contents. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  return concat(Uint8Array.of(tag, ...lengthOctets(length)), ...parts);
}

/** A SEQUENCE of elements. */
export function derSequenceOf(...parts: readonly Uint8Array[]): Uint8Array {
  return der(Tag.SEQUENCE, ...parts);
}

/** An INTEGER that is not negative, from big-endian octets; leading zeros are dropped. */
export function derUnsigned(octets: Uint8Array): Uint8Array {
  let at = 0;
  while (at < octets.length - 1 && octets[at] === 0) at++;
  const value = octets.subarray(at);
  if (value.length === 0) return Uint8Array.of(Tag.INTEGER, 1, 0);
  return value[0]! >= 0x80 ? der(Tag.INTEGER, Uint8Array.of(0), value) : der(Tag.INTEGER, value);
}

/** A BIT STRING of whole octets. */
export function derBitString(octets: Uint8Array): Uint8Array {
  return der(Tag.BIT_STRING, Uint8Array.of(0), octets);
}

/** A BIT STRING of named bits; bit 0 is the lowest of `bits`. */
export function derNamedBits(bits: number): Uint8Array {
  const count = 32 - Math.clz32(bits);
  const octets = new Uint8Array(1 + Math.ceil(count / 8));
  octets[0] = 8 * (octets.length - 1) - count;
  for (let i = 0; i < count; i++) {
    if (bits & 1 << i) octets[1 + (i >> 3)]! |= 0x80 >> (i & 7);
  }
  return der(Tag.BIT_STRING, octets);
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function derOid(dotted: string): Uint8Array {
  const [root, second, ...rest] = dotted.split(".").map(BigInt);
  const octets: number[] = [];
  for (const arc of [root! * 40n + second!, ...rest]) {
    const groups = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80);
    octets.push(...groups);
  }
  return der(Tag.OID, Uint8Array.from(octets));
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left & 0xff);
  return [0x80 | octets.length, ...octets];
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}
