/**
 * SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) read and checked, so that what a backend is given is a key
 * that it can use: a modulus that is none, a curve that is not named, a point that is compressed or
 * of a wrong length is refused here, with a sentence, and by both backends alike.
 *
 * ```text
 * SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
 * ```
 * @module
 */
import {
  der,
  derBitString,
  derOid,
  derSequence,
  derSequenceOf,
  derUnsigned,
  Tag,
} from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { CURVE_BITS, type KeyKind, type PublicKey, showKind } from "@/crypto/signature.ts";
import { nameOfOid } from "@/pki/algorithm.ts";
import { Algorithm, CURVES } from "@/pki/oid.ts";

/** Bits of an RSA modulus that are taken: below, a lab's key is of no use; above, it only takes time. */
const RSA_BITS_MIN = 1024;
const RSA_BITS_MAX = 16_384;
/** Octets of an RSA public exponent; longer ones are slow, and libraries differ in where they end. */
const EXPONENT_OCTETS_MAX = 4;

/** Keys whose OID says all, with the octets of each (RFC 8410 §4, FIPS 204 §4). */
export const FIXED_KEYS: readonly {
  readonly oid: string;
  readonly kind: KeyKind;
  readonly octets: number;
}[] = [
  { oid: Algorithm.ED25519, kind: "ed25519", octets: 32 },
  { oid: Algorithm.ED448, kind: "ed448", octets: 57 },
  { oid: Algorithm.ML_DSA_44, kind: "ml-dsa-44", octets: 1312 },
  { oid: Algorithm.ML_DSA_65, kind: "ml-dsa-65", octets: 1952 },
  { oid: Algorithm.ML_DSA_87, kind: "ml-dsa-87", octets: 2592 },
];

/** The parts of a SubjectPublicKeyInfo, before it is known whether the key can be used. */
export interface PublicKeyInfo {
  /** Dotted OID of the algorithm. */
  readonly oid: string;
  /** The parameters' element; `undefined` where there is none. */
  readonly parameters: Uint8Array | undefined;
  /** The contents of the BIT STRING: what OCSP calls the key. */
  readonly key: Uint8Array;
}

/** Takes a SubjectPublicKeyInfo apart. @throws {WireError} where it breaks DER. */
export function parsePublicKeyInfo(spki: Uint8Array): PublicKeyInfo {
  const reader = derSequence(spki, WHAT);
  const algorithm = reader.within(Tag.SEQUENCE, WHAT);
  const oid = algorithm.oid(WHAT);
  const parameters = algorithm.left > 0 ? algorithm.whole(WHAT) : undefined;
  algorithm.end(WHAT);
  const key = reader.bitString(WHAT);
  reader.end(WHAT);
  return { oid, parameters, key };
}

/**
 * Reads a public key.
 * @throws {WireError} where it breaks DER, is of an algorithm that is not supported, or cannot be one:
 * whether a point lies on its curve is for the backend to say.
 */
export function parsePublicKey(spki: Uint8Array): PublicKey {
  const info = parsePublicKeyInfo(spki);
  if (info.oid === Algorithm.RSA) return rsaKey(info);
  if (info.oid === Algorithm.EC) return ecKey(info, spki);
  const fixed = FIXED_KEYS.find(({ oid }) => oid === info.oid);
  if (!fixed) {
    throw new WireError(`Cannot use a public key of the algorithm ${nameOfOid(info.oid)}`);
  }
  const { kind, octets } = fixed;
  if (info.parameters) throw new WireError(`Cannot use an ${showKind(kind)} key with parameters`);
  if (info.key.length !== octets) {
    throw new WireError(
      `Cannot use an ${showKind(kind)} key of ${info.key.length} octets, it must have ${octets}`,
    );
  }
  return { kind, bits: 8 * octets, spki };
}

/** An RSA public key of its modulus and exponent, big-endian. @throws {WireError} as {@linkcode parsePublicKey}. */
export function rsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): PublicKey {
  const n = withoutZeros(modulus);
  const e = withoutZeros(exponent);
  const bits = n.length === 0 ? 0 : 8 * n.length - Math.clz32(n[0]!) + 24;
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
    throw new WireError(
      `Cannot use an RSA key of ${bits} bits, it must have ${RSA_BITS_MIN} to ${RSA_BITS_MAX}`,
    );
  }
  if (!(n.at(-1)! & 1)) throw new WireError("Cannot use an RSA key, its modulus is even");
  const isOne = e.length === 1 && e[0] === 1;
  if (e.length === 0 || !(e.at(-1)! & 1) || isOne || e.length > EXPONENT_OCTETS_MAX) {
    throw new WireError("Cannot use an RSA key, its public exponent is even, 1, or above 32 bits");
  }
  const key = derSequenceOf(derUnsigned(n), derUnsigned(e));
  const algorithm = derSequenceOf(derOid(Algorithm.RSA), der(Tag.NULL));
  return { kind: "rsa", bits, spki: derSequenceOf(algorithm, derBitString(key)) };
}

/** The curve of EC parameters. @throws {WireError} where they name none that is supported. */
export function curveOf(parameters: Uint8Array | undefined): KeyKind {
  // RFC 5480 §2.1.1: only named curves; explicit parameters have served to forge keys.
  if (parameters?.[0] !== Tag.OID) {
    throw new WireError("Cannot use an EC key that does not name its curve");
  }
  const oid = derSequence(derSequenceOf(parameters), "a curve").oid("a curve");
  const kind = CURVES.get(oid);
  if (!kind) throw new WireError(`Cannot use an EC key of the curve ${oid}`);
  return kind;
}

/** Octets of one coordinate of a curve's points. */
export function coordinateOctets(kind: KeyKind): number {
  return Math.ceil(CURVE_BITS[kind]! / 8);
}

const WHAT = "a SubjectPublicKeyInfo";

function rsaKey({ key, parameters }: PublicKeyInfo): PublicKey {
  if (parameters && !(parameters[0] === Tag.NULL && parameters.length === 2)) {
    throw new WireError("Cannot use an RSA key with parameters");
  }
  const reader = derSequence(key, "an RSA key");
  const modulus = reader.unsigned("an RSA modulus");
  const exponent = reader.unsigned("an RSA exponent");
  reader.end("an RSA key");
  return rsaPublicKey(modulus, exponent);
}

function ecKey({ key, parameters }: PublicKeyInfo, spki: Uint8Array): PublicKey {
  const kind = curveOf(parameters);
  const octets = 1 + 2 * coordinateOctets(kind);
  // RFC 5480 §2.2: uncompressed points are what everybody must support.
  if (key[0] !== 4 || key.length !== octets) {
    throw new WireError(
      `Cannot use an EC key of ${
        showKind(kind)
      } whose point is not uncompressed, ${octets} octets long`,
    );
  }
  return { kind, bits: CURVE_BITS[kind]!, spki };
}

function withoutZeros(octets: Uint8Array): Uint8Array {
  let at = 0;
  while (at < octets.length && octets[at] === 0) at++;
  return octets.subarray(at);
}
