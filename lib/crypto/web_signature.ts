/**
 * Signatures by WebCrypto, which computes them off the event loop: NIST curves except P-224, RSA up to 4096
 * bits, Ed25519, and ML-DSA, which nothing else has.
 * @module
 */
import { must } from "@/base/errors.ts";
import type {
  KeyKind,
  PrivateKey,
  PublicKey,
  SignatureHash,
  SignatureScheme,
  SigningKeyPair,
} from "@/crypto/signature.ts";
import { type BareSignatures, unusableKey } from "@/crypto/signature_rules.ts";

const HASHES: Readonly<Record<SignatureHash, string>> = {
  sha1: "SHA-1",
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};

const NAMES: Readonly<Partial<Record<KeyKind, string>>> = {
  "p-256": "P-256",
  "p-384": "P-384",
  "p-521": "P-521",
  "ed25519": "Ed25519",
  "ml-dsa-44": "ML-DSA-44",
  "ml-dsa-65": "ML-DSA-65",
  "ml-dsa-87": "ML-DSA-87",
};

/** The RSA exponent 65,537, big-endian. */
const RSA_EXPONENT = Uint8Array.of(1, 0, 1);
/** Imported keys of one record, as RSA needs one for each padding and hash. */
type Loaded = Map<string, Promise<CryptoKey>>;

/** Signatures by WebCrypto. */
export function webSignatures(): BareSignatures {
  const loaded = new WeakMap<PrivateKey | PublicKey, Loaded>();
  const load = (key: PrivateKey | PublicKey, scheme: SignatureScheme) => {
    const keys = loaded.get(key) ?? new Map();
    loaded.set(key, keys);
    const name = JSON.stringify(algorithmOf(key.kind, scheme));
    const known = keys.get(name);
    if (known) return known;
    const made = importKey(key, scheme);
    keys.set(name, made);
    return made;
  };
  return {
    has: (kind) => kind === "rsa" || kind in NAMES,
    sign: async (key, scheme, data) => {
      const loadedKey = await load(key, scheme);
      const parameters = parametersOf(key.kind, scheme);
      try {
        return new Uint8Array(await crypto.subtle.sign(parameters, loadedKey, own(data)));
      } catch {
        throw unusableKey(key);
      }
    },
    verify: async (key, scheme, data, signature) => {
      const loadedKey = await load(key, scheme);
      const parameters = parametersOf(key.kind, scheme);
      return await crypto.subtle.verify(parameters, loadedKey, own(signature), own(data));
    },
    generate,
  };
}

async function generate(kind: KeyKind, rsaBits?: number): Promise<SigningKeyPair> {
  const algorithm = kind === "rsa"
    ? {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: rsaBits!,
      publicExponent: RSA_EXPONENT,
      hash: "SHA-256",
    }
    : kind.startsWith("p-")
    ? { name: "ECDSA", namedCurve: NAMES[kind]! }
    : { name: NAMES[kind]! };
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  must("privateKey" in pair, "WebCrypto makes pairs for signatures");
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  const bits = kind === "rsa" ? rsaBits! : bitsOf(kind, spki);
  return { privateKey: { kind, bits, pkcs8 }, publicKey: { kind, bits, spki } };
}

async function importKey(key: PrivateKey | PublicKey, scheme: SignatureScheme): Promise<CryptoKey> {
  const algorithm = algorithmOf(key.kind, scheme);
  try {
    return "pkcs8" in key
      ? await crypto.subtle.importKey("pkcs8", own(key.pkcs8), algorithm, false, ["sign"])
      : await crypto.subtle.importKey("spki", own(key.spki), algorithm, false, ["verify"]);
  } catch {
    // WebCrypto throws different classes of errors for different defects of a key.
    throw unusableKey(key);
  }
}

/** The algorithm for which a key is imported. */
function algorithmOf(kind: KeyKind, scheme: SignatureScheme): {
  readonly name: string;
  readonly namedCurve?: string;
  readonly hash?: string;
} {
  if (scheme.algorithm === "rsa-pkcs1" || scheme.algorithm === "rsa-pss") {
    return { name: rsaName(scheme.algorithm), hash: HASHES[scheme.hash] };
  }
  return kind.startsWith("p-")
    ? { name: "ECDSA", namedCurve: NAMES[kind]! }
    : { name: NAMES[kind]! };
}

/** The parameters of a signature. */
function parametersOf(kind: KeyKind, scheme: SignatureScheme): {
  readonly name: string;
  readonly saltLength?: number;
  readonly hash?: string;
} {
  switch (scheme.algorithm) {
    case "rsa-pkcs1":
      return { name: rsaName(scheme.algorithm) };
    case "rsa-pss":
      return { name: rsaName(scheme.algorithm), saltLength: scheme.saltOctets };
    case "ecdsa":
      return { name: "ECDSA", hash: HASHES[scheme.hash] };
    default:
      return { name: NAMES[kind]! };
  }
}

function rsaName(algorithm: "rsa-pkcs1" | "rsa-pss"): string {
  return algorithm === "rsa-pss" ? "RSA-PSS" : "RSASSA-PKCS1-v1_5";
}

/** The value of `PublicKey.bits`, from the length of SubjectPublicKeyInfo for keys of fixed length. */
function bitsOf(kind: KeyKind, spki: Uint8Array): number {
  if (kind.startsWith("p-")) return Number(kind.slice(2));
  return kind === "ed25519" ? 256 : 8 * (spki.length - 22);
}

/** Narrows a type: this program makes no arrays of shared memory, which WebCrypto's types exclude. */
function own(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  return octets as Uint8Array<ArrayBuffer>;
}
