/**
 * The rules of both backends for keys, schemes and the form of signatures, so that their verdicts are the
 * same. A backend itself only signs and verifies octets of the right length.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { DerReader, derSequence, derSequenceOf, derUnsigned } from "@/base/der.ts";
import { must, WireError } from "@/base/errors.ts";
import {
  CURVE_BITS,
  fits,
  HASH_OCTETS,
  type KeyKind,
  type PrivateKey,
  type PublicKey,
  showKind,
  showScheme,
  SignatureError,
  type Signatures,
  type SignatureScheme,
} from "@/crypto/signature.ts";

/**
 * Signatures as a backend implements them: the scheme fits the key, lengths are right, and ECDSA is r ‖ s.
 */
export type BareSignatures = Signatures;

/** Octets of signatures of those kinds that have one length. */
const SIGNATURE_OCTETS: Readonly<Partial<Record<KeyKind, number>>> = {
  "ed25519": 64,
  "ed448": 114,
  "ml-dsa-44": 2420,
  "ml-dsa-65": 3309,
  "ml-dsa-87": 4627,
};

/** The most octets of DigestInfo around a hash (RFC 8017 §9.2), and the least of the padding around that. */
const DIGEST_INFO_OCTETS = 19;
const PKCS1_PADDING_OCTETS = 11;

/** Adds these rules to the signatures of a backend. */
export function withRules(bare: BareSignatures): Signatures {
  return {
    has: (kind) => bare.has(kind),
    sign: (key, scheme, data) => {
      checkSigns(bare, key, scheme);
      const signature = bare.sign(key, scheme, data);
      if (scheme.algorithm !== "ecdsa" || scheme.encoding === "raw") return signature;
      return signature instanceof Promise ? signature.then(derOfRaw) : derOfRaw(signature);
    },
    verify: (key, scheme, data, signature) => {
      if (!fits(key.kind, scheme)) return false;
      if (!bare.has(key.kind)) throw unsupported(key.kind);
      if (hasNoRoom(key, scheme)) return false;
      const isDer = scheme.algorithm === "ecdsa" && scheme.encoding === "der";
      const plain = isDer ? rawOfDer(signature, orderOctets(key.kind)) : signature;
      if (plain?.length !== signatureOctets(key)) return false;
      return bare.verify(key, scheme, data, plain);
    },
    generate: (kind, rsaBits = 2048) => {
      if (!bare.has(kind)) throw unsupported(kind);
      const isGood = kind !== "rsa" || Number.isInteger(rsaBits) && rsaBits >= 1024 &&
          rsaBits <= 16_384 && rsaBits % 8 === 0;
      if (!isGood) {
        throw new SignatureError(
          `Cannot make an RSA key of ${rsaBits} bits, they must be 1024 to 16384 in whole octets`,
        );
      }
      return bare.generate(kind, rsaBits);
    },
  };
}

/** Octets of a coordinate of a curve, of a private value, of r and of s. */
export function orderOctets(kind: KeyKind): number {
  const bits = CURVE_BITS[kind];
  must(bits !== undefined, "a curve");
  return Math.ceil(bits / 8);
}

/** The error for a kind of key that the backend lacks. */
export function unsupported(kind: KeyKind): SignatureError {
  return new SignatureError(`Cannot use an ${showKind(kind)} key, this crypto backend has none`);
}

/** The error for a key that cannot be loaded although its form is right. */
export function unusableKey({ kind }: { readonly kind: KeyKind }): SignatureError {
  const why = kind in CURVE_BITS ? ", its point or value is none of the curve" : "";
  return new SignatureError(`Cannot use this ${showKind(kind)} key${why}`);
}

function checkSigns(bare: BareSignatures, key: PrivateKey, scheme: SignatureScheme): void {
  if (!bare.has(key.kind)) throw unsupported(key.kind);
  if (!fits(key.kind, scheme)) {
    throw new SignatureError(
      `Cannot sign by ${showScheme(scheme)} with an ${showKind(key.kind)} key`,
    );
  }
  if (!hasNoRoom(key, scheme)) return;
  throw new SignatureError(
    `Cannot sign by ${showScheme(scheme)} with an RSA key of ${key.bits} bits, it is too short`,
  );
}

/** Whether an RSA modulus is too short for the encoding of the scheme (RFC 8017 §9.1.1, §9.2). */
function hasNoRoom({ bits }: { readonly bits: number }, scheme: SignatureScheme): boolean {
  if (scheme.algorithm === "rsa-pkcs1") {
    const need = HASH_OCTETS[scheme.hash] + DIGEST_INFO_OCTETS + PKCS1_PADDING_OCTETS;
    return Math.ceil(bits / 8) < need;
  }
  if (scheme.algorithm !== "rsa-pss") return false;
  return Math.ceil((bits - 1) / 8) < HASH_OCTETS[scheme.hash] + scheme.saltOctets + 2;
}

function signatureOctets({ kind, bits }: PublicKey): number {
  if (kind === "rsa") return Math.ceil(bits / 8);
  return SIGNATURE_OCTETS[kind] ?? 2 * orderOctets(kind);
}

/** The ECDSA-Sig-Value (RFC 3279 §2.2.3) of r ‖ s. */
export function derOfRaw(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  return derSequenceOf(derUnsigned(raw.subarray(0, half)), derUnsigned(raw.subarray(half)));
}

/** The r ‖ s of an ECDSA-Sig-Value; undefined if it breaks DER, or a number is too long. */
export function rawOfDer(signature: Uint8Array, octets: number): Uint8Array | undefined {
  try {
    const reader: DerReader = derSequence(signature, "a signature");
    const r = reader.unsigned("r");
    const s = reader.unsigned("s");
    reader.end("a signature");
    if (r.length > octets || s.length > octets) return undefined;
    const zeros = (count: number) => new Uint8Array(count);
    return concat(zeros(octets - r.length), r, zeros(octets - s.length), s);
  } catch (e) {
    if (e instanceof WireError) return undefined;
    throw e;
  }
}
