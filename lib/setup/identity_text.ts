/**
 * Identities as setup files write them: of an explicit type (`fqdn:gw.example.org`, `rfc822:`,
 * `keyid:`, `keyid-hex:`, `dn:`), or of the type that they look like (RFC 7296 §3.5).
 * @module
 */
import { parseAddress } from "@/base/address.ts";
import { splitNameText } from "@/base/name_text.ts";
import { attributeOid } from "@/iana/attribute_type.ts";
import { IdType } from "@/iana/id_type.ts";

/** The keyword for the identity ID_NULL (RFC 7619 §2.2). */
export const ID_NULL_WORD = "id-null";

/**
 * How the identification data is made of the text: unchanged, from hex digits, as the DER of a
 * name, or as an address.
 */
export type IdentityForm = "text" | "hex" | "dn" | "address";

/** An identity as text, in which `&d` may stand for a number. */
export interface IdentityText {
  /** IANA ID Type. */
  readonly idType: number;
  readonly form: IdentityForm;
  readonly text: string;
}

/** Explicit types by the text before the colon. */
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

/** Splits an identity into type and text; {@linkcode identityFault} checks whether it is valid. */
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

/** Why a text is not a valid identity of its explicit type; undefined if it is. */
export function identityFault(text: string): string | undefined {
  const { form, text: rest, idType } = parseIdentityText(text);
  if (idType === IdType.ID_NULL) return undefined;
  if (rest === "") return "has nothing after its type";
  // `&d` is replaced by a number, as in a run.
  const sample = rest.replaceAll("&d", "10");
  if (form === "hex" && !/^([0-9a-f]{2})+$/i.test(sample.replaceAll(/[ :]/g, ""))) {
    return "does not consist of pairs of hex digits";
  }
  if (form !== "dn") return undefined;
  const pairs = splitNameText(sample);
  if (!pairs) return "is no distinguished name: expected such as dn:C=CH, O=Lab, CN=gw";
  const unknown = pairs.find(([key]) => attributeOid(key) === undefined);
  return unknown ? `names the attribute ${unknown[0]}, which is unknown` : undefined;
}
