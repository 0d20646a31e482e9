/**
 * AlgorithmIdentifiers of signatures (RFC 5280 §4.1.1.2) as schemes and back: in certificates,
 * revocation lists, OCSP responses, and in the AUTH payload of RFC 7427 §3, whose appendix A has
 * the same octets.
 *
 * ```text
 * AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
 * ```
 * @module
 */
import {
  contextTag,
  der,
  derOid,
  DerReader,
  derSequence,
  derSequenceOf,
  derUnsigned,
  Tag,
} from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { HASH_OCTETS, type SignatureHash, type SignatureScheme } from "@/crypto/signature.ts";
import { Algorithm, UNSUPPORTED_NAMES } from "@/pki/oid.ts";

/** Schemes that their OID determines; ECDSA signatures are encoded as in certificates. */
const BY_OID: ReadonlyMap<string, SignatureScheme> = new Map<string, SignatureScheme>([
  [Algorithm.RSA_SHA1, { algorithm: "rsa-pkcs1", hash: "sha1" }],
  [Algorithm.RSA_SHA256, { algorithm: "rsa-pkcs1", hash: "sha256" }],
  [Algorithm.RSA_SHA384, { algorithm: "rsa-pkcs1", hash: "sha384" }],
  [Algorithm.RSA_SHA512, { algorithm: "rsa-pkcs1", hash: "sha512" }],
  [Algorithm.ECDSA_SHA1, { algorithm: "ecdsa", hash: "sha1", encoding: "der" }],
  [Algorithm.ECDSA_SHA256, { algorithm: "ecdsa", hash: "sha256", encoding: "der" }],
  [Algorithm.ECDSA_SHA384, { algorithm: "ecdsa", hash: "sha384", encoding: "der" }],
  [Algorithm.ECDSA_SHA512, { algorithm: "ecdsa", hash: "sha512", encoding: "der" }],
  [Algorithm.ED25519, { algorithm: "ed25519" }],
  [Algorithm.ED448, { algorithm: "ed448" }],
  [Algorithm.ML_DSA_44, { algorithm: "ml-dsa-44" }],
  [Algorithm.ML_DSA_65, { algorithm: "ml-dsa-65" }],
  [Algorithm.ML_DSA_87, { algorithm: "ml-dsa-87" }],
]);

const HASHES: ReadonlyMap<string, SignatureHash> = new Map<string, SignatureHash>([
  [Algorithm.SHA1, "sha1"],
  [Algorithm.SHA256, "sha256"],
  [Algorithm.SHA384, "sha384"],
  [Algorithm.SHA512, "sha512"],
]);

const NULL = Uint8Array.of(Tag.NULL, 0);
/** The longest salt: the octets of the longest modulus, less those that the padding needs. */
const SALT_MAX = 2048;

/**
 * The scheme of an AlgorithmIdentifier.
 * @throws {WireError} if it is not valid DER, or if the algorithm is not supported.
 */
export function decodeSignatureAlgorithm(octets: Uint8Array): SignatureScheme {
  const reader = derSequence(octets, WHAT);
  const oid = reader.oid(WHAT);
  if (oid === Algorithm.RSA_PSS) {
    const scheme = decodePss(reader.within(Tag.SEQUENCE, "the parameters of RSASSA-PSS"));
    reader.end(WHAT);
    return scheme;
  }
  const scheme = BY_OID.get(oid);
  if (!scheme) throw new WireError(`Cannot use the signature algorithm ${nameOfOid(oid)}`);
  // RFC 4055 §5: NULL, and absence is accepted as well. RFC 5758 §3.2, RFC 8410 §3: always absent.
  if (reader.left > 0 && scheme.algorithm === "rsa-pkcs1") reader.contents(Tag.NULL, WHAT);
  reader.end(WHAT);
  return scheme;
}

/** The AlgorithmIdentifier of a scheme: the octets of RFC 7427 appendix A. */
export function encodeSignatureAlgorithm(scheme: SignatureScheme): Uint8Array {
  return ENCODED.get(keyOf(scheme)) ?? encode(scheme);
}

/** The words for an algorithm that cannot be used: its name, if it has one, and its OID. */
export function nameOfOid(oid: string): string {
  const name = UNSUPPORTED_NAMES.get(oid);
  return name ? `${name} (${oid})` : oid;
}

const WHAT = "an AlgorithmIdentifier";

