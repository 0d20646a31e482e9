/**
 * IANA ikev2-parameters: IKEv2 Certificate Encodings.
 * @module
 */
import { nameIn } from "@/iana/registry.ts";

/** Cert Encoding, uint8 (RFC 7296 §3.6, RFC 4806, RFC 7670). */
export const CertEncoding = {
  PKCS7_WRAPPED_X509: 1,
  PGP: 2,
  DNS_SIGNED_KEY: 3,
  X509_SIGNATURE: 4,
  KERBEROS_TOKEN: 6,
  CRL: 7,
  ARL: 8,
  SPKI: 9,
  X509_ATTRIBUTE: 10,
  RAW_RSA_KEY: 11,
  HASH_AND_URL_X509: 12,
  HASH_AND_URL_BUNDLE: 13,
  OCSP_CONTENT: 14,
  RAW_PUBLIC_KEY: 15,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [CertEncoding.PKCS7_WRAPPED_X509, "PKCS #7 wrapped X.509 certificate"],
  [CertEncoding.PGP, "PGP Certificate"],
  [CertEncoding.DNS_SIGNED_KEY, "DNS Signed Key"],
  [CertEncoding.X509_SIGNATURE, "X.509 Certificate - Signature"],
  [CertEncoding.KERBEROS_TOKEN, "Kerberos Token"],
  [CertEncoding.CRL, "Certificate Revocation List (CRL)"],
  [CertEncoding.ARL, "Authority Revocation List (ARL)"],
  [CertEncoding.SPKI, "SPKI Certificate"],
  [CertEncoding.X509_ATTRIBUTE, "X.509 Certificate - Attribute"],
  [CertEncoding.RAW_RSA_KEY, "Raw RSA Key"],
  [CertEncoding.HASH_AND_URL_X509, "Hash and URL of X.509 certificate"],
  [CertEncoding.HASH_AND_URL_BUNDLE, "Hash and URL of X.509 bundle"],
  [CertEncoding.OCSP_CONTENT, "OCSP Content"],
  [CertEncoding.RAW_PUBLIC_KEY, "Raw Public Key"],
]);

/** The name of a number, such as `X.509 Certificate - Signature`, or `unknown(201)` if the registry has none. */
export function nameOfCertEncoding(value: number): string {
  return nameIn(NAMES, value);
}
