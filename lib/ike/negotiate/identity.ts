/**
 * Identities: from a configured rule to the octets of an ID payload, and back to words
 * (RFC 7296 §3.5).
 * @module
 */
import { type Path, showAddress } from "@/base/address.ts";
import { sameOctets, toHex } from "@/base/bytes.ts";
import { IdType, nameOfIdType } from "@/iana/id_type.ts";
import type { Identity, IdentityRule } from "@/ike/records/config.ts";

/** Octets, and characters, of an identity that words show. */
const SHOWN_OCTETS_MAX = 64, SHOWN_CHARACTERS_MAX = 256;

/** The identity a rule gives for one tunnel on one path. */
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
    case "template": {
      const text = rule.text.replaceAll("&d", String(index));
      return { idType: rule.idType, data: new TextEncoder().encode(text) };
    }
  }
}

function addressIdentity(address: Uint8Array): Identity {
  const idType = address.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR;
  return { idType, data: address };
}

/** Same type and same octets. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.idType === b.idType && sameOctets(a.data, b.data);
}

/**
 * The identity in a peer's payload, with the reserved octets that its AUTH covers (§2.15). Its octets are
 * copied: the message that they came in is not kept for as long as the SA lives.
 */
export function identityIn({ idType, data: octets, reserved }: Identity): Identity {
  const data = octets.slice();
  return reserved === undefined ? { idType, data } : { idType, data, reserved };
}

/** A key that two identities share only if they are the same. */
export function identityKey(identity: Identity): string {
  return String.fromCharCode(identity.idType, ...identity.data);
}

/** `gw.example.org (ID_FQDN)` */
export function showIdentity(identity: Identity): string {
  const { idType, data } = identity;
  const isAddress = idType === IdType.ID_IPV4_ADDR && data.length === 4 ||
    idType === IdType.ID_IPV6_ADDR && data.length === 16;
  const text = isAddress ? showAddress(data) : printable(data) ?? hexOf(data);
  return `${text} (${nameOfIdType(idType)})`;
}

function hexOf(octets: Uint8Array): string {
  const shown = `0x${toHex(octets.subarray(0, SHOWN_OCTETS_MAX))}`;
  return octets.length > SHOWN_OCTETS_MAX ? `${shown}… (${octets.length} octets)` : shown;
}

/** The text of octets that are all printable ASCII: a peer's name must not steer a terminal. */
function printable(octets: Uint8Array): string | undefined {
  if (octets.length === 0 || octets.some((o) => o < 0x20 || o > 0x7e)) return undefined;
  const shown = String.fromCharCode(...octets.subarray(0, SHOWN_CHARACTERS_MAX));
  return octets.length > SHOWN_CHARACTERS_MAX ? `${shown}… (${octets.length} octets)` : shown;
}
