/**
 * Algorithms that only old protocols need: MD4 and DES for MSCHAPv2 (RFC 2759), MD5 for EAP and RADIUS,
 * single blocks of AES for Milenage, and the generator of EAP-SIM. Each is weak or incomplete by itself, and
 * nothing else may use it.
 * @module
 */
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { _SHA1, md5 as shortMd5 } from "@noble/hashes/legacy.js";
import { concat } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import { Hmac, plain } from "@/crypto/portable_hash.ts";

const HMAC_MD5 = new Hmac("md5");
const HMAC_SHA1 = new Hmac("sha1");
const HMAC_SHA256 = new Hmac("sha256");

/** MD4, 16 octets (RFC 1320). */
export function md4(data: Uint8Array): Uint8Array {
  return plain(createHash("md4").update(data).digest());
}

/** MD5, 16 octets (RFC 1321). */
export function md5(data: Uint8Array): Uint8Array {
  return shortMd5(data);
}

/** HMAC-MD5, 16 octets (RFC 2104). */
export function hmacMd5(key: Uint8Array, data: Uint8Array): Uint8Array {
  return HMAC_MD5.compute(key, data);
}

/** HMAC-SHA-1, 20 octets. */
export function hmacSha1(key: Uint8Array, data: Uint8Array): Uint8Array {
  return HMAC_SHA1.compute(key, data);
}

/** HMAC-SHA-256, 32 octets. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return HMAC_SHA256.compute(key, data);
}

/**
 * Encrypts one block of 8 octets by DES under a key of 8 octets, whose parity bits are ignored (FIPS 46-3).
 * The runtime only has three-key DES, which is DES if all three keys are equal.
 */
export function desEncryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  must(key.length === 8 && block.length === 8, "a DES key and a block of 8 octets");
  const cipher = createCipheriv("des-ede3-cbc", concat(key, key, key), new Uint8Array(8));
  cipher.setAutoPadding(false);
  return concat(plain(cipher.update(block)), plain(cipher.final()));
}

/** Encrypts one block of 16 octets by AES-128 under a key of 16 octets (FIPS 197). */
export function aesEncryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  must(key.length === 16 && block.length === 16, "an AES-128 key and a block of 16 octets");
  return aesCbcEncrypt(key, new Uint8Array(16), block);
}

/** Encrypts whole blocks by AES-128-CBC without padding (RFC 4187 §10.12). */
export function aesCbcEncrypt(key: Uint8Array, iv: Uint8Array, blocks: Uint8Array): Uint8Array {
  must(blocks.length % 16 === 0, "whole blocks of 16 octets");
  const cipher = createCipheriv("aes-128-cbc", key, iv);
  cipher.setAutoPadding(false);
  return concat(plain(cipher.update(blocks)), plain(cipher.final()));
}

/** Decrypts what {@linkcode aesCbcEncrypt} has encrypted. */
export function aesCbcDecrypt(key: Uint8Array, iv: Uint8Array, blocks: Uint8Array): Uint8Array {
  must(blocks.length % 16 === 0, "whole blocks of 16 octets");
  const cipher = createDecipheriv("aes-128-cbc", key, iv);
  cipher.setAutoPadding(false);
  return concat(plain(cipher.update(blocks)), plain(cipher.final()));
}

/**
 * The compression function of SHA-1 over one block of 64 octets from the initial state, without the
 * padding of SHA-1: the function G of FIPS 186-2 with change notice 1, Appendix 3.3.
 * @returns 20 octets.
 */
export function sha1Compress(block: Uint8Array): Uint8Array {
  must(block.length === 64, "a block of 64 octets");
  return new Compression().of(block);
}

/** Gives access to the state of SHA-1 after one block. */
class Compression extends _SHA1 {
  of(block: Uint8Array): Uint8Array {
    this.process(new DataView(block.buffer, block.byteOffset, block.length), 0);
    const words = new DataView(new ArrayBuffer(20));
    this.get().forEach((word, i) => words.setUint32(4 * i, word));
    return new Uint8Array(words.buffer);
  }
}
