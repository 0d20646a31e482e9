/**
 * Messages of EAP-SIM, EAP-AKA and EAP-AKA′: a subtype and attributes (RFC 4186 §8, RFC 4187 §8).
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+-------------------------------+
 * |    Subtype    |           Reserved            |
 * +---------------+---------------+---------------+---------------+
 * | Attribute Type| Length in 4s  |  Value                        ~
 * ```
 * @module
 */
import { concat, Reader, Writer } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import { refuse } from "@/eap/failure.ts";
import { nameOfSimAttribute, SimAttributeType } from "@/iana/eap_sim_aka.ts";

/** The first attribute type that may be skipped if it is unknown (RFC 4187 §8.1). */
const SKIPPABLE = 128;
const KNOWN: ReadonlySet<number> = new Set(Object.values(SimAttributeType));
/** The most attributes of one message. */
const ATTRIBUTES_MAX = 64;
/** The only attribute that a message may have several times (RFC 9048 §3.2). */
const REPEATABLE: ReadonlySet<number> = new Set([SimAttributeType.AT_KDF]);

/** One attribute. */
export interface SimAttribute {
  /** uint8. */
  readonly type: number;
  /** The octets after the Length octet: 4 n − 2 octets. */
  readonly value: Uint8Array;
}

/** A decoded message. */
export interface SimMessage {
  /** uint8. */
  readonly subtype: number;
  readonly attributes: readonly SimAttribute[];
  /** The offset of the 16 octets of AT_MAC in the Type-Data; undefined without AT_MAC. */
  readonly macAt: number | undefined;
}

/**
 * Reads the message in the Type-Data of a packet; values are views.
 * @throws {EapRefusal} for lengths of 0 or past the end, unknown attributes that must not be skipped, and
 * attributes that occur twice.
 */
export function decodeSim(data: Uint8Array): SimMessage {
  const head = new Reader(data);
  const subtype = head.u8();
  head.u16();
  const attributes = attributesIn(data, head.at);
  let macAt: number | undefined;
  let at = head.at;
  for (const { type, value } of attributes) {
    if (type === SimAttributeType.AT_MAC) macAt = at + 4;
    at += 2 + value.length;
  }
  return { subtype, attributes, macAt };
}

/** The attributes from `start` to the end; see {@linkcode decodeSim}. */
export function attributesIn(octets: Uint8Array, start = 0): SimAttribute[] {
  const found: SimAttribute[] = [];
  const seen = new Set<number>();
  const body = new Reader(octets, start);
  while (body.left > 0) {
    const type = body.u8();
    const name = nameOfSimAttribute(type);
    if (body.left === 0) refuse("malformed", `attribute ${name} has no length`);
    const length = 4 * body.u8();
    if (length === 0) refuse("malformed", `attribute ${name} has length 0`);
    if (length - 2 > body.left) {
      refuse("malformed", `attribute ${name} has ${length} octets, ${body.left + 2} are left`);
    }
    const value = body.take(length - 2);
    if (type < SKIPPABLE && !KNOWN.has(type)) {
      refuse("malformed", `attribute ${type} is not known and must not be skipped`);
    }
    if (seen.has(type) && KNOWN.has(type) && !REPEATABLE.has(type)) {
      refuse("malformed", `attribute ${name} stands there twice`);
    }
    seen.add(type);
    found.push({ type, value });
    if (found.length > ATTRIBUTES_MAX) {
      refuse("malformed", `more than ${ATTRIBUTES_MAX} attributes`);
    }
  }
  return found;
}

/** Type-Data of a message. */
export function encodeSim(subtype: number, attributes: readonly SimAttribute[]): Uint8Array {
  return concat(Uint8Array.of(subtype, 0, 0), encodeAttributes(attributes));
}

/** The octets of attributes. */
export function encodeAttributes(attributes: readonly SimAttribute[]): Uint8Array {
  const w = new Writer(256);
  for (const { type, value } of attributes) {
    must((value.length + 2) % 4 === 0, "an attribute of whole words");
    w.u8(type).u8((value.length + 2) / 4).put(value);
  }
  return w.done();
}

/** The value of an attribute; undefined if the message does not have it. */
export function findAttribute(
  attributes: readonly SimAttribute[],
  type: number,
): Uint8Array | undefined {
  return attributes.find((attribute) => attribute.type === type)?.value;
}

/** The value of an attribute that the message must have. @throws {EapRefusal} if it is missing. */
export function needAttribute(attributes: readonly SimAttribute[], type: number): Uint8Array {
  return findAttribute(attributes, type) ??
    refuse("malformed", `attribute ${nameOfSimAttribute(type)} is missing`);
}

/**
 * An attribute of two reserved octets and a value of fixed size, such as AT_RAND of AKA.
 * @throws {EapRefusal} if it is missing or has another size.
 */
export function fixedValue(
  attributes: readonly SimAttribute[],
  type: number,
  octets: number,
): Uint8Array {
  const value = needAttribute(attributes, type);
  if (value.length !== 2 + octets) {
    refuse("malformed", `attribute ${nameOfSimAttribute(type)} has ${value.length - 2} octets`);
  }
  return value.subarray(2);
}

/** An attribute of one uint16. @throws {EapRefusal} if it is missing or has another size. */
export function numberValue(attributes: readonly SimAttribute[], type: number): number {
  const value = needAttribute(attributes, type);
  if (value.length !== 2) {
    refuse("malformed", `attribute ${nameOfSimAttribute(type)} has ${value.length} octets`);
  }
  return value[0]! << 8 | value[1]!;
}

/**
 * The octets of a value that begins with their number, and is padded after them.
 * @throws {EapRefusal} if the number is larger than the value.
 */
export function countedOctets({ type, value }: SimAttribute): Uint8Array {
  const count = value[0]! << 8 | value[1]!;
  if (count > value.length - 2) {
    const name = nameOfSimAttribute(type);
    refuse("malformed", `attribute ${name} says ${count} octets and has ${value.length - 2}`);
  }
  return value.subarray(2, 2 + count);
}

/** An attribute of two octets of zero and a value of whole words. */
export function fixedAttribute(type: number, octets: Uint8Array): SimAttribute {
  return { type, value: concat(new Uint8Array(2), octets) };
}

/** An attribute of one uint16. */
export function numberAttribute(type: number, value: number): SimAttribute {
  return { type, value: Uint8Array.of(value >>> 8, value) };
}

/** An attribute of octets after a number, which is `count` or by default that of the octets, padded to whole words. */
export function countedAttribute(
  type: number,
  octets: Uint8Array,
  count = octets.length,
): SimAttribute {
  const value = new Uint8Array(2 + Math.ceil(octets.length / 4) * 4);
  value[0] = count >>> 8;
  value[1] = count;
  value.set(octets, 2);
  return { type, value };
}
