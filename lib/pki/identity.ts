/**
 * Finds an identity of IKE in a certificate (RFC 4945 §3.1). The ID payload has the identity that the
 * peer claims, and the certificate has the identities that its authority confirms.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { DerReader } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { IdType } from "@/iana/id_type.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { type GeneralName, parseGeneralName } from "@/pki/general_name.ts";
import { attributesOf, commonNameOf, latinText, parseName, sameName } from "@/pki/name.ts";
import { AttributeType } from "@/pki/oid.ts";

/**
 * The place of the identity in the certificate. RFC 4945 defines the first two. Older certificates have
 * the identity as their common name, which is also what `cert-subject-cn` sends.
 */
export type IdentityPlace = "subjectAltName" | "subject" | "commonName" | "subjectKeyIdentifier";

/**
 * The place of an identity in a certificate; undefined if the certificate does not contain it. `type` is
 * an ID Type of IANA, `data` the identification data of the payload (RFC 7296 §3.5).
 */
export function placeOfIdentity(
  certificate: Certificate,
  type: number,
  data: Uint8Array,
): IdentityPlace | undefined {
  const { subject, extensions } = certificate;
  const names = extensions.subjectAltNames;
  const text = latinText(data);
  switch (type) {
    case IdType.ID_IPV4_ADDR:
    case IdType.ID_IPV6_ADDR: {
      const has = names.some((name) => name.form === "ip" && sameOctets(name.octets, data));
      return has ? "subjectAltName" : undefined;
    }
    case IdType.ID_FQDN:
      if (hasText(names, "dns", text)) return "subjectAltName";
      return sameText(commonNameOf(subject) ?? "", text) ? "commonName" : undefined;
    case IdType.ID_RFC822_ADDR:
      if (hasText(names, "email", text)) return "subjectAltName";
      if (attributesOf(subject, AttributeType.EMAIL_ADDRESS).some((one) => sameText(one, text))) {
        return "subject";
      }
      return sameText(commonNameOf(subject) ?? "", text) ? "commonName" : undefined;
    case IdType.ID_DER_ASN1_DN: {
      const name = attempt(() => parseName(data, "an identity"));
      if (!name) return undefined;
      if (sameName(name, subject)) return "subject";
      const has = names.some((one) => one.form === "directory" && sameName(one.name, name));
      return has ? "subjectAltName" : undefined;
    }
    case IdType.ID_DER_ASN1_GN: {
      const name = attempt(() => parseGeneralName(new DerReader(data), "an identity"));
      return name && names.some((one) => sameGeneralName(one, name)) ? "subjectAltName" : undefined;
    }
    case IdType.ID_KEY_ID: {
      const own = extensions.subjectKeyIdentifier;
      return own && sameOctets(own, data) ? "subjectKeyIdentifier" : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * The identity of `cert-subject-cn`: the common name as ID_RFC822_ADDR if it is an e-mail address,
 * otherwise as ID_FQDN; undefined if the subject has no common name.
 */
export function identityOfCommonName(
  { subject }: Certificate,
): { readonly type: number; readonly data: Uint8Array } | undefined {
  const name = commonNameOf(subject);
  if (!name) return undefined;
  const type = name.includes("@") ? IdType.ID_RFC822_ADDR : IdType.ID_FQDN;
  return { type, data: new TextEncoder().encode(name) };
}

function hasText(names: readonly GeneralName[], form: "dns" | "email", text: string): boolean {
  return names.some((name) => name.form === form && sameText(name.text, text));
}

/** Compares host names and mailboxes without case, as RFC 4945 §3.1.2 does with host names. */
function sameText(a: string, b: string): boolean {
  return a !== "" && a.toLowerCase() === b.toLowerCase();
}

function sameGeneralName(a: GeneralName, b: GeneralName): boolean {
  switch (a.form) {
    case "directory":
      return b.form === "directory" && sameName(a.name, b.name);
    case "ip":
    case "other":
      return b.form === a.form && sameOctets(a.octets, b.octets);
    default:
      return b.form === a.form && sameText(a.text, b.text);
  }
}

/** A malformed identity is in no certificate. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (e) {
    if (e instanceof WireError) return undefined;
    throw e;
  }
}
