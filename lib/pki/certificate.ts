/**
 * X.509 certificates (RFC 5280 §4.1), taken apart. Reading a certificate says nothing of whether it
 * may be trusted: that is `lib/pki/validate.ts`.
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

/** A certificate, plain data: it can be cloned, and is never changed. */
export interface Certificate {
  /** All of it. */
  readonly der: Uint8Array;
  /** TBSCertificate: what is signed. */
  readonly tbs: Uint8Array;
  readonly signature: SignedBy;
  /** 1, 2 or 3. */
  readonly version: number;
  /** Contents of the INTEGER; some authorities give negative or very long ones. */
  readonly serial: Uint8Array;
  readonly issuer: Name;
  readonly subject: Name;
  /** Milliseconds since 1970; both ends belong to the validity. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo: what CERTREQ hashes (RFC 7296 §3.7). */
  readonly spki: Uint8Array;
  /** The contents of subjectPublicKey: what OCSP hashes. */
  readonly keyOctets: Uint8Array;
  readonly publicKey: PublicKey | undefined;
  /** Why there is no `publicKey`. */
  readonly keyFault: string | undefined;
  readonly extensions: CertificateExtensions;
}

/** A signature over something of DER. */
export interface SignedBy {
  readonly scheme: SignatureScheme | undefined;
  /** Why there is no `scheme`. */
  readonly fault: string | undefined;
  readonly value: Uint8Array;
}

/** Octets of a certificate; nothing that is sent in IKE is larger. */
export const CERTIFICATE_OCTETS_MAX = 65_535;

/**
 * Reads a certificate. One with a key or a signature of an unsupported algorithm is read, so that it
 * can be told why it is refused.
 * @throws {WireError} where it is none, or breaks DER.
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

/** The certificates of a file, PEM or DER. @throws {WireError} where one is none; a key is skipped. */
export function readCertificates(file: Uint8Array): Certificate[] {
  return pemOrDer(file, "CERTIFICATE")
    .filter(({ label }) => label === "CERTIFICATE" || label === "X509 CERTIFICATE")
    .map(({ der }) => parseCertificate(der));
}

/** SHA-1 of SubjectPublicKeyInfo, 20 octets: how CERTREQ names an authority (RFC 7296 §3.7). */
export function keyHash(certificate: Certificate, backend: CryptoBackend): Uint8Array {
  return backend.sha1(certificate.spki);
}

/** Whether issuer and subject are the same name: such a certificate does not count in a path length. */
export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.key === certificate.subject.key;
}

/** Whether two are the same certificate. */
export function sameCertificate(a: Certificate, b: Certificate): boolean {
  return a === b || sameOctets(a.der, b.der);
}

/** A certificate as users read it: its subject, or its serial number and issuer where it has none. */
export function showCertificate({ subject, serial, issuer }: Certificate): string {
  if (subject.rdns.length > 0) return showName(subject);
  return `serial number ${toHex(serial.subarray(0, 20))} of ${showName(issuer)}`;
}

/**
 * What follows the signed part: the algorithm and the signature.
 * @throws {WireError} where it breaks DER.
 */
export function parseSignature(
  outer: DerReader,
  what: string,
): { readonly algorithm: Uint8Array; readonly signature: SignedBy } {
  const algorithm = outer.whole(`${what}'s signature algorithm`, Tag.SEQUENCE);
  const bits = outer.contents(Tag.BIT_STRING, `${what}'s signature`);
  const value = bits.subarray(1);
  // Every signature is of whole octets, so this one is wrong and the certificate can be named.
  const fault = bits[0] === 0 ? undefined : "Cannot use a signature that is not of whole octets";
  const signature = fault
    ? { scheme: undefined, fault, value }
    : { ...readScheme(algorithm), value };
  return { algorithm, signature };
}

/**
 * RFC 5280 §4.1.1.2: the algorithm inside, which is signed, and the one outside are the same.
 * @throws {WireError} where they differ.
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
