/**
 * IANA ikev2-parameters: IKEv2 Authentication Method.
 * @module
 */
import { nameIn } from "@/iana/registry.ts";

/** Auth Method, uint8 (RFC 7296 §3.8). */
export const AuthMethod = {
  RSA_DIGITAL_SIGNATURE: 1,
  SHARED_KEY_MIC: 2,
  DSS_DIGITAL_SIGNATURE: 3,
  ECDSA_SHA256_P256: 9,
  ECDSA_SHA384_P384: 10,
  ECDSA_SHA512_P521: 11,
  GENERIC_SECURE_PASSWORD: 12,
  NULL_AUTHENTICATION: 13,
  DIGITAL_SIGNATURE: 14,
  /** Of the private range (RFC 7296 §3.8), never on the wire: what the API says of EAP. */
  PRIVATE_EAP: 201,
  PRIVATE_EAP_ONLY: 202,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [AuthMethod.RSA_DIGITAL_SIGNATURE, "RSA Digital Signature"],
  [AuthMethod.SHARED_KEY_MIC, "Shared Key Message Integrity Code"],
  [AuthMethod.DSS_DIGITAL_SIGNATURE, "DSS Digital Signature"],
  [AuthMethod.ECDSA_SHA256_P256, "ECDSA with SHA-256 on the P-256 curve"],
  [AuthMethod.ECDSA_SHA384_P384, "ECDSA with SHA-384 on the P-384 curve"],
  [AuthMethod.ECDSA_SHA512_P521, "ECDSA with SHA-512 on the P-521 curve"],
  [AuthMethod.GENERIC_SECURE_PASSWORD, "Generic Secure Password Authentication Method"],
  [AuthMethod.NULL_AUTHENTICATION, "NULL Authentication"],
  [AuthMethod.DIGITAL_SIGNATURE, "Digital Signature"],
  [AuthMethod.PRIVATE_EAP, "EAP"],
  [AuthMethod.PRIVATE_EAP_ONLY, "EAP-only"],
]);

/** The name of a number, such as `Shared Key Message Integrity Code`, or `unknown(203)` if the registry has none. */
export function nameOfAuthMethod(value: number): string {
  return nameIn(NAMES, value);
}
