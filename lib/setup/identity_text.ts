/**
 * Identities as setup files write them: of an explicit type (`fqdn:gw.example.org`, `rfc822:`, `keyid:`,
 * `keyid-hex:`, `dn:`), or of the type that they look like (RFC 7296 §3.5).
 * @module
 */
import { parseAddress } from "@/base/address.ts";
import { splitNameText } from "@/base/name_text.ts";
import { attributeOid } from "@/iana/attribute_type.ts";
import { IdType } from "@/iana/id_type.ts";

/** The word for the identity of who is nobody (RFC 7619 §2.2). */
export const ID_NULL_WORD = "id-null";

/** How the identification data follows from the text: as it is, from hex digits, or as a name's DER. */
export type IdentityForm = "text" | "hex" | "dn" | "address";

/** An identity in words; `&d` in `text` may stand for a number. */
export interface IdentityText {
  /** IANA ID Type. */
  readonly idType: number;
  readonly form: IdentityForm;
  readonly text: string;
}

/** Explicit types by what stands before the colon. */
const TYPES: ReadonlyMap<string, { readonly idType: number; readonly form: IdentityForm }> =
  new Map<
    string,
    { readonly idType: number; readonly form: IdentityForm }
  >([
    ["fqdn", { idType: IdType.ID_FQDN, form: "text" }],
    ["rfc822", { idType: IdType.ID_RFC822_ADDR, form: "text" }],
    ["keyid", { idType: IdType.ID_KEY_ID, form: "text" }],
    ["keyid-hex", { idType: IdType.ID_KEY_ID, form: "hex" }],
    ["dn", { idType: IdType.ID_DER_ASN1_DN, form: "dn" }],
  ]);

/** Takes an identity apart; whether it is a good one {@linkcode identityFault} says. */
export function parseIdentityText(text: string): IdentityText {
  if (text === ID_NULL_WORD) return { idType: IdType.ID_NULL, form: "hex", text: "" };
  const [, prefix, rest] = /^([a-z0-9-]+):([\s\S]*)$/.exec(text) ?? [];
  const type = prefix === undefined ? undefined : TYPES.get(prefix);
  if (type) return { ...type, text: rest!.trim() };
  const address = parseAddress(text);
  if (address) {
    const idType = address.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR;
    return { idType, form: "address", text };
  }
  const idType = /^[^@]+@[^@]+$/.test(text) ? IdType.ID_RFC822_ADDR : IdType.ID_FQDN;
  return { idType, form: "text", text };
}

/** Why a text is no identity of its explicit type; undefined: it is one. */
export function identityFault(text: string): string | undefined {
  const { form, text: rest, idType } = parseIdentityText(text);
  if (idType === IdType.ID_NULL) return undefined;
  if (rest === "") return "has nothing behind its type";
  // A number stands where &d does.
  const sample = rest.replaceAll("&d", "10");
  if (form === "hex" && !/^([0-9a-f]{2})+$/i.test(sample.replaceAll(/[ :]/g, ""))) {
    return "is not of pairs of hex digits";
  }
  if (form !== "dn") return undefined;
  const pairs = splitNameText(sample);
  if (!pairs) return "is no distinguished name: expected such as dn:C=CH, O=Lab, CN=gw";
  const unknown = pairs.find(([key]) => attributeOid(key) === undefined);
  return unknown ? `names the attribute ${unknown[0]}, which is not known here` : undefined;
}
