/**
 * Signing keys, signature schemes, and which of them fit each other. Keys and schemes are plain data, so that
 * a job can be queued, recorded and sent to a worker. A backend parses a key once, and keeps the result as
 * long as the record lives.
 *
 * `lib/pki/public_key.ts` and `lib/pki/private_key.ts` make the DER of a key: checked, and in one form for
 * each kind, so that both backends get the same.
 * @module
 */
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";

/** A hash that signatures are made over. */
export type SignatureHash = "sha1" | "sha256" | "sha384" | "sha512";

/** The kinds of signing keys, with their curve or parameter set. ML-DSA (FIPS 204) is experimental. */
export type KeyKind =
  | "rsa"
  | "p-224"
  | "p-256"
  | "p-384"
  | "p-521"
  | "ed25519"
  | "ed448"
  | "ml-dsa-44"
  | "ml-dsa-65"
  | "ml-dsa-87";

/** A public key. */
export interface PublicKey {
  readonly kind: KeyKind;
  /** Bits of the modulus of an RSA key, of the curve's field, or of the parameter set's public key. */
  readonly bits: number;
  /** SubjectPublicKeyInfo (RFC 5280 §4.1) in DER; that of an RSA key always has rsaEncryption. */
  readonly spki: Uint8Array;
}

/** A private key. */
export interface PrivateKey {
  readonly kind: KeyKind;
  /** The same as in {@linkcode PublicKey}. */
  readonly bits: number;
  /** PrivateKeyInfo (PKCS#8, RFC 5208), DER, not encrypted. */
  readonly pkcs8: Uint8Array;
}

/** A private key and its public half. */
export interface SigningKeyPair {
  readonly privateKey: PrivateKey;
  readonly publicKey: PublicKey;
}

/** A signature scheme: the content of an AlgorithmIdentifier of RFC 7427 or of a certificate. */
export type SignatureScheme =
  /** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2). */
  | { readonly algorithm: "rsa-pkcs1"; readonly hash: SignatureHash }
  /** RSASSA-PSS (RFC 8017 §8.1), with MGF1 over the same hash. */
  | {
    readonly algorithm: "rsa-pss";
    readonly hash: SignatureHash;
    /** Octets of salt. */
    readonly saltOctets: number;
  }
  /**
   * ECDSA. `raw` is r ‖ s, each as long as the curve's order (RFC 4754 §7); `der` is ECDSA-Sig-Value (RFC
   * 3279 §2.2.3), as in certificates and in RFC 7427.
   */
  | {
    readonly algorithm: "ecdsa";
    readonly hash: SignatureHash;
    readonly encoding: "raw" | "der";
  }
  /** Pure EdDSA over the message itself (RFC 8032, RFC 8420), and pure ML-DSA without a context. */
  | {
    readonly algorithm: "ed25519" | "ed448" | "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87";
  };

/** Signatures as a backend computes them; see `lib/crypto/backend.ts`. */
export interface Signatures {
  /** Whether keys of this kind can be used. */
  has(kind: KeyKind): boolean;
  /**
   * Hashes and signs `data`.
   * @throws {SignatureError} (or rejects) if the scheme does not fit the key ({@linkcode fits}), or the key
   * cannot sign with it, as an RSA modulus that is too short for the hash.
   */
  sign(
    key: PrivateKey,
    scheme: SignatureScheme,
    data: Uint8Array,
  ): Promise<Uint8Array> | Uint8Array;
  /**
   * Verifies `signature` over `data`; false also for a signature of a wrong length or form, and if the scheme
   * does not fit the key.
   * @throws {SignatureError} (or rejects) if the key itself is refused, such as a point that is not on its
   * curve.
   */
  verify(
    key: PublicKey,
    scheme: SignatureScheme,
    data: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean> | boolean;
  /** Generates a key pair; `rsaBits` is only used for RSA and is from 2048 to 16,384. */
  generate(kind: KeyKind, rsaBits?: number): Promise<SigningKeyPair> | SigningKeyPair;
}

/** A key that cannot be used, or not for this purpose. */
export class SignatureError extends Error {
  override name = "SignatureError";
}

/** Octets of each hash. */
export const HASH_OCTETS: Readonly<Record<SignatureHash, number>> = {
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** Bits of the field of each curve. */
export const CURVE_BITS: Readonly<Partial<Record<KeyKind, number>>> = {
  "p-224": 224,
  "p-256": 256,
  "p-384": 384,
  "p-521": 521,
};

/** Whether a key of this kind signs by this scheme. */
export function fits(kind: KeyKind, scheme: SignatureScheme): boolean {
  switch (scheme.algorithm) {
    case "rsa-pkcs1":
    case "rsa-pss":
      return kind === "rsa";
    case "ecdsa":
      return kind in CURVE_BITS;
    default:
      return kind === scheme.algorithm;
  }
}

/** The IANA number (IKEv2 Hash Algorithms) that a peer must have announced for a scheme (RFC 7427 §4). */
export function hashAlgorithmOf(scheme: SignatureScheme): number {
  // EdDSA hashes by itself, which is announced as Identity (RFC 8420 §2); ML-DSA is treated the same.
  if (!("hash" in scheme)) return HashAlgorithm.IDENTITY;
  return HASH_ALGORITHMS[scheme.hash];
}

/** The IANA number of each hash. */
export const HASH_ALGORITHMS: Readonly<Record<SignatureHash, number>> = {
  sha1: HashAlgorithm.SHA1,
  sha256: HashAlgorithm.SHA2_256,
  sha384: HashAlgorithm.SHA2_384,
  sha512: HashAlgorithm.SHA2_512,
};

/** A scheme as users read it: `RSASSA-PSS with SHA-256`, `ECDSA with SHA-384`, `Ed25519`. */
export function showScheme(scheme: SignatureScheme): string {
  switch (scheme.algorithm) {
    case "rsa-pkcs1":
      return `RSASSA-PKCS1-v1_5 with ${showHash(scheme.hash)}`;
    case "rsa-pss":
      return `RSASSA-PSS with ${showHash(scheme.hash)}`;
    case "ecdsa":
      return `ECDSA with ${showHash(scheme.hash)}`;
    default:
      return showKind(scheme.algorithm);
  }
}

/** A kind of key as users read it: `RSA`, `ECDSA P-256`, `Ed25519`, `ML-DSA-44`. */
export function showKind(kind: KeyKind): string {
  if (kind in CURVE_BITS) return `ECDSA ${kind.toUpperCase()}`;
  if (kind === "ed25519" || kind === "ed448") return kind.replace("ed", "Ed");
  return kind.toUpperCase();
}

function showHash(hash: SignatureHash): string {
  return hash.toUpperCase().replace("SHA", "SHA-");
}
