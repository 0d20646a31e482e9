/**
 * Reads X.509 certificates (RFC 5280 §4.1). Whether a certificate may be trusted is decided in
 * `lib/pki/validate.ts`.
 *
 * ```text
 * Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
 * TBSCertificate ::= SEQUENCE {
 *   version [0] DEFAULT v1, serialNumber INTEGER, signature AlgorithmIdentifier, issuer Name,
 *   validity SEQUENCE { notBefore, notAfter }, subject Name, subjectPublicKeyInfo,
 *   issuerUniqueID [1] OPTIONAL, subjectUniqueID [2] OPTIONAL, extensions [3] OPTIONAL }
 * ```
 * @module
 */
import { sameOctets, toHex } from "@/base/bytes.ts";
import { contextTag, type DerReader, derSequence, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { PublicKey, SignatureScheme } from "@/crypto/signature.ts";
import { decodeSignatureAlgorithm } from "@/pki/algorithm.ts";
import {
  type CertificateExtensions,
  decodeExtensions,
  parseRawExtensions,
} from "@/pki/extension.ts";
import { type Name, parseName, showName } from "@/pki/name.ts";
import { pemOrDer } from "@/pki/pem.ts";
import { parsePublicKey, parsePublicKeyInfo } from "@/pki/public_key.ts";
import { parseTime } from "@/pki/time.ts";

/** A certificate. It is plain data, which can be cloned and is never changed. */
export interface Certificate {
  /** The whole certificate. */
  readonly der: Uint8Array;
  /** TBSCertificate, which is the signed part. */
  readonly tbs: Uint8Array;
  readonly signature: SignedBy;
  /** 1, 2 or 3. */
  readonly version: number;
  /** Contents of the INTEGER; some authorities issue negative or very long serial numbers. */
  readonly serial: Uint8Array;
  readonly issuer: Name;
  readonly subject: Name;
  /** Milliseconds since 1970; both ends belong to the validity. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo, of which CERTREQ has the hash (RFC 7296 §3.7). */
  readonly spki: Uint8Array;
  /** The contents of subjectPublicKey, of which OCSP has the hash. */
  readonly keyOctets: Uint8Array;
  readonly publicKey: PublicKey | undefined;
  /** The reason why there is no `publicKey`. */
  readonly keyFault: string | undefined;
  readonly extensions: CertificateExtensions;
}

/** A signature over a DER structure. */
export interface SignedBy {
  readonly scheme: SignatureScheme | undefined;
  /** The reason why there is no `scheme`. */
  readonly fault: string | undefined;
  readonly value: Uint8Array;
}

/** The most octets of a certificate; a CERT payload cannot be larger. */
export const CERTIFICATE_OCTETS_MAX = 65_535;

/**
 * Reads a certificate. A certificate whose key or signature has an unsupported algorithm is read as
 * well, so that its refusal can give the reason.
 * @throws {WireError} if it is not a certificate, or not valid DER.
 */
export function parseCertificate(octets: Uint8Array): Certificate {
  const what = "a certificate";
  if (octets.length > CERTIFICATE_OCTETS_MAX) {
    throw new WireError(
      `Cannot read ${what} of ${octets.length} octets, at most ${CERTIFICATE_OCTETS_MAX}`,
    );
  }
  const outer = derSequence(octets, what);
  const tbs = outer.whole(what, Tag.SEQUENCE);
  const { algorithm, signature } = parseSignature(outer, what);
  outer.end(what);
  const reader = derSequence(tbs, what);
  const versionReader = reader.maybeWithin(contextTag(0, "constructed"), `${what}'s version`);
  const version = versionReader ? 1 + versionReader.small(`${what}'s version`, 2) : 1;
  const serial = reader.integer(`${what}'s serial number`);
  checkSameAlgorithm(reader, algorithm, what);
  const issuer = parseName(reader.whole(what, Tag.SEQUENCE), `${what}'s issuer`);
  const validity = reader.within(Tag.SEQUENCE, `${what}'s validity`);
  const notBeforeMs = parseTime(validity, `${what}'s notBefore`);
  const notAfterMs = parseTime(validity, `${what}'s notAfter`);
  validity.end(`${what}'s validity`);
  const subject = parseName(reader.whole(what, Tag.SEQUENCE), `${what}'s subject`);
  const spki = reader.whole(`${what}'s key`, Tag.SEQUENCE);
  for (const number of [1, 2]) {
    const uniqueId = contextTag(number, "primitive");
    if (reader.tag === uniqueId) reader.contents(uniqueId, `${what}'s unique identifier`);
  }
  const list = reader.maybeWithin(contextTag(3, "constructed"), `${what}'s extensions`);
  const inner = list?.within(Tag.SEQUENCE, `${what}'s extensions`);
  list?.end(`${what}'s extensions`);
  reader.end(what);
  if (inner && version < 3) {
    throw new WireError(`Cannot read ${what} of version ${version} with extensions`);
  }
  return {
    der: octets,
    tbs,
    signature,
    version,
    serial,
    issuer,
    subject,
    notBeforeMs,
    notAfterMs,
    spki,
    keyOctets: parsePublicKeyInfo(spki).key,
    ...readKey(spki),
    extensions: decodeExtensions(inner ? parseRawExtensions(inner, what) : []),
  };
}

/** The certificates of a file, PEM or DER; keys are skipped. @throws {WireError} if one is malformed. */
export function readCertificates(file: Uint8Array): Certificate[] {
  return pemOrDer(file, "CERTIFICATE")
    .filter(({ label }) => label === "CERTIFICATE" || label === "X509 CERTIFICATE")
    .map(({ der }) => parseCertificate(der));
}

/** SHA-1 of SubjectPublicKeyInfo, 20 octets, by which CERTREQ names an authority (RFC 7296 §3.7). */
export function keyHash(certificate: Certificate, backend: CryptoBackend): Uint8Array {
  return backend.sha1(certificate.spki);
}

/** Whether issuer and subject are the same name; the path length does not count such certificates. */
export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.key === certificate.subject.key;
}

