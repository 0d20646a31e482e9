/**
 * Verifies RSA signatures of keys beyond 4096 bits (RFC 8017 §8), which neither WebCrypto nor `node:crypto`
 * accepts here. As a public exponent has at most 32 bits, this takes milliseconds, and nothing in it is
 * secret. Only the native backend signs with such keys.
 * @module
 */
import { createHash } from "node:crypto";
import { concat, fromHex, sameOctets, toHex } from "@/base/bytes.ts";
import { derSequence, Tag } from "@/base/der.ts";
import { must } from "@/base/errors.ts";
import {
  HASH_OCTETS,
  type PublicKey,
  type SignatureHash,
  type SignatureScheme,
} from "@/crypto/signature.ts";

/** The encoding of DigestInfo before the hash (RFC 8017 §9.2, note 1). */
const DIGEST_INFO: Readonly<Record<SignatureHash, string>> = {
  sha1: "3021300906052b0e03021a05000414",
  sha256: "3031300d060960864801650304020105000420",
  sha384: "3041300d060960864801650304020205000430",
  sha512: "3051300d060960864801650304020305000440",
};

/** Verifies an RSA signature as long as the modulus. */
export function verifyLargeRsa(
  key: PublicKey,
  scheme: SignatureScheme,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  must(scheme.algorithm === "rsa-pkcs1" || scheme.algorithm === "rsa-pss", "a scheme of RSA");
  const { modulus, exponent } = numbersOf(key);
  const value = toBigInt(signature);
  if (value >= modulus) return false;
  const encoded = toOctets(power(value, exponent, modulus), signature.length);
  const hashed = digest(scheme.hash, data);
  return scheme.algorithm === "rsa-pkcs1"
    ? sameOctets(encoded, pkcs1Encoding(scheme.hash, hashed, encoded.length))
    : isPss(encoded, key.bits - 1, { ...scheme, hashed });
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2). */
function pkcs1Encoding(hash: SignatureHash, hashed: Uint8Array, octets: number): Uint8Array {
  const tail = concat(Uint8Array.of(0), fromHex(DIGEST_INFO[hash])!, hashed);
  const padding = new Uint8Array(octets - tail.length - 2).fill(0xff);
  return concat(Uint8Array.of(0, 1), padding, tail);
}

/** Checks EMSA-PSS (RFC 8017 §9.1.2) for an encoded message of at most `bits` bits. */
function isPss(
  encoded: Uint8Array,
  bits: number,
  { hash, hashed, saltOctets }: {
    readonly hash: SignatureHash;
    readonly hashed: Uint8Array;
    readonly saltOctets: number;
  },
): boolean {
  const length = Math.ceil(bits / 8);
  const from = encoded.length - length;
  const hashOctets = HASH_OCTETS[hash];
  if (encoded.subarray(0, from).some((octet) => octet > 0)) return false;
  const message = encoded.subarray(from);
  const split = length - hashOctets - 1;
  if (message.at(-1) !== 0xbc || split < saltOctets + 1) return false;
  const block = message.slice(0, split);
  const seed = message.subarray(split, -1);
  const unused = 8 * length - bits;
  if (block[0]! >> (8 - unused) !== 0 && unused > 0) return false;
  const mask = mgf1(hash, seed, split);
  for (let i = 0; i < split; i++) block[i]! ^= mask[i]!;
  block[0]! &= 0xff >> unused;
  const salt = block.subarray(split - saltOctets);
  const zeros = block.subarray(0, split - saltOctets - 1);
  if (zeros.some((octet) => octet > 0) || block[split - saltOctets - 1] !== 1) return false;
  return sameOctets(seed, digest(hash, concat(new Uint8Array(8), hashed, salt)));
}

/** MGF1 (RFC 8017 appendix B.2.1). */
function mgf1(hash: SignatureHash, seed: Uint8Array, octets: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let counter = 0; counter * HASH_OCTETS[hash] < octets; counter++) {
    parts.push(digest(hash, concat(seed, toOctets(BigInt(counter), 4))));
  }
  return concat(...parts).subarray(0, octets);
}

function numbersOf({ spki }: PublicKey): { modulus: bigint; exponent: bigint } {
  const outer = derSequence(spki, "a key");
  outer.contents(Tag.SEQUENCE, "a key");
  const inner = derSequence(outer.bitString("a key"), "a key");
  const modulus = toBigInt(inner.unsigned("a modulus"));
  return { modulus, exponent: toBigInt(inner.unsigned("an exponent")) };
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = result * square % modulus;
    square = square * square % modulus;
  }
  return result;
}

function digest(hash: SignatureHash, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash(hash).update(data).digest());
}

function toBigInt(octets: Uint8Array): bigint {
  return BigInt(`0x${toHex(octets)}`);
}

function toOctets(value: bigint, octets: number): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * octets, "0"))!;
}
