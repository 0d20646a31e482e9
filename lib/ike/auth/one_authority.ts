/**
 * Authentication by certificates with the values that an end has without further options: Digital Signature (RFC
 * 7427) with SHA2-256, one authority that is trusted, and one key or an issuer.
 * @module
 */
import { AuthMethod } from "@/iana/auth_method.ts";
import type { SigningAuth, VerifyingAuth } from "@/ike/records/config.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { trustStoreOf } from "@/pki/trust.ts";

/** Signs with these credentials, or with those that are issued. */
export function signing(
  { credentials = [], issuing }: Partial<Pick<SigningAuth, "credentials" | "issuing">>,
): SigningAuth {
  return {
    kind: "signature",
    method: AuthMethod.DIGITAL_SIGNATURE,
    credentials,
    issuing,
    authorities: [],
    hashes: ["sha256"],
    pss: false,
    ocsp: [],
  };
}

/** Trusts what a root has issued. */
export function verifying(root: Certificate): VerifyingAuth {
  const trust = trustStoreOf({ authorities: [root] });
  return {
    kind: "signature",
    method: AuthMethod.DIGITAL_SIGNATURE,
    trust,
    revocation: "soft",
    purpose: "ike",
    asksOcsp: false,
    idMustBeInCertificate: true,
    requested: trust.anchors,
  };
}
