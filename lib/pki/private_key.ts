/**
 * Reads private keys of files: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017 appendix A.1.2) and SEC1 (RFC 5915),
 * none of them encrypted. Backends get all of them as PKCS#8.
 * @module
 */
import {
  contextTag,
  der,
  derBitString,
  derOid,
  DerReader,
  derSequence,
  derSequenceOf,
  derUnsigned,
  Tag,
} from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { CURVE_BITS, type KeyKind, type PrivateKey, showKind } from "@/crypto/signature.ts";
import { nameOfOid } from "@/pki/algorithm.ts";
import { Algorithm, CURVES } from "@/pki/oid.ts";
import { pemOrDer } from "@/pki/pem.ts";
import { coordinateOctets, curveOf, FIXED_KEYS, rsaPublicKey } from "@/pki/public_key.ts";

/** Octets of the private value of the kinds that their OID determines; that of ML-DSA is a seed (RFC 9881 §6). */
const SEED_OCTETS: Readonly<Partial<Record<KeyKind, number>>> = {
  "ed25519": 32,
  "ed448": 57,
  "ml-dsa-44": 32,
  "ml-dsa-65": 32,
  "ml-dsa-87": 32,
};

/** The reader for each PEM label; a file of DER has one of these contents. */
const READERS: readonly (readonly [label: string, read: (der: Uint8Array) => PrivateKey])[] = [
  ["PRIVATE KEY", parsePkcs8],
  ["RSA PRIVATE KEY", parsePkcs1],
  ["EC PRIVATE KEY", (der) => parseSec1(der)],
];

/**
 * The first private key of a file: PEM of PKCS#8, PKCS#1 or SEC1, or DER of any of them.
 * @throws {WireError} if there is none, or it is encrypted, malformed, or not supported.
 */
export function readPrivateKey(file: Uint8Array): PrivateKey {
  for (const { label, der } of pemOrDer(file, DER_LABEL)) {
    if (label === DER_LABEL) return readDer(der);
    const read = READERS.find(([known]) => known === label)?.[1];
    if (read) return read(der);
  }
  throw new WireError("Cannot find a private key in the file, neither PEM nor DER");
}

const DER_LABEL = "DER";

/** Reads DER, in which nothing says which of the three it is. */
function readDer(der: Uint8Array): PrivateKey {
  let first: unknown;
  for (const [, read] of READERS) {
    try {
      return read(der);
    } catch (e) {
      if (!(e instanceof WireError)) throw e;
      first ??= e;
    }
  }
  throw first;
}

/** Reads PKCS#8. @throws {WireError} if it is malformed, or its algorithm is not supported. */
export function parsePkcs8(pkcs8: Uint8Array): PrivateKey {
  const what = "a PKCS#8 private key";
  const reader = derSequence(pkcs8, what);
  const version = reader.small(what, 1);
  const algorithm = reader.within(Tag.SEQUENCE, what);
  const oid = algorithm.oid(what);
  const parameters = algorithm.left > 0 ? algorithm.whole(what) : undefined;
  algorithm.end(what);
  const key = reader.contents(Tag.OCTET_STRING, what);
  if (reader.tag === contextTag(0, "constructed")) reader.whole(what); // attributes
  if (version === 1 && reader.tag === contextTag(1, "primitive")) reader.whole(what); // public key
  reader.end(what);
  if (oid === Algorithm.RSA) return parsePkcs1(key);
  if (oid === Algorithm.EC) return parseSec1(key, parameters);
  const kind = FIXED_KEYS.find((fixed) => fixed.oid === oid)?.kind;
  if (!kind) throw new WireError(`Cannot use a private key of the algorithm ${nameOfOid(oid)}`);
  const octets = SEED_OCTETS[kind]!;
  const seed = kind.startsWith("ml-dsa") ? mlDsaSeed(key) : derOctets(key, what);
  if (seed.length !== octets) {
    throw new WireError(
      `Cannot use an ${showKind(kind)} private key, it must have ${octets} octets`,
    );
  }
  const { bits } = publicMeasures(kind);
  return { kind, bits, pkcs8: encodePkcs8(derSequenceOf(derOid(oid)), key) };
}

