/**
 * Reads and checks SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), so that backends only get keys that they can
 * use. An invalid modulus, a curve that is not named, and a point that is compressed or has a wrong
 * length are refused here with a sentence, and so in the same way with both backends.
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

/** The fewest and the most bits of an RSA modulus; the time of an operation grows with its cube. */
const RSA_BITS_MIN = 1024;
const RSA_BITS_MAX = 16_384;
/** The most octets of an RSA public exponent; longer ones are slow, and libraries have different limits. */
const EXPONENT_OCTETS_MAX = 4;

/** Kinds of keys that their OID determines, with the octets of a key (RFC 8410 §4, FIPS 204 §4). */
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
  /** The element of the parameters; undefined if there is none. */
  readonly parameters: Uint8Array | undefined;
  /** The contents of the BIT STRING, which OCSP calls the key. */
  readonly key: Uint8Array;
}

/** Reads the parts of a SubjectPublicKeyInfo. @throws {WireError} if it is not valid DER. */
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
 * @throws {WireError} if it is not valid DER, its algorithm is not supported, or it cannot be a key.
 * Whether a point lies on its curve is checked by the backend.
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

/** The curve of EC parameters. @throws {WireError} if they do not name a supported curve. */
export function curveOf(parameters: Uint8Array | undefined): KeyKind {
  // RFC 5480 §2.1.1 allows only named curves; explicit parameters have been used to forge keys.
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
  // RFC 5480 §2.2: all implementations must support uncompressed points, and only those.
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
