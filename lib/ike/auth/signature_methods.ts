/**
 * The methods of authentication by a signature, with their numbers, their names in options, and
 * the kinds of their keys.
 * @module
 */
import type { KeyKind } from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";

/** A method of authentication by a signature; without `kind` it is for all kinds of keys. */
export interface SignatureMethod {
  readonly name: string;
  readonly kind?: KeyKind;
}

/** By IANA Authentication Method: RFC 7296 §2.15, RFC 4754, RFC 7427. */
export const SIGNATURE_METHODS: ReadonlyMap<number, SignatureMethod> = new Map<
  number,
  SignatureMethod
>([
  [AuthMethod.RSA_DIGITAL_SIGNATURE, { name: "rsa", kind: "rsa" }],
  [AuthMethod.ECDSA_SHA256_P256, { name: "ecdsa-sha256-p256", kind: "p-256" }],
  [AuthMethod.ECDSA_SHA384_P384, { name: "ecdsa-sha384-p384", kind: "p-384" }],
  [AuthMethod.ECDSA_SHA512_P521, { name: "ecdsa-sha512-p521", kind: "p-521" }],
  [AuthMethod.DIGITAL_SIGNATURE, { name: "digital-signature" }],
]);
