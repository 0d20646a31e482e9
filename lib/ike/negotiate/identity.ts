/**
 * Identities: makes the octets of an ID payload from a configured rule, and describes identities as text (RFC
 * 7296 §3.5).
 * @module
 */
import { parseAddress, type Path, showAddress } from "@/base/address.ts";
import { stateCopy } from "@/base/octets.ts";
import { octetsKey, sameOctets, toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { IdType, nameOfIdType } from "@/iana/id_type.ts";
import type { Identity, IdentityRule, WrittenIdentity } from "@/ike/records/config.ts";
import { type Name, parseName, showName } from "@/pki/name.ts";
import { encodeNameText } from "@/pki/name_text.ts";

/** The most octets, and the most characters, of an identity that a text shows. */
const SHOWN_OCTETS_MAX = 64;
const SHOWN_CHARACTERS_MAX = 256;

/** The identity of one tunnel on one path by a rule. */
export function resolveIdentity(rule: IdentityRule, path: Path, index: number): Identity {
  switch (rule.kind) {
    case "own-address":
      return addressIdentity(path.ownAddress);
    case "peer-address":
      return addressIdentity(path.peerAddress);
    case "fixed":
      return rule.identity;
    case "listed":
      return rule.identities[index] ?? rule.identities.at(-1)!;
    case "template":
      return identityOfText({ ...rule, text: rule.text.replaceAll("&d", String(index)) });
  }
}

/** The identity of a configured text. @throws {WireError} if the text does not have its form. */
export function identityOfText({ idType, form, text }: WrittenIdentity): Identity {
  switch (form) {
    case "text":
      return { idType, data: new TextEncoder().encode(text) };
    case "hex":
      return { idType, data: hexOctets(text) };
    case "dn":
      return { idType, data: encodeNameText(text) };
    case "address": {
      const address = parseAddress(text);
      if (!address) throw new WireError("Cannot use a text as an address, it is none");
      return addressIdentity(address);
    }
  }
}

/** The octets of pairs of hex digits; a number for &d with an odd number of digits gets a zero before it. */
function hexOctets(text: string): Uint8Array {
  const digits = text.replaceAll(/[ :]/g, "");
  const even = digits.length % 2 ? `0${digits}` : digits;
  if (!/^[0-9a-f]*$/i.test(even)) {
    throw new WireError("Cannot use a text as hex digits, it is none");
  }
  return Uint8Array.fromHex(even);
}

function addressIdentity(address: Uint8Array): Identity {
  const idType = address.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR;
  return { idType, data: address };
}

/**
 * Whether two identities have the same type and the same octets; distinguished names are compared by RFC 5280
 * §7.1.
 */
export function sameIdentity(a: Identity, b: Identity): boolean {
  if (a.idType !== b.idType) return false;
  return sameOctets(a.data, b.data) || isName(a) && identityKey(a) === identityKey(b);
}

/**
 * The identity in a peer's payload, with the reserved octets that its AUTH covers (§2.15). Its octets are
 * copied: the message that they came in is not kept for as long as the SA lives.
 */
export function identityIn({ idType, data: octets, reserved }: Identity): Identity {
  const data = stateCopy(octets);
  return reserved === undefined ? { idType, data } : { idType, data, reserved };
}

/** A key that two identities share if they are the same by {@linkcode sameIdentity}. */
export function identityKey(identity: Identity): string {
  const name = nameIn(identity);
  if (name) return `${String.fromCharCode(identity.idType)}${name.key}`;
  return `${String.fromCharCode(identity.idType)}${octetsKey(identity.data)}`;
}

/** `gw.example.org (ID_FQDN)` */
export function showIdentity(identity: Identity): string {
  const { idType, data } = identity;
  const isAddress = idType === IdType.ID_IPV4_ADDR && data.length === 4 ||
    idType === IdType.ID_IPV6_ADDR && data.length === 16;
  const name = nameIn(identity);
  const text = isAddress
    ? showAddress(data)
    : name
    ? showName(name)
    : printable(data) ?? (data.length === 0 ? "nobody" : hexOf(data));
  return `${text} (${nameOfIdType(idType)})`;
}

function isName({ idType }: Identity): boolean {
  return idType === IdType.ID_DER_ASN1_DN;
}

/** The distinguished name of an identity; undefined if it is of another type, or malformed. */
function nameIn(identity: Identity): Name | undefined {
  if (!isName(identity)) return undefined;
  try {
    return parseName(identity.data, "an identity");
  } catch (e) {
    if (e instanceof WireError) return undefined;
    throw e;
  }
}

function hexOf(octets: Uint8Array): string {
  const shown = `0x${toHex(octets.subarray(0, SHOWN_OCTETS_MAX))}`;
  return octets.length > SHOWN_OCTETS_MAX ? `${shown}… (${octets.length} octets)` : shown;
}

/** Octets as a text if all are printable ASCII, as an identity of a peer must not control a terminal. */
function printable(octets: Uint8Array): string | undefined {
  if (octets.length === 0 || octets.some((o) => o < 0x20 || o > 0x7e)) return undefined;
  const shown = String.fromCharCode(...octets.subarray(0, SHOWN_CHARACTERS_MAX));
  return octets.length > SHOWN_CHARACTERS_MAX ? `${shown}… (${octets.length} octets)` : shown;
}
