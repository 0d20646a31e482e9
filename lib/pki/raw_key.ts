/**
 * Reads raw public keys of files (RFC 7670), which are trusted without a certificate.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { derBitString, derOid, derSequenceOf } from "@/base/der.ts";
import { must, WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { publicHalf } from "@/crypto/public_half.ts";
import {
  type PrivateKey,
  type PublicKey,
  showKind,
  type SigningKeyPair,
} from "@/crypto/signature.ts";
import { readCertificates } from "@/pki/certificate.ts";
import { pemOrDer } from "@/pki/pem.ts";
import { FIXED_KEYS, parsePublicKey } from "@/pki/public_key.ts";

const LABEL = "PUBLIC KEY";
/** The number of hex digits by which a key is named. */
const FINGERPRINT_DIGITS = 16;

/**
 * The public keys of a file: SubjectPublicKeyInfo as PEM or DER, and those of PEM certificates.
 * @throws {WireError} if it has none, or one cannot be used.
 */
export function readPublicKeys(file: Uint8Array): PublicKey[] {
  const parts = pemOrDer(file, LABEL);
  const bare = parts.filter(({ label }) => label === LABEL).map(({ der }) => parsePublicKey(der));
  const others = parts.every(({ label }) => label === LABEL) ? [] : readCertificates(file);
  const certified = others.map(({ publicKey, keyFault }) => {
    if (publicKey) return publicKey;
    throw new WireError(keyFault ?? "Cannot use the key of a certificate");
  });
  const keys = [...bare, ...certified];
  if (keys.length === 0) throw new WireError("Cannot find a public key, neither PEM nor DER");
  return keys;
}

/** A private key with its public half. @throws {SignatureError} (rejects) if it has none. */
export async function pairOf(privateKey: PrivateKey): Promise<SigningKeyPair> {
  const half = await publicHalf(privateKey);
  if ("spki" in half) return { privateKey, publicKey: parsePublicKey(half.spki) };
  const oid = FIXED_KEYS.find(({ kind }) => kind === privateKey.kind)?.oid;
  must(oid !== undefined, "ML-DSA is among the keys whose OID says all");
  const spki = derSequenceOf(derSequenceOf(derOid(oid)), derBitString(half.bare));
  return { privateKey, publicKey: parsePublicKey(spki) };
}

/** The name of a key for users: `ECDSA P-256 key with SHA-256 0123456789abcdef…`, the hash of its SubjectPublicKeyInfo. */
export function showPublicKey({ kind, spki }: PublicKey, { sha256 }: CryptoBackend): string {
  const hash = toHex(sha256(spki)).slice(0, FINGERPRINT_DIGITS);
  return `${showKind(kind)} key with SHA-256 ${hash}…`;
}
