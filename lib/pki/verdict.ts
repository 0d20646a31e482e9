/**
 * The question whether a certificate may be used, and the answer, which `lib/pki/validate.ts` gives. Both are
 * plain data, so that the question can be sent to another thread, and the answer can be kept.
 * @module
 */
import type { Certificate } from "@/pki/certificate.ts";
import type { Crl } from "@/pki/crl.ts";
import type { OcspResponse } from "@/pki/ocsp.ts";

/** The authorities that this end has configured, and their revocation lists and OCSP responses. */
export interface TrustStore {
  /** Certificates that are trusted by themselves. */
  readonly anchors: readonly Certificate[];
  /** Certificates of authorities that may be between an anchor and a peer's certificate. */
  readonly intermediates: readonly Certificate[];
  readonly crls: readonly Crl[];
  readonly ocsp: readonly OcspResponse[];
}

/**
 * How revocation is checked. `off`: it is not checked. `soft`: a revoked certificate is refused, and an unknown
 * state is only noted. `strict`: a certificate of unknown state is refused as well.
 */
export type RevocationMode = "off" | "soft" | "strict";

/** The question whether a certificate may be used, and what the answer depends on. */
export interface PathQuestion {
  readonly certificate: Certificate;
  /** The certificates that the peer has sent beside it, in any order; none of them is trusted. */
  readonly untrusted: readonly Certificate[];
  readonly store: TrustStore;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly revocation: RevocationMode;
  /** `ike`: usages are checked by RFC 4945 §5.1.3; `any`: they are not checked. */
  readonly purpose: "ike" | "any";
  /** Revocation lists and OCSP responses that the peer has sent (RFC 4806). */
  readonly receivedCrls?: readonly Crl[];
  readonly receivedOcsp?: readonly OcspResponse[];
  /** Absent: any policy is acceptable, none is required, and nothing is inhibited. */
  readonly policies?: PolicyInputs;
}

/** The inputs of RFC 5280 §6.1.1 about policies. */
export interface PolicyInputs {
  /** Dotted OIDs; `undefined`: any policy is acceptable. */
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
  /** What was accepted only because of `revocation: soft`. */
  readonly notes: readonly PathNote[];
  /** Milliseconds since 1970 until which the answer is valid: the first certificate or list expires then. */
  readonly untilMs: number;
}

/** A note on something that is accepted, although a stricter setting would refuse it. */
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
  /** One sentence about the certificate, the rule that it breaks, and the values that show it. */
  readonly why: string;
}

/** The rules of a path, each with its section in RFC 5280 or another RFC. */
export type PathRule =
  /** Neither a trusted authority nor a known intermediate one has issued it (RFC 5280 §6.1). */
  | "no_issuer"
  /** The path is too long, or the validation would take more paths, signatures or certificates than allowed. */
  | "too_much"
  /** The signature is wrong (§6.1.3 (a)(1)). */
  | "signature"
  /** The key or the signature has an algorithm that is not supported, or is malformed. */
  | "algorithm"
  /** Before notBefore, after notAfter (§6.1.3 (a)(2)). */
  | "not_yet_valid"
  | "expired"
  /** A revocation list or an OCSP response revokes it (§6.1.3 (a)(3)). */
  | "revoked"
  /** With `revocation: strict`, it is unknown whether it was revoked. */
  | "revocation_unknown"
  /** An authority's certificate without cA, or of version 1 (§6.1.4 (k)). */
  | "not_an_authority"
  /** More authorities than pathLenConstraint allows (§6.1.4 (l)(m)). */
  | "path_length"
  /**
   * keyUsage of an authority without keyCertSign (§6.1.4 (n)), or of an end entity with neither
   * digitalSignature nor nonRepudiation (RFC 4945 §5.1.3.2).
   */
  | "key_usage"
  /** extendedKeyUsage without a purpose that IKE may use (RFC 4945 §5.1.3.12). */
  | "extended_key_usage"
  /** A name that the name constraints of an authority do not permit (§6.1.3 (b)(c)). */
  | "name_constraints"
  /** No policy is left although one is required (§6.1.3 (f), §6.1.5 (g)), or anyPolicy is mapped. */
  | "policy"
  /** A critical extension that is not known here (§6.1.4 (o), §6.1.5 (e)). */
  | "critical_extension";
