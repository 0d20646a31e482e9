/**
 * Signatures of the native backend. What the shim exports for them; the conventions are those of
 * `native_backend.ts`.
 *
 * ```c
 * // Parses a key, DER: is_private 1 PKCS#8, 0 SubjectPublicKeyInfo. kind: 1 RSA, 2 a NIST curve,
 * // 3 Ed25519, 4 Ed448. Writes 8 octets that name it in this process; -2: it is no such key.
 * int32_t my_key_load(uint32_t is_private, uint32_t kind, const uint8_t *der, uint32_t der_len,
 *                     uint8_t name[8]);
 * int32_t my_key_free(const uint8_t name[8]);
 * // how: 0 EdDSA, 1 RSASSA-PKCS1-v1_5, 2 RSASSA-PSS with MGF1 of the same hash, 3 ECDSA as r ‖ s.
 * // hash: IANA's IKEv2 Hash Algorithms 1 to 4, over data; salt: octets, of PSS alone.
 * int32_t my_sign(const uint8_t name[8], uint32_t how, uint32_t hash, uint32_t salt,
 *                 const uint8_t *data, uint32_t data_len, uint8_t *out, uint32_t out_max);
 * // 1: right, 0: wrong, -1: libcrypto cannot.
 * int32_t my_verify(const uint8_t name[8], uint32_t how, uint32_t hash, uint32_t salt,
 *                   const uint8_t *data, uint32_t data_len, const uint8_t *signature,
 *                   uint32_t signature_len);
 * // A fresh key of a kind, RSA and curves of so many bits, as PKCS#8.
 * int32_t my_key_generate(uint32_t kind, uint32_t bits, uint8_t *pkcs8, uint32_t pkcs8_max);
 * // SubjectPublicKeyInfo of a private key.
 * int32_t my_key_public(const uint8_t name[8], uint8_t *spki, uint32_t spki_max);
 * ```
 * @module
 */
import { must } from "@/base/errors.ts";
import {
  HASH_ALGORITHMS,
  type KeyKind,
  type PrivateKey,
  type PublicKey,
  type Signatures,
  type SignatureScheme,
  type SigningKeyPair,
} from "@/crypto/signature.ts";
import {
  type BareSignatures,
  orderOctets,
  unusableKey,
  withRules,
} from "@/crypto/signature_rules.ts";
import { webSignatures } from "@/crypto/web_signature.ts";

/** The shim's functions for signatures, one to one (see above). */
export interface NativeSignatures {
  /** `my_key_load` */
  keyLoad(
    isPrivate: number,
    kind: number,
    der: Uint8Array,
    derLen: number,
    name: Uint8Array,
  ): number;
  /** `my_key_free` */
  keyFree(name: Uint8Array): number;
  /** `my_sign` */
  sign(
    name: Uint8Array,
    how: number,
    hash: number,
    salt: number,
    data: Uint8Array,
    dataLen: number,
    out: Uint8Array,
    outMax: number,
  ): number;
  /** `my_verify` */
  verify(
    name: Uint8Array,
    how: number,
    hash: number,
    salt: number,
    data: Uint8Array,
    dataLen: number,
    signature: Uint8Array,
    signatureLen: number,
  ): number;
  /** `my_key_generate`, on another thread, as an RSA key takes seconds. */
  keyGenerate(kind: number, bits: number, pkcs8: Uint8Array, pkcs8Max: number): Promise<number>;
  /** `my_key_public` */
  keyPublic(name: Uint8Array, spki: Uint8Array, spkiMax: number): number;
}

const HOW = { "rsa-pkcs1": 1, "rsa-pss": 2, "ecdsa": 3 } as const;
/** Octets that the PKCS#8 encoding of an RSA key of 16,384 bits fits into. */
const KEY_OCTETS_MAX = 16_384;

/** Signatures by libcrypto; ML-DSA, which OpenSSL only has since 3.5, by WebCrypto. */
export function nativeSignatures(native: NativeSignatures): Signatures {
  const bare = bareSignatures(native);
  const web = webSignatures();
  const of = (kind: KeyKind) => kind.startsWith("ml-dsa") ? web : bare;
  return withRules({
    has: (kind) => of(kind).has(kind),
    sign: (key, scheme, data) => of(key.kind).sign(key, scheme, data),
    verify: (key, scheme, data, signature) => of(key.kind).verify(key, scheme, data, signature),
    generate: (kind, rsaBits) => of(kind).generate(kind, rsaBits),
  });
}

