/**
 * Reads, compares and shows distinguished names (X.501, RFC 5280 §4.1.2.4). Names are compared as RFC
 * 5280 §7.1 says: neither case, nor the amount of white space, nor the string type makes a difference.
 *
 * ```text
 * Name ::= SEQUENCE OF SET OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }
 * ```
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { der, derOid, DerReader, derSequence, derSequenceOf, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { ATTRIBUTE_NAMES } from "@/iana/attribute_type.ts";
import { AttributeType } from "@/pki/oid.ts";

/** A distinguished name. */
export interface Name {
  /** As it was received. */
  readonly der: Uint8Array;
  /** Its relative names, that of the root of the tree first; most have one attribute. */
  readonly rdns: readonly (readonly NameAttribute[])[];
  /** The relative names, each in a form that equal names share (RFC 5280 §7.1). */
  readonly rdnKeys: readonly string[];
  /** All relative names in one text; two names are equal if their texts are. */
  readonly key: string;
}

/** One attribute of a relative name. */
export interface NameAttribute {
  /** Dotted OID. */
  readonly type: string;
  /** Its text; undefined if it has no string type. */
  readonly text: string | undefined;
  /** Tag, length and contents. */
  readonly value: Uint8Array;
}

/** The most attributes of a name. */
const ATTRIBUTES_MAX = 256;
/** The most characters of a name that are shown. */
const SHOWN_MAX = 400;

/** Reads a name. @throws {WireError} if it is not one. */
export function parseName(octets: Uint8Array, what: string): Name {
  const reader = derSequence(octets, what);
  const rdns: NameAttribute[][] = [];
  let count = 0;
  while (reader.left > 0) {
    const set = reader.within(Tag.SET, what);
    const rdn: NameAttribute[] = [];
    while (set.left > 0) {
      if (++count > ATTRIBUTES_MAX) {
        throw new WireError(`Cannot read ${what}, it has more than ${ATTRIBUTES_MAX} attributes`);
      }
      rdn.push(parseAttribute(set.within(Tag.SEQUENCE, what), what));
    }
    if (rdn.length === 0) throw new WireError(`Cannot read ${what}, a relative name is empty`);
    rdns.push(rdn);
  }
  const rdnKeys = rdns.map(rdnKey);
  return { der: octets, rdns, rdnKeys, key: rdnKeys.join("/") };
}

/** Whether two names are the same (RFC 5280 §7.1). */
export function sameName(a: Name, b: Name): boolean {
  return a.key === b.key;
}

/** Whether `name` is `base` or below it in the tree (RFC 5280 §7.1). */
export function isWithin(name: Name, base: Name): boolean {
  return base.rdnKeys.length <= name.rdnKeys.length &&
    base.rdnKeys.every((key, i) => key === name.rdnKeys[i]);
}

/**
 * A name as users read it: `C=US, O=Test, CN=gateway`, in the order of the encoding. Separators in
 * values are escaped as RFC 4514 §2.4 does, unreadable characters and what is too long are cut.
 */
export function showName(name: Name): string {
  if (name.rdns.length === 0) return "(empty name)";
  const shown = name.rdns.map((rdn) => rdn.map(showAttribute).join("+")).join(", ");
  return shown.length > SHOWN_MAX ? `${shown.slice(0, SHOWN_MAX)}…` : shown;
}

/** The first common name, which is the one of `cert-subject-cn`; undefined if there is none. */
export function commonNameOf(name: Name): string | undefined {
  return attributesOf(name, AttributeType.COMMON_NAME)[0];
}

/** The texts of all attributes of one type. */
export function attributesOf(name: Name, type: string): string[] {
  return name.rdns.flat().flatMap((a) => a.type === type && a.text !== undefined ? [a.text] : []);
}

/** Encodes a name of these attributes, each a relative name of its own. */
export function encodeName(
  attributes: readonly (readonly [type: string, text: string])[],
): Uint8Array {
  return derSequenceOf(...attributes.map(([type, text]) => {
    // RFC 5280 appendix A: e-mail addresses and domain components are IA5String.
    const isIa5 = type === AttributeType.EMAIL_ADDRESS || ATTRIBUTE_NAMES.get(type) === "DC";
    const tag = isIa5
      ? Tag.IA5_STRING
      : type === "2.5.4.6"
      ? Tag.PRINTABLE_STRING
      : Tag.UTF8_STRING;
    const value = der(tag, new TextEncoder().encode(text));
    return der(Tag.SET, derSequenceOf(derOid(type), value));
  }));
}

function parseAttribute(reader: DerReader, what: string): NameAttribute {
  const type = reader.oid(what);
  const value = reader.whole(what);
  reader.end(what);
  return { type, value, text: textOf(value, what) };
}

/** The text of a string element; undefined if it has another type. */
function textOf(value: Uint8Array, what: string): string | undefined {
  const tag = value[0]!;
  const octets = new DerReader(value).contents(tag, what);
  switch (tag) {
    case Tag.UTF8_STRING:
      return new TextDecoder().decode(octets);
    case Tag.PRINTABLE_STRING:
    case Tag.IA5_STRING:
    case Tag.NUMERIC_STRING:
    case Tag.VISIBLE_STRING:
    case Tag.TELETEX_STRING:
      return latinText(octets);
    case Tag.BMP_STRING:
      return new TextDecoder("utf-16be").decode(octets);
    case Tag.UNIVERSAL_STRING: {
      let text = "";
      for (let i = 0; i + 3 < octets.length; i += 4) {
        const point = octets[i]! * 2 ** 24 +
          (octets[i + 1]! << 16 | octets[i + 2]! << 8 | octets[i + 3]!);
        text += point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
      }
      return text;
    }
    default:
      return undefined;
  }
}

/** The text with one character for each octet. */
export function latinText(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

/** The form of a relative name that equal ones share; the order of its attributes does not count. */
function rdnKey(rdn: readonly NameAttribute[]): string {
  if (rdn.length === 1) return attributeKey(rdn[0]!);
  return rdn.map(attributeKey).sort().join("+");
}

/** The lengths make sure that no value can be taken for a further attribute. */
function attributeKey({ type, text, value }: NameAttribute): string {
  if (text === undefined) return `${type}=#${toHex(value)}`;
  const folded = foldText(text);
  return `${type}=${folded.length}:${folded}`;
}

/** The part of RFC 4518 that RFC 5280 §7.1 demands: compatibility forms, case and white space are unified. */
export function foldText(text: string): string {
  const plain = /^[\x20-\x7e]*$/.test(text)
    ? text
    : text.normalize("NFKC").replaceAll(/\p{Cf}/gu, "");
  return plain.toLowerCase().replaceAll(/\s+/g, " ").trim();
}

function showAttribute({ type, text, value }: NameAttribute): string {
  const shown = text === undefined
    ? `#${toHex(value)}`
    : text.replaceAll(/[,+"\\<>;=]/g, "\\$&").replaceAll(/\p{C}/gu, "?");
  return `${ATTRIBUTE_NAMES.get(type) ?? type}=${shown}`;
}