/** A text that two schemes share if they are the same apart from the encoding of ECDSA. */
function keyOf(scheme: SignatureScheme): string {
  const hash = "hash" in scheme ? scheme.hash : "";
  return `${scheme.algorithm} ${hash} ${"saltOctets" in scheme ? scheme.saltOctets : ""}`;
}

function encode(scheme: SignatureScheme): Uint8Array {
  if (scheme.algorithm === "rsa-pss") {
    return derSequenceOf(derOid(Algorithm.RSA_PSS), encodePss(scheme.hash, scheme.saltOctets));
  }
  for (const [oid, { algorithm, ...rest }] of BY_OID) {
    const sameHash = !("hash" in scheme) || "hash" in rest && rest.hash === scheme.hash;
    if (algorithm !== scheme.algorithm || !sameHash) continue;
    return algorithm === "rsa-pkcs1"
      ? derSequenceOf(derOid(oid), NULL)
      : derSequenceOf(derOid(oid));
  }
  throw new WireError(`Cannot encode the signature algorithm ${scheme.algorithm}`);
}

/** Encoded identifiers, which are needed again and again; there are few schemes. */
const ENCODED: ReadonlyMap<string, Uint8Array> = new Map(
  [
    ...BY_OID.values(),
    ...[...HASHES.values()].map((hash) => pss(hash, HASH_OCTETS[hash])),
  ].map((scheme) => [keyOf(scheme), encode(scheme)]),
);

function pss(hash: SignatureHash, saltOctets: number): SignatureScheme {
  return { algorithm: "rsa-pss", hash, saltOctets };
}

/**
 * RSASSA-PSS-params (RFC 4055 §3.1), every field with a default: SHA-1, MGF1 with SHA-1, 20 octets of
 * salt, trailer 1. DER omits defaults, but some encoders write them, so both forms are accepted.
 */
function decodePss(reader: DerReader): SignatureScheme {
  const what = "the parameters of RSASSA-PSS";
  const field = (number: number) => reader.maybeWithin(contextTag(number, "constructed"), what);
  const hashField = field(0);
  const maskField = field(1);
  const saltField = field(2);
  const trailerField = field(3);
  const hash = hashField ? decodeHash(hashField, what) : "sha1";
  let maskHash: SignatureHash = "sha1";
  if (maskField) {
    const mask = maskField.within(Tag.SEQUENCE, what);
    const oid = mask.oid(what);
    if (oid !== Algorithm.MGF1) throw new WireError(`Cannot use the mask generation ${oid}`);
    maskHash = decodeHash(mask, what);
    maskField.end(what);
  }
  const saltOctets = saltField ? saltField.small(what, SALT_MAX) : 20;
  const trailer = trailerField ? trailerField.small(what, 255) : 1;
  saltField?.end(what);
  trailerField?.end(what);
  reader.end(what);
  if (trailer !== 1) throw new WireError(`Cannot use RSASSA-PSS with the trailer field ${trailer}`);
  if (maskHash !== hash) {
    throw new WireError(`Cannot use RSASSA-PSS with ${hash}, its mask is made with ${maskHash}`);
  }
  return pss(hash, saltOctets);
}

/** A hash AlgorithmIdentifier, which is the last element of `reader`. */
function decodeHash(reader: DerReader, what: string): SignatureHash {
  const inner = reader.within(Tag.SEQUENCE, what);
  const oid = inner.oid(what);
  const hash = HASHES.get(oid);
  if (!hash) throw new WireError(`Cannot use the hash algorithm ${oid}`);
  if (inner.left > 0) inner.contents(Tag.NULL, what);
  inner.end(what);
  reader.end(what);
  return hash;
}

function encodePss(hash: SignatureHash, saltOctets: number): Uint8Array {
  const context = (number: number, ...parts: Uint8Array[]) =>
    der(contextTag(number, "constructed"), ...parts);
  const salt = Uint8Array.of(saltOctets >> 8, saltOctets & 0xff);
  const fields: Uint8Array[] = [];
  if (hash !== "sha1") {
    const oid = [...HASHES].find(([, name]) => name === hash)![0];
    const algorithm = derSequenceOf(derOid(oid), NULL);
    fields.push(context(0, algorithm));
    fields.push(context(1, derSequenceOf(derOid(Algorithm.MGF1), algorithm)));
  }
  if (saltOctets !== 20) fields.push(context(2, derUnsigned(salt)));
  return derSequenceOf(...fields);
}
