/**
 * HMAC (RFC 2104) and hashes of the portable backend. Two implementations serve each hash: a call
 * of `node:crypto` costs 13–20 µs whatever the length, the JavaScript one starts at 10 µs and grows
 * with it. Measured on Deno 2.9, the latter wins for MD5, SHA-1 and SHA-256 up to some 300 octets.
 * @module
 */
import { createHash, createHmac } from "node:crypto";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** The hashes that HMAC is built on here. */
export type HashName = "md5" | "sha1" | "sha256" | "sha384" | "sha512";

/** SHA-384 and SHA-512 are missing: in JavaScript they never win. */
const SHORT_HASHES = { md5, sha1, sha256 } as const;
const SHORT_HMAC_MAX = 256;
const SHORT_HASH_MAX = 64;

/** HMAC under one hash, with both ways to compute it. */
export class Hmac {
  readonly #short: typeof sha256 | typeof sha1 | typeof md5 | undefined;
  constructor(readonly hash: HashName) {
    this.#short = hash === "sha384" || hash === "sha512" ? undefined : SHORT_HASHES[hash];
  }

  /** HMAC(key, data), not truncated. */
  compute(key: Uint8Array, data: Uint8Array): Uint8Array {
    if (this.#short && data.length <= SHORT_HMAC_MAX) return hmac(this.#short, key, data);
    return plain(createHmac(this.hash, key).update(data).digest());
  }

  /**
   * A function that computes HMAC(key, part ‖ part ‖ …) for one key, which is prepared only once
   * where the implementation allows.
   */
  keyed(key: Uint8Array): (parts: readonly Uint8Array[]) => Uint8Array {
    if (!this.#short) {
      return (parts) => {
        const mac = createHmac(this.hash, key);
        for (const part of parts) mac.update(part);
        return plain(mac.digest());
      };
    }
    const prepared = hmac.create(this.#short, key);
    return (parts) => {
      const mac = prepared.clone();
      for (const part of parts) mac.update(part);
      return mac.digest();
    };
  }
}

/** SHA-1, 20 octets. */
export function portableSha1(data: Uint8Array): Uint8Array {
  if (data.length <= SHORT_HASH_MAX) return sha1(data);
  return plain(createHash("sha1").update(data).digest());
}

/** SHA-256, 32 octets. */
export function portableSha256(data: Uint8Array): Uint8Array {
  return plain(createHash("sha256").update(data).digest());
}

/** The octets of a Buffer as what they are, so that no Buffer method is met by surprise. */
export function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
