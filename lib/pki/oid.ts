/**
 * Object identifiers of certificates, keys, revocation lists and OCSP, in dotted form.
 * @module
 */

/** Attribute types that have a meaning of their own here. */
export const AttributeType = {
  COMMON_NAME: "2.5.4.3",
  EMAIL_ADDRESS: "1.2.840.113549.1.9.1",
} as const;

/** Extensions of certificates, revocation lists and their entries (RFC 5280 §4.2, §5.2, §5.3). */
export const Extension = {
  SUBJECT_KEY_IDENTIFIER: "2.5.29.14",
  KEY_USAGE: "2.5.29.15",
  SUBJECT_ALT_NAME: "2.5.29.17",
  ISSUER_ALT_NAME: "2.5.29.18",
  BASIC_CONSTRAINTS: "2.5.29.19",
  CRL_NUMBER: "2.5.29.20",
  REASON_CODE: "2.5.29.21",
  INVALIDITY_DATE: "2.5.29.24",
  DELTA_CRL_INDICATOR: "2.5.29.27",
  ISSUING_DISTRIBUTION_POINT: "2.5.29.28",
  CERTIFICATE_ISSUER: "2.5.29.29",
  NAME_CONSTRAINTS: "2.5.29.30",
  CRL_DISTRIBUTION_POINTS: "2.5.29.31",
  CERTIFICATE_POLICIES: "2.5.29.32",
  POLICY_MAPPINGS: "2.5.29.33",
  AUTHORITY_KEY_IDENTIFIER: "2.5.29.35",
  POLICY_CONSTRAINTS: "2.5.29.36",
  EXTENDED_KEY_USAGE: "2.5.29.37",
  FRESHEST_CRL: "2.5.29.46",
  INHIBIT_ANY_POLICY: "2.5.29.54",
  AUTHORITY_INFO_ACCESS: "1.3.6.1.5.5.7.1.1",
  OCSP_NO_CHECK: "1.3.6.1.5.5.7.48.1.5",
  OCSP_NONCE: "1.3.6.1.5.5.7.48.1.2",
} as const;

/** Purposes of extendedKeyUsage (RFC 5280 §4.2.1.12, RFC 4945 §5.1.3.12). */
export const Purpose = {
  ANY: "2.5.29.37.0",
  SERVER_AUTH: "1.3.6.1.5.5.7.3.1",
  CLIENT_AUTH: "1.3.6.1.5.5.7.3.2",
  IPSEC_END_SYSTEM: "1.3.6.1.5.5.7.3.5",
  IPSEC_TUNNEL: "1.3.6.1.5.5.7.3.6",
  IPSEC_USER: "1.3.6.1.5.5.7.3.7",
  OCSP_SIGNING: "1.3.6.1.5.5.7.3.9",
  IPSEC_IKE: "1.3.6.1.5.5.7.3.17",
} as const;

/** anyPolicy, which stands for all policies (RFC 5280 §4.2.1.4). */
export const ANY_POLICY = "2.5.29.32.0";

/** Key and signature algorithms (RFC 3279, 4055, 5480, 8410, FIPS 204). */
export const Algorithm = {
  RSA: "1.2.840.113549.1.1.1",
  RSA_OAEP: "1.2.840.113549.1.1.7",
  MGF1: "1.2.840.113549.1.1.8",
  RSA_PSS: "1.2.840.113549.1.1.10",
  RSA_SHA1: "1.2.840.113549.1.1.5",
  RSA_SHA256: "1.2.840.113549.1.1.11",
  RSA_SHA384: "1.2.840.113549.1.1.12",
  RSA_SHA512: "1.2.840.113549.1.1.13",
  EC: "1.2.840.10045.2.1",
  ECDSA_SHA1: "1.2.840.10045.4.1",
  ECDSA_SHA256: "1.2.840.10045.4.3.2",
  ECDSA_SHA384: "1.2.840.10045.4.3.3",
  ECDSA_SHA512: "1.2.840.10045.4.3.4",
  ED25519: "1.3.101.112",
  ED448: "1.3.101.113",
  ML_DSA_44: "2.16.840.1.101.3.4.3.17",
  ML_DSA_65: "2.16.840.1.101.3.4.3.18",
  ML_DSA_87: "2.16.840.1.101.3.4.3.19",
  SHA1: "1.3.14.3.2.26",
  SHA256: "2.16.840.1.101.3.4.2.1",
  SHA384: "2.16.840.1.101.3.4.2.2",
  SHA512: "2.16.840.1.101.3.4.2.3",
} as const;

/** Algorithms that are refused, with their names for the refusal. */
export const UNSUPPORTED_NAMES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.10040.4.1", "DSA"],
  ["1.2.840.10040.4.3", "DSA with SHA-1"],
  ["1.2.840.113549.1.1.2", "RSA with MD2"],
  ["1.2.840.113549.1.1.4", "RSA with MD5"],
  ["1.2.840.113549.1.1.14", "RSA with SHA-224"],
  ["1.2.840.10045.4.3.1", "ECDSA with SHA-224"],
  ["2.16.840.1.101.3.4.3.2", "DSA with SHA-256"],
]);

/** Named curves of ECDSA keys (RFC 5480 §2.1.1.1). */
export const CURVES: ReadonlyMap<string, "p-224" | "p-256" | "p-384" | "p-521"> = new Map([
  ["1.3.132.0.33", "p-224"],
  ["1.2.840.10045.3.1.7", "p-256"],
  ["1.3.132.0.34", "p-384"],
  ["1.3.132.0.35", "p-521"],
]);

/** OCSP: the access method, and the one type of response (RFC 6960 §3.1, §4.2.1). */
export const Ocsp = {
  ACCESS: "1.3.6.1.5.5.7.48.1",
  BASIC_RESPONSE: "1.3.6.1.5.5.7.48.1.1",
} as const;
