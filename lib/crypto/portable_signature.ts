/**
 * Signatures of the portable backend: by WebCrypto, off the event loop, if it has the key's kind, otherwise
 * by `node:crypto`, at once. What both lack is computed by an audited library.
 * @module
 */
import { createHash } from "node:crypto";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { verifyLargeRsa } from "@/crypto/large_rsa.ts";
import { nodeSignatures } from "@/crypto/node_signature.ts";
import {
  type KeyKind,
  type PrivateKey,
  type PublicKey,
  SignatureError,
  type Signatures,
  type SignatureScheme,
} from "@/crypto/signature.ts";
import {
  type BareSignatures,
  orderOctets,
  unusableKey,
  withRules,
} from "@/crypto/signature_rules.ts";
import { webSignatures } from "@/crypto/web_signature.ts";

/** Signatures without the shim. */
export function portableSignatures(): Signatures {
  const web = webSignatures();
  const node = nodeSignatures();
  const of = (kind: KeyKind, scheme?: SignatureScheme) =>
    node.has(kind) ? node : scheme && isShort(kind, scheme) ? SHORT_HASHES : web;
  const checked = new WeakSet<PublicKey>();
  return withRules({
    has: (kind) => of(kind).has(kind),
    sign: (key, scheme, data) => {
      if (isLarge(key)) throw tooLarge(key.bits);
      return of(key.kind, scheme).sign(key, scheme, data);
    },
    verify: (key, scheme, data, signature) => {
      if (isLarge(key)) return verifyLargeRsa(key, scheme, data, signature);
      if (!checked.has(key)) checkPoint(key);
      checked.add(key);
      return of(key.kind, scheme).verify(key, scheme, data, signature);
    },
    generate: (kind, rsaBits = 0) => {
      if (kind === "rsa" && rsaBits > RSA_BITS_MAX) throw tooLarge(rsaBits);
      return of(kind).generate(kind, rsaBits);
    },
  });
}

/** The most bits of an RSA modulus that WebCrypto accepts. */
const RSA_BITS_MAX = 4096;

function isLarge({ kind, bits }: PrivateKey | PublicKey): boolean {
  return kind === "rsa" && bits > RSA_BITS_MAX;
}

function tooLarge(bits: number): SignatureError {
  return new SignatureError(
    `Cannot sign by an RSA key of ${bits} bits: the portable crypto backend does up to ${RSA_BITS_MAX}`,
  );
}

const CURVES = { "p-256": p256, "p-384": p384, "p-521": p521 } as const;

/** Checks that a point is on its curve, as WebCrypto accepts others and then rejects every signature. */
function checkPoint(key: PublicKey): void {
  if (!(key.kind in CURVES)) return;
  const curve = CURVES[key.kind as keyof typeof CURVES];
  if (!curve.utils.isValidPublicKey(pointOf(key), false)) throw unusableKey(key);
}

/** Whether the hash is shorter than half of P-384's order, which WebCrypto refuses and X9.62 allows. */
function isShort(kind: KeyKind, scheme: SignatureScheme): boolean {
  return kind === "p-384" && scheme.algorithm === "ecdsa" && scheme.hash === "sha1";
}

/** Signatures of ECDSA P-384 over SHA-1 only. */
const SHORT_HASHES: BareSignatures = {
  has: (kind) => kind === "p-384",
  sign: (key, _scheme, data) => p384.sign(sha1(data), valueOf(key), BARE),
  verify: (key, _scheme, data, signature) => p384.verify(signature, sha1(data), pointOf(key), BARE),
  generate: () => {
    throw unusableKey({ kind: "p-384" });
  },
};

/** Options of the library: the hash is given, and s may be in both halves of the order. */
const BARE = { prehash: false, lowS: false } as const;

function sha1(data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha1").update(data).digest());
}

/** The uncompressed point, at the end of a SubjectPublicKeyInfo. */
function pointOf({ kind, spki }: PublicKey): Uint8Array {
  return spki.subarray(spki.length - 2 * orderOctets(kind) - 1);
}

/** The private value in PKCS#8: the octet string of the length of the order. */
function valueOf({ kind, pkcs8 }: PrivateKey): Uint8Array {
  const octets = orderOctets(kind);
  // An ECPrivateKey begins with version 1 and this octet string (RFC 5915 §3).
  for (let at = 0; at + 5 + octets <= pkcs8.length; at++) {
    const isHere = pkcs8[at] === 2 && pkcs8[at + 1] === 1 && pkcs8[at + 2] === 1 &&
      pkcs8[at + 3] === 4 && pkcs8[at + 4] === octets;
    if (isHere) return pkcs8.subarray(at + 5, at + 5 + octets);
  }
  throw unusableKey({ kind });
}
