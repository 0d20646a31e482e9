/**
 * Authentication by a signature and a certificate: RSA Digital Signature (RFC 7296 §2.15), ECDSA
 * (RFC 4754), and Digital Signature with the algorithm that it names itself (RFC 7427).
 * @module
 */
import type { AuthMethodPair } from "@/ike/auth/authenticator.ts";
import { SIGNATURE_METHODS } from "@/ike/auth/signature_methods.ts";
import { signing } from "@/ike/auth/signing.ts";
import { verifying } from "@/ike/auth/verifying.ts";
import type { SigningAuth, VerifyingAuth } from "@/ike/records/config.ts";

/** See {@linkcode AuthMethodPair}. */
export const signature: AuthMethodPair<SigningAuth, VerifyingAuth> = {
  nameOf: ({ method }) => SIGNATURE_METHODS.get(method)!.name,
  own: signing,
  peer: verifying,
};
