/**
 * Configurations of ends that sign and verify, with plain values; a test passes what differs in it.
 * @module
 */
import { IdType } from "@/iana/id_type.ts";
import type { IdentityRule, SigningAuth, VerifyingAuth } from "@/ike/records/config.ts";
import { trustStoreOf } from "@/pki/trust.ts";
import type { Party } from "../../pki/_maker.ts";

/** The configuration of an end that signs by this method with the key of a party. */
export function signs(
  { certificate, keys }: Party,
  method: number,
  change: Partial<SigningAuth> = {},
): SigningAuth {
  return {
    kind: "signature",
    method,
    credentials: [{ certificate, privateKey: keys.privateKey }],
    issuing: undefined,
    authorities: [],
    hashes: ["sha256"],
    pss: false,
    ocsp: [],
    ...change,
  };
}

/** The configuration of an end that trusts this root and does not check revocation. */
export function verifies(
  root: Party,
  method: number,
  change: Partial<VerifyingAuth> = {},
): VerifyingAuth {
  const trust = trustStoreOf({ authorities: [root.certificate] });
  return {
    kind: "signature",
    method,
    trust,
    revocation: "off",
    purpose: "ike",
    asksOcsp: false,
    requested: trust.anchors,
    idMustBeInCertificate: true,
    ...change,
  };
}

/** The rule for the identity that is this domain name. */
export function fqdn(text: string): IdentityRule {
  const data = new TextEncoder().encode(text);
  return { kind: "fixed", identity: { idType: IdType.ID_FQDN, data } };
}
