/**
 * GeneralName (RFC 5280 §4.2.1.6), which is used in subjectAltName, name constraints, distribution
 * points and OCSP.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { contextTag, type DerReader, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { latinText, type Name, parseName, showName } from "@/pki/name.ts";

/** A name in one of the forms of RFC 5280. */
export type GeneralName =
  /** rfc822Name, dNSName or uniformResourceIdentifier, as ASCII. */
  | { readonly form: "email" | "dns" | "uri"; readonly text: string }
  /** iPAddress: 4 or 16 octets, in name constraints twice as many, address and mask. */
  | { readonly form: "ip"; readonly octets: Uint8Array }
  | { readonly form: "directory"; readonly name: Name }
  /** otherName, x400Address, ediPartyName, registeredID; they are kept, but never equal to another name. */
  | { readonly form: "other"; readonly tag: number; readonly octets: Uint8Array };

/** The most names of one list; a certificate with more is refused, as comparing them would take seconds. */
const NAMES_MAX = 4096;

/** All names in the contents of GeneralNames. @throws {WireError} if one is not valid DER. */
export function parseGeneralNames(reader: DerReader, what: string): GeneralName[] {
  const names: GeneralName[] = [];
  while (reader.left > 0) {
    if (names.length >= NAMES_MAX) {
      throw new WireError(`Cannot read ${what}, it has more than ${NAMES_MAX} names`);
    }
    names.push(parseGeneralName(reader, what));
  }
  return names;
}

/** Reads the next name. @throws {WireError} if it is not one. */
export function parseGeneralName(reader: DerReader, what: string): GeneralName {
  const { tag } = reader;
  switch (tag) {
    case EMAIL:
      return { form: "email", text: ascii(reader.contents(tag, what), what) };
    case DNS:
      return { form: "dns", text: ascii(reader.contents(tag, what), what) };
    case URI:
      return { form: "uri", text: ascii(reader.contents(tag, what), what) };
    case IP:
      return { form: "ip", octets: reader.contents(tag, what) };
    case DIRECTORY: {
      const inner = reader.within(tag, what);
      const name = parseName(inner.whole(what, Tag.SEQUENCE), what);
      inner.end(what);
      return { form: "directory", name };
    }
  }
  if ((tag & 0xc0) !== 0x80 || (tag & 0x1f) > 8) {
    throw new WireError(`Cannot read ${what}, it is no GeneralName`);
  }
  return { form: "other", tag, octets: reader.contents(tag, what) };
}

/** A name in words for users: `DNS:gw.example`, `IP:192.0.2.1`, `DirName:C=US, CN=x`. */
export function showGeneralName(name: GeneralName): string {
  switch (name.form) {
    case "email":
    case "dns":
    case "uri":
      return `${name.form === "email" ? "email" : name.form.toUpperCase()}:${name.text}`;
    case "ip":
      return `IP:${showIp(name.octets)}`;
    case "directory":
      return `DirName:${showName(name.name)}`;
    case "other":
      return `other name ${toHex(name.octets.subarray(0, 32))}`;
  }
}

const EMAIL = contextTag(1, "primitive");
const DNS = contextTag(2, "primitive");
const DIRECTORY = contextTag(4, "constructed");
const URI = contextTag(6, "primitive");
const IP = contextTag(7, "primitive");

function ascii(octets: Uint8Array, what: string): string {
  // Software that stops at a zero octet reads "good.example\0.evil.example" as "good.example".
  if (octets.some((octet) => octet < 0x20 || octet > 0x7e)) {
    throw new WireError(`Cannot read ${what}, a name in it is not ASCII`);
  }
  return latinText(octets);
}

function showIp(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  if (octets.length === 8) {
    return `${octets.subarray(0, 4).join(".")}/${octets.subarray(4).join(".")}`;
  }
  return toHex(octets).replaceAll(/(.{4})(?=.)/g, "$1:");
}
