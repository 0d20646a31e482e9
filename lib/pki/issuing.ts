/**
 * Issues certificates of end entities while a test runs. Their contents follow from the identity that the
 * holder has in IKE, so that the peer finds it in the certificate (RFC 4945 §5.1.3.6).
 * @module
 */
import { showAddress } from "@/base/address.ts";
import { toHex } from "@/base/bytes.ts";
import { der, Tag } from "@/base/der.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { PrivateKey, SigningKeyPair } from "@/crypto/signature.ts";
import { IdType } from "@/iana/id_type.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { type CertificateTemplate, issueCertificate } from "@/pki/issue.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";
import { issueOcspResponse } from "@/pki/ocsp_issue.ts";
import { AttributeType, Extension } from "@/pki/oid.ts";
import { altNamesOf, type KeyType } from "@/pki/templates.ts";

/** An authority that issues certificates. It is plain data. */
export interface IssuingAuthority {
  readonly certificate: Certificate;
  readonly privateKey: PrivateKey;
  /** The key pair of all certificates; undefined if each has its own, of `keyType`. */
  readonly sharedPair: SigningKeyPair | undefined;
  readonly keyType: KeyType;
  readonly lifetimeMs: number;
}

/** An identity as IKE carries it: an IANA ID Type, and the identification data (RFC 7296 §3.5). */
export interface HolderIdentity {
  readonly idType: number;
  readonly data: Uint8Array;
}

/** The credentials that were issued to one holder. */
export interface IssuedCredential {
  readonly certificate: Certificate;
  readonly privateKey: PrivateKey;
}

/** The most credentials that are kept; a holder whose credentials were dropped gets new ones. */
const KEPT_MAX = 4096;
/** A certificate is valid since an hour before it is issued, as clocks differ; an OCSP response is valid
 * for an hour. */
const BEFORE_MS = 3600_000;
const RESPONSE_MS = 3600_000;
/** Characters of a common name (RFC 5280 appendix A.1, ub-common-name). */
const COMMON_NAME_MAX = 64;

/** Issues certificates, and keeps them, so that a holder always gets the same one. */
export class IssuedCredentials {
  readonly #kept = new WeakMap<IssuingAuthority, Map<string, Kept>>();

  /** `random` makes serial numbers. */
  constructor(readonly backend: CryptoBackend, readonly random = backend.randomOctets) {}

  /**
   * The certificate of a holder and its key; a promise only if the backend returns one. An expired
   * certificate is replaced.
   */
  credential(
    authority: IssuingAuthority,
    holder: HolderIdentity,
    nowMs: number,
  ): Promise<IssuedCredential> | IssuedCredential {
    let kept = this.#kept.get(authority);
    if (!kept) this.#kept.set(authority, kept = new Map());
    const key = `${holder.idType} ${toHex(holder.data)}`;
    const known = kept.get(key);
    if (known && nowMs <= known.untilMs) return known.credential;
    const credential = this.#issue(authority, holder, nowMs);
    const entry: Kept = { credential, untilMs: expiryOf(authority, nowMs) };
    kept.delete(key);
    kept.set(key, entry);
    if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value!);
    if (!(credential instanceof Promise)) return credential;
    // Further requests for this holder wait for the same credentials. A refusal is not kept.
    credential.then((value) => entry.credential = value, () => kept.delete(key));
    return credential;
  }

  /** The authority's OCSP response that a certificate which it has issued is good (RFC 4806). */
  response(
    { certificate, privateKey }: IssuingAuthority,
    about: Certificate,
    nowMs: number,
  ): Promise<OcspResponse> | OcspResponse {
    const times = { fromMs: nowMs - BEFORE_MS, untilMs: nowMs + RESPONSE_MS };
    return issueOcspResponse(
      { about, issuer: { certificate, privateKey }, ...times },
      this.backend,
    );
  }

  #issue(
    authority: IssuingAuthority,
    holder: HolderIdentity,
    nowMs: number,
  ): Promise<IssuedCredential> | IssuedCredential {
    const { signatures } = this.backend;
    const { kind, rsaBits } = authority.keyType;
    const pair = authority.sharedPair ?? signatures.generate(kind, rsaBits);
    return then(pair, ({ publicKey, privateKey }) => {
      const template: CertificateTemplate = {
        ...templateOf(holder),
        publicKey,
        notBeforeMs: nowMs - BEFORE_MS,
        notAfterMs: expiryOf(authority, nowMs),
      };
      const made = issueCertificate(template, authority, this);
      return then(made, (certificate) => ({ certificate, privateKey }));
    });
  }
}

interface Kept {
  credential: Promise<IssuedCredential> | IssuedCredential;
  readonly untilMs: number;
}

/** A certificate expires no later than that of its issuer. */
function expiryOf({ lifetimeMs, certificate }: IssuingAuthority, nowMs: number): number {
  return Math.min(nowMs + lifetimeMs, certificate.notAfterMs);
}

/** The parts of a certificate that name its holder. */
function templateOf(
  { idType, data }: HolderIdentity,
): Pick<CertificateTemplate, "subject" | "altNames" | "extensions"> {
  if (idType === IdType.ID_DER_ASN1_DN) return { subject: data };
  const isAddress = idType === IdType.ID_IPV4_ADDR || idType === IdType.ID_IPV6_ADDR;
  const name = isAddress ? showAddress(data) : readable(data) ?? toHex(data);
  const subject = [[AttributeType.COMMON_NAME, name.slice(0, COMMON_NAME_MAX)]] as const;
  if (idType === IdType.ID_KEY_ID) {
    // An ID_KEY_ID can only be found in a certificate as its key identifier.
    const value = der(Tag.OCTET_STRING, data);
    return { subject, extensions: [{ oid: Extension.SUBJECT_KEY_IDENTIFIER, value }] };
  }
  return { subject, altNames: altNamesOf(name) };
}

/** The text of octets; undefined if they are not text, or contain control characters. */
function readable(data: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data);
    return text === "" || /\p{C}/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Calls a function with a value at once, or with the value of a promise later. */
function then<A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}
