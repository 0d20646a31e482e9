/**
 * Signatures by `node:crypto` for kinds of keys that WebCrypto lacks: P-224 and Ed448.
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import type { PrivateKey, PublicKey, SignatureScheme } from "@/crypto/signature.ts";
import { type BareSignatures, unusableKey } from "@/crypto/signature_rules.ts";

/** Signatures by `node:crypto`, only of P-224 and Ed448. */
export function nodeSignatures(): BareSignatures {
  const loaded = new WeakMap<PrivateKey | PublicKey, KeyObject>();
  const load = (key: PrivateKey | PublicKey) => {
    const known = loaded.get(key);
    if (known) return known;
    const made = importKey(key);
    loaded.set(key, made);
    return made;
  };
  return {
    has: (kind) => kind === "p-224" || kind === "ed448",
    sign: (key, scheme, data) =>
      new Uint8Array(sign(hashOf(scheme), data, { key: load(key), dsaEncoding: "ieee-p1363" })),
    verify: (key, scheme, data, signature) => {
      const how = { key: load(key), dsaEncoding: "ieee-p1363" as const };
      return verify(hashOf(scheme), data, how, signature);
    },
    generate: (kind) => {
      const { publicKey, privateKey } = kind === "ed448"
        ? generateKeyPairSync("ed448")
        : generateKeyPairSync("ec", { namedCurve: "P-224" });
      const pkcs8 = new Uint8Array(privateKey.export({ type: "pkcs8", format: "der" }));
      const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
      const bits = kind === "ed448" ? 456 : 224;
      return {
        privateKey: { kind, bits, pkcs8 },
        publicKey: { kind, bits, spki },
      };
    },
  };
}

/** The name of the hash; null if the algorithm hashes by itself. */
function hashOf(scheme: SignatureScheme): string | null {
  return "hash" in scheme ? scheme.hash : null;
}

/** Imports a key. @throws {SignatureError} if it is none. */
function importKey(key: PrivateKey | PublicKey): KeyObject {
  try {
    return "pkcs8" in key
      ? createPrivateKey({ key: key.pkcs8 as never, format: "der", type: "pkcs8" })
      : createPublicKey({ key: key.spki as never, format: "der", type: "spki" });
  } catch {
    throw unusableKey(key);
  }
}
