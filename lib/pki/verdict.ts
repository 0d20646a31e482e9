/**
 * What is asked of a certificate, and what is answered: plain data, so that the question can be a job
 * and the answer be kept. `lib/pki/validate.ts` answers.
 * @module
 */
import type { Certificate } from "@/pki/certificate.ts";
import type { Crl } from "@/pki/crl.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";

/** What this end knows of authorities and of what they revoked. */
export interface TrustStore {
  /** Certificates that are trusted by themselves. */
  readonly anchors: readonly Certificate[];
  /** Certificates of authorities that may stand between an anchor and a peer's certificate. */
  readonly intermediates: readonly Certificate[];
  readonly crls: readonly Crl[];
  readonly ocsp: readonly OcspResponse[];
}

/**
 * How revocation counts: `off` is not asked for; `soft` refuses what is revoked, and only notes where
 * nobody can say; `strict` refuses that as well.
 */
export type RevocationMode = "off" | "soft" | "strict";

/** Whether a certificate may be used, and from where on. */
export interface PathQuestion {
  readonly certificate: Certificate;
  /** What the peer sent beside it, in any order; none of it is trusted. */
  readonly untrusted: readonly Certificate[];
  readonly store: TrustStore;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly revocation: RevocationMode;
  /** `ike`: usages are looked at as RFC 4945 §5.1.3 says; `any`: they are not. */
  readonly purpose: "ike" | "any";
  /** Revocation lists and OCSP responses that the peer sent (RFC 4806). */
  readonly receivedCrls?: readonly Crl[];
  readonly receivedOcsp?: readonly OcspResponse[];
  /** Where they are not said: any policy, nothing required, nothing inhibited. */
  readonly policies?: PolicyInputs;
}

/** The inputs of RFC 5280 §6.1.1 about policies. */
export interface PolicyInputs {
  /** Dotted OIDs; `undefined`: any policy will do. */
  readonly initialPolicies?: readonly string[] | undefined;
  readonly requireExplicit?: boolean;
  readonly inhibitMapping?: boolean;
  readonly inhibitAnyPolicy?: boolean;
}

/** The answer. */
export type PathVerdict = AcceptedPath | RefusedPath;

/** The certificate may be used. */
export interface AcceptedPath {
  readonly accepted: true;
  /** The certificate first, the anchor last. */
  readonly chain: readonly Certificate[];
  /** What `revocation: soft` lets pass. */
  readonly notes: readonly PathNote[];
  /** Milliseconds since 1970 until which the answer holds: the first certificate or list expires then. */
  readonly untilMs: number;
}

/** What is accepted, although a stricter setting would refuse it. */
export interface PathNote {
  /** A sentence about one certificate. */
  readonly text: string;
  /** The same sentence for all certificates of that issuer, with the same cause. */
  readonly alike: string;
}

/** The certificate may not be used. */
export interface RefusedPath {
  readonly accepted: false;
  readonly rule: PathRule;
  /** The one that breaks the rule. */
  readonly certificate: Certificate;
  /** The chain as far as it was seen, the peer's certificate first. */
  readonly chain: readonly Certificate[];
  /** One sentence: which certificate, which rule, and what is to be seen. */
  readonly why: string;
}

/** The rules of a path, each with where it is written. */
export type PathRule =
  /** No authority that is trusted has signed it, nor anybody in between (RFC 5280 §6.1). */
  | "no_issuer"
  /** The path is longer, or more of them were tried, than is allowed here. */
  | "too_much"
  /** The signature is wrong (§6.1.3 (a)(1)). */
  | "signature"
  /** The key or the signature is of an algorithm that is not supported, or cannot be one. */
  | "algorithm"
  /** Before notBefore, after notAfter (§6.1.3 (a)(2)). */
  | "not_yet_valid"
  | "expired"
  /** A list or a response says so (§6.1.3 (a)(3)). */
  | "revoked"
  /** `revocation: strict`, and nobody can say. */
  | "revocation_unknown"
  /** An authority's certificate without cA, or of version 1 (§6.1.4 (k)). */
  | "not_an_authority"
  /** More authorities than pathLenConstraint allows (§6.1.4 (l)(m)). */
  | "path_length"
  /** keyUsage without keyCertSign, or without digitalSignature (§6.1.4 (n), RFC 4945 §5.1.3.2). */
  | "key_usage"
  /** extendedKeyUsage without a purpose that IKE may use (RFC 4945 §5.1.3.12). */
  | "extended_key_usage"
  /** A name outside of what an authority may name (§6.1.3 (b)(c)). */
  | "name_constraints"
  /** No policy is left where one is required (§6.1.3 (f), §6.1.5 (g)), a mapping of anyPolicy. */
  | "policy"
  /** A critical extension that is not known here (§6.1.4 (o), §6.1.5 (e)). */
  | "critical_extension";