function bareSignatures(native: NativeSignatures): BareSignatures {
  const load = keyLoader(native);
  return {
    has: (kind) => !kind.startsWith("ml-dsa"),
    sign: (key, scheme, data) => {
      const { how, hash, salt } = numbersOf(scheme);
      const out = new Uint8Array(signatureOctets(key));
      const { length } = data;
      const result = native.sign(load(key), how, hash, salt, data, length, out, out.length);
      // The parts of a private key may contradict each other, so that signing can fail.
      if (result !== out.length) throw unusableKey(key);
      return out;
    },
    verify: (key, scheme, data, signature) => {
      const { how, hash, salt } = numbersOf(scheme);
      const name = load(key);
      const { length } = data;
      const octets = signature.length;
      const result = native.verify(name, how, hash, salt, data, length, signature, octets);
      must(result === 0 || result === 1, `libcrypto verifies ${scheme.algorithm}`);
      return result === 1;
    },
    generate: (kind, rsaBits) => generate(native, kind, rsaBits!),
  };
}

/** Loads each key once. It is freed when its record is garbage collected. */
function keyLoader(native: NativeSignatures): (key: PrivateKey | PublicKey) => Uint8Array {
  const names = new WeakMap<PrivateKey | PublicKey, Uint8Array>();
  const freed = new FinalizationRegistry((name: Uint8Array) => void native.keyFree(name));
  return (key) => {
    const known = names.get(key);
    if (known) return known;
    const name = new Uint8Array(8);
    const isPrivate = "pkcs8" in key;
    const der = isPrivate ? key.pkcs8 : key.spki;
    const kind = kindNumber(key.kind);
    const result = native.keyLoad(isPrivate ? 1 : 0, kind, der, der.length, name);
    if (result !== name.length) throw unusableKey(key);
    names.set(key, name);
    freed.register(key, name);
    return name;
  };
}

async function generate(
  native: NativeSignatures,
  kind: KeyKind,
  rsaBits: number,
): Promise<SigningKeyPair> {
  const out = new Uint8Array(KEY_OCTETS_MAX);
  const isCurve = kind.startsWith("p-");
  const number = kindNumber(kind);
  const bits = kind === "rsa"
    ? rsaBits
    : isCurve
    ? Number(kind.slice(2))
    : number === 3
    ? 256
    : 456;
  const length = await native.keyGenerate(number, bits, out, out.length);
  must(length > 0, `libcrypto makes a key of ${bits} bits`);
  const pkcs8 = out.slice(0, length);
  const name = new Uint8Array(8);
  out.fill(0);
  must(
    native.keyLoad(1, number, pkcs8, length, name) === name.length,
    "libcrypto reads its own key",
  );
  const spkiLength = native.keyPublic(name, out, out.length);
  native.keyFree(name);
  must(spkiLength > 0, "libcrypto writes a public key");
  const spki = out.slice(0, spkiLength);
  return { privateKey: { kind, bits, pkcs8 }, publicKey: { kind, bits, spki } };
}

/** The number of a kind of key in the shim. */
function kindNumber(kind: KeyKind): number {
  return kind === "rsa" ? 1 : kind.startsWith("p-") ? 2 : kind === "ed25519" ? 3 : 4;
}

function numbersOf(scheme: SignatureScheme): {
  readonly how: number;
  readonly hash: number;
  readonly salt: number;
} {
  if (!("hash" in scheme)) return { how: 0, hash: 0, salt: 0 };
  const salt = scheme.algorithm === "rsa-pss" ? scheme.saltOctets : 0;
  return { how: HOW[scheme.algorithm], hash: HASH_ALGORITHMS[scheme.hash], salt };
}

function signatureOctets({ kind, bits }: PrivateKey): number {
  if (kind === "rsa") return Math.ceil(bits / 8);
  return kind === "ed25519" ? 64 : kind === "ed448" ? 114 : 2 * orderOctets(kind);
}
