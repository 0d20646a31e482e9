/**
 * HMAC (RFC 2104) and hashes of the portable backend. Each hash has two implementations: a call of
 * `node:crypto` takes 13–20 µs for any length, the JavaScript one begins at 10 µs and grows with the length.
 * Measured on Deno 2.9, the latter is faster for MD5, SHA-1 and SHA-256 up to about 300 octets.
 * @module
 */
import { createHash, createHmac } from "node:crypto";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** The hashes that HMAC is used with. */
export type HashName = "md5" | "sha1" | "sha256" | "sha384" | "sha512";

/** Hashes in JavaScript. SHA-384 and SHA-512 are never faster there. */
const SHORT_HASHES = { md5, sha1, sha256 } as const;
const SHORT_HMAC_MAX = 256;
const SHORT_HASH_MAX = 64;

/** HMAC with one hash, in both implementations. */
export class Hmac {
  readonly #short: typeof sha256 | typeof sha1 | typeof md5 | undefined;
  constructor(readonly hash: HashName) {
    this.#short = hash === "sha384" || hash === "sha512" ? undefined : SHORT_HASHES[hash];
  }

  /** Computes HMAC(key, data), not truncated. */
  compute(key: Uint8Array, data: Uint8Array): Uint8Array {
    if (this.#short && data.length <= SHORT_HMAC_MAX) return hmac(this.#short, key, data);
    return plain(createHmac(this.hash, key).update(data).digest());
  }

  /**
   * A function that computes HMAC(key, part ‖ part ‖ …) for one key, which is prepared once if the
   * implementation allows that.
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

/** The octets of a Buffer as a plain Uint8Array, whose methods differ from those of Buffer. */
export function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
