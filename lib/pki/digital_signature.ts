/**
 * The authentication data of the method Digital Signature (RFC 7427 §3), and the choice of the scheme
 * by which this end signs.
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | ASN.1 Length  | AlgorithmIdentifier ASN.1 object              |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * ~ AlgorithmIdentifier ASN.1 object continuing                   ~
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                         Signature Value                       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * ```
 * @module
 */
import { concat, Reader } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import {
  CURVE_BITS,
  HASH_OCTETS,
  hashAlgorithmOf,
  type KeyKind,
  type SignatureHash,
  type SignatureScheme,
} from "@/crypto/signature.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { decodeSignatureAlgorithm, encodeSignatureAlgorithm } from "@/pki/algorithm.ts";

/** A signature with its scheme. */
export interface DigitalSignature {
  readonly scheme: SignatureScheme;
  readonly signature: Uint8Array;
}

/** Authentication data of the method Digital Signature; ECDSA must have been signed as `der`. */
export function encodeDigitalSignature({ scheme, signature }: DigitalSignature): Uint8Array {
  const algorithm = encodeSignatureAlgorithm(scheme);
  return concat(Uint8Array.of(algorithm.length), algorithm, signature);
}

/**
 * Reads authentication data of this method.
 * @throws {WireError} if it is too short, or its algorithm is not supported.
 */
export function decodeDigitalSignature(data: Uint8Array): DigitalSignature {
  const reader = new Reader(data);
  const scheme = decodeSignatureAlgorithm(reader.take(reader.u8()));
  const signature = reader.rest();
  if (signature.length === 0) {
    throw new WireError("Cannot read a digital signature, it has no value");
  }
  return { scheme, signature };
}

/** The inputs of the choice. */
export interface SchemeChoice {
  /** The hashes of this end, the preferred one first (`dshashalg`). */
  readonly hashes: readonly SignatureHash[];
  /** IANA's IKEv2 Hash Algorithms that the peer announced. */
  readonly announced: readonly number[];
  /** RSASSA-PSS instead of PKCS#1 v1.5 (`usersapss`). */
  readonly pss: boolean;
}

/**
 * The scheme by which this end signs with a key of this kind (RFC 7427 §4); undefined if the peer
 * announced none of its hashes, as nothing may be signed then.
 */
export function chooseScheme(
  kind: KeyKind,
  { hashes, announced, pss }: SchemeChoice,
): SignatureScheme | undefined {
  const schemes = kind === "rsa" || kind in CURVE_BITS
    ? hashes.map((hash) => schemeOf(kind, hash, pss))
    : [{ algorithm: kind } as SignatureScheme];
  return schemes.find((scheme) => announced.includes(hashAlgorithmOf(scheme)));
}

/**
 * The scheme of an authentication method that names its key and its hash: RSA Digital Signature
 * (RFC 7296 §3.8, SHA-1 there by default) and ECDSA (RFC 4754 §7). Undefined for other methods, and
 * if the key is of another kind.
 */
export function schemeOfMethod(method: number, kind: KeyKind): SignatureScheme | undefined {
  const found = METHODS.get(method);
  return found?.kind === kind ? found.scheme : undefined;
}

const METHODS: ReadonlyMap<number, { readonly kind: KeyKind; readonly scheme: SignatureScheme }> =
  new Map<number, { readonly kind: KeyKind; readonly scheme: SignatureScheme }>([
    [AuthMethod.RSA_DIGITAL_SIGNATURE, {
      kind: "rsa",
      scheme: { algorithm: "rsa-pkcs1", hash: "sha1" },
    }],
    [AuthMethod.ECDSA_SHA256_P256, ecdsa("p-256", "sha256")],
    [AuthMethod.ECDSA_SHA384_P384, ecdsa("p-384", "sha384")],
    [AuthMethod.ECDSA_SHA512_P521, ecdsa("p-521", "sha512")],
  ]);

function ecdsa(kind: KeyKind, hash: SignatureHash): { kind: KeyKind; scheme: SignatureScheme } {
  return { kind, scheme: { algorithm: "ecdsa", hash, encoding: "raw" } };
}

function schemeOf(kind: KeyKind, hash: SignatureHash, pss: boolean): SignatureScheme {
  if (kind !== "rsa") return { algorithm: "ecdsa", hash, encoding: "der" };
  // RFC 8017 §9.1: all implementations accept a salt that is as long as the hash.
  return pss
    ? { algorithm: "rsa-pss", hash, saltOctets: HASH_OCTETS[hash] }
    : { algorithm: "rsa-pkcs1", hash };
}