/** Reads the RSAPrivateKey of PKCS#1. @throws {WireError} if it is malformed, or cannot be a key. */
export function parsePkcs1(octets: Uint8Array): PrivateKey {
  const what = "an RSA private key";
  const reader = derSequence(octets, what);
  if (reader.small(what, 1) !== 0) throw new WireError("Cannot use an RSA key of several primes");
  const modulus = reader.unsigned(what);
  const exponent = reader.unsigned(what);
  for (let i = 0; i < 6; i++) reader.unsigned(what);
  reader.end(what);
  const { kind, bits } = rsaPublicKey(modulus, exponent);
  const algorithm = derSequenceOf(derOid(Algorithm.RSA), der(Tag.NULL));
  return { kind, bits, pkcs8: encodePkcs8(algorithm, octets) };
}

/**
 * Reads the ECPrivateKey of SEC1; PKCS#8 has the curve outside of it.
 * @throws {WireError} if it is malformed, or its curve is not supported.
 */
export function parseSec1(octets: Uint8Array, outerParameters?: Uint8Array): PrivateKey {
  const what = "an EC private key";
  const reader = derSequence(octets, what);
  if (reader.small(what, 255) !== 1) {
    throw new WireError(`Cannot read ${what}, its version is not 1`);
  }
  const value = reader.contents(Tag.OCTET_STRING, what);
  const own = reader.maybeWithin(contextTag(0, "constructed"), what)?.whole(what);
  const point = reader.maybeWithin(contextTag(1, "constructed"), what)?.bitString(what);
  reader.end(what);
  const kind = curveOf(outerParameters ?? own);
  const width = coordinateOctets(kind);
  if (own && outerParameters && curveOf(own) !== kind) {
    throw new WireError(`Cannot use ${what}, it names two curves`);
  }
  // RFC 5915 §3: it is as long as the order, but some writers omit leading zeros.
  if (value.length > width || value.every((octet) => octet === 0)) {
    throw new WireError(`Cannot use ${what} of ${showKind(kind)} with ${value.length} octets`);
  }
  const padded = new Uint8Array(width);
  padded.set(value, width - value.length);
  return { kind, bits: CURVE_BITS[kind]!, pkcs8: ecPkcs8(kind, padded, point) };
}

/** The PKCS#8 of an EC key; its private value is as long as the curve's order, its point may be missing. */
export function ecPkcs8(kind: KeyKind, value: Uint8Array, point?: Uint8Array): Uint8Array {
  const curve = [...CURVES].find(([, name]) => name === kind)![0];
  const key = derSequenceOf(
    derUnsigned(Uint8Array.of(1)),
    der(Tag.OCTET_STRING, value),
    ...(point ? [der(contextTag(1, "constructed"), derBitString(point))] : []),
  );
  return encodePkcs8(derSequenceOf(derOid(Algorithm.EC), derOid(curve)), key);
}

function encodePkcs8(algorithm: Uint8Array, key: Uint8Array): Uint8Array {
  return derSequenceOf(derUnsigned(Uint8Array.of(0)), algorithm, der(Tag.OCTET_STRING, key));
}

/** RFC 9881 §6: the seed as [0], or beside the expanded key. An expanded key without its seed is not supported. */
function mlDsaSeed(key: Uint8Array): Uint8Array {
  const what = "an ML-DSA private key";
  const reader = new DerReader(key);
  const seed = reader.contents(contextTag(0, "primitive"), `${what}, which must be a seed`);
  reader.end(what);
  return seed;
}

function derOctets(key: Uint8Array, what: string): Uint8Array {
  const reader = new DerReader(key);
  const octets = reader.contents(Tag.OCTET_STRING, what);
  reader.end(what);
  return octets;
}

function publicMeasures(kind: KeyKind): { readonly bits: number } {
  return { bits: 8 * FIXED_KEYS.find((fixed) => fixed.kind === kind)!.octets };
}