/** Whether two are the same certificate. */
export function sameCertificate(a: Certificate, b: Certificate): boolean {
  return a === b || sameOctets(a.der, b.der);
}

/** The name of a certificate for users: its subject, or its serial number and issuer if the subject is empty. */
export function showCertificate({ subject, serial, issuer }: Certificate): string {
  if (subject.rdns.length > 0) return showName(subject);
  return `serial number ${toHex(serial.subarray(0, 20))} of ${showName(issuer)}`;
}

/**
 * Reads what follows the signed part: the algorithm and the signature.
 * @throws {WireError} if it is not valid DER.
 */
export function parseSignature(
  outer: DerReader,
  what: string,
): { readonly algorithm: Uint8Array; readonly signature: SignedBy } {
  const algorithm = outer.whole(`${what}'s signature algorithm`, Tag.SEQUENCE);
  const bits = outer.contents(Tag.BIT_STRING, `${what}'s signature`);
  const value = bits.subarray(1);
  // Every signature consists of whole octets. The certificate is read nevertheless, so that its refusal
  // can name it.
  const fault = bits[0] === 0 ? undefined : "Cannot use a signature that is not of whole octets";
  const signature = fault
    ? { scheme: undefined, fault, value }
    : { ...readScheme(algorithm), value };
  return { algorithm, signature };
}

/**
 * RFC 5280 §4.1.1.2: the signed algorithm and the one beside the signature must be the same.
 * @throws {WireError} if they differ.
 */
export function checkSameAlgorithm(reader: DerReader, outside: Uint8Array, what: string): void {
  const inside = reader.whole(`${what}'s signature algorithm`, Tag.SEQUENCE);
  if (!sameOctets(inside, outside)) {
    throw new WireError(`Cannot read ${what}, it names two different signature algorithms`);
  }
}

function readScheme(algorithm: Uint8Array): Omit<SignedBy, "value"> {
  try {
    return { scheme: decodeSignatureAlgorithm(algorithm), fault: undefined };
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return { scheme: undefined, fault: e.message };
  }
}

function readKey(spki: Uint8Array): Pick<Certificate, "publicKey" | "keyFault"> {
  try {
    return { publicKey: parsePublicKey(spki), keyFault: undefined };
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return { publicKey: undefined, keyFault: e.message };
  }
}
