/**
 * Reads OCSP responses and makes requests (RFC 6960). Responses come in CERT payloads (RFC 4806), or from
 * files.
 *
 * ```text
 * OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] { type, response } }
 * BasicOCSPResponse ::= SEQUENCE { tbsResponseData, signatureAlgorithm, signature, certs [0] }
 * ResponseData ::= SEQUENCE { version [0] DEFAULT v1, responderID, producedAt,
 *   responses SEQUENCE OF SingleResponse, responseExtensions [1] OPTIONAL }
 * ```
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { contextTag, der, derOid, DerReader, derSequence, derSequenceOf, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import {
  type Certificate,
  parseCertificate,
  parseSignature,
  type SignedBy,
} from "@/pki/certificate.ts";
import { parseRawExtensions } from "@/pki/extension.ts";
import { type Name, parseName } from "@/pki/name.ts";
import { Algorithm, Extension, Ocsp } from "@/pki/oid.ts";
import { pemOrDer } from "@/pki/pem.ts";
import { parseTime } from "@/pki/time.ts";

/** A successful response. It is plain data. */
export interface OcspResponse {
  readonly der: Uint8Array;
  /** ResponseData, which is the signed part. */
  readonly tbs: Uint8Array;
  readonly signature: SignedBy;
  /** The responder, by its name, or by the SHA-1 of its key. */
  readonly responder:
    | { readonly by: "name"; readonly name: Name }
    | { readonly by: "key"; readonly hash: Uint8Array };
  /** Milliseconds since 1970. */
  readonly producedMs: number;
  readonly answers: readonly OcspAnswer[];
  readonly nonce: Uint8Array | undefined;
  /** Certificates of the responder. */
  readonly certificates: readonly Certificate[];
  /** Dotted OIDs of critical extensions that are not known here. */
  readonly unknownCritical: readonly string[];
}

/** The answer about one certificate. */
export interface OcspAnswer {
  readonly id: CertificateId;
  readonly status: "good" | "revoked" | "unknown";
  /** Milliseconds since 1970; only of revoked certificates. */
  readonly revokedMs: number | undefined;
  /** CRLReason; 0 if there is none. */
  readonly reason: number;
  readonly thisUpdateMs: number;
  /** Undefined if newer information is always available. */
  readonly nextUpdateMs: number | undefined;
}

/** CertID (RFC 6960 §4.1.1). */
export interface CertificateId {
  /** Undefined if the hash is not supported; the answer is about no certificate then. */
  readonly hash: "sha1" | "sha256" | undefined;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  readonly serial: Uint8Array;
}

/** The most octets, and the most answers, of one response. */
const RESPONSE_OCTETS_MAX = 2 ** 20;
const ANSWERS_MAX = 1000;
const CERTIFICATES_MAX = 16;
/** OCSPResponseStatus (RFC 6960 §4.2.1). */
const STATUS = ["successful", "malformedRequest", "internalError", "", "tryLater", "sigRequired"];

/**
 * Reads a response.
 * @throws {WireError} if it is not a response, not valid DER, or says that the responder did not answer.
 */
export function parseOcspResponse(octets: Uint8Array): OcspResponse {
  if (octets.length > RESPONSE_OCTETS_MAX) {
    throw new WireError(
      `Cannot read ${WHAT} of ${octets.length} octets, at most ${RESPONSE_OCTETS_MAX}`,
    );
  }
  const outer = derSequence(octets, WHAT);
  const status = outer.small(WHAT, 255, Tag.ENUMERATED);
  if (status !== 0) {
    throw new WireError(`Cannot use ${WHAT}, its status is ${STATUS[status] || status}`);
  }
  const wrapped = outer.within(contextTag(0, "constructed"), WHAT);
  outer.end(WHAT);
  const bytes = wrapped.within(Tag.SEQUENCE, WHAT);
  const type = bytes.oid(WHAT);
  if (type !== Ocsp.BASIC_RESPONSE) throw new WireError(`Cannot use ${WHAT} of the type ${type}`);
  const basic = derSequence(bytes.contents(Tag.OCTET_STRING, WHAT), WHAT);
  bytes.end(WHAT);
  wrapped.end(WHAT);
  const tbs = basic.whole(WHAT, Tag.SEQUENCE);
  const { signature } = parseSignature(basic, WHAT);
  const list = basic.maybeWithin(contextTag(0, "constructed"), WHAT);
  basic.end(WHAT);
  const certificates: Certificate[] = [];
  const inner = list?.within(Tag.SEQUENCE, WHAT);
  list?.end(WHAT);
  while (inner && inner.left > 0) {
    if (certificates.length >= CERTIFICATES_MAX) {
      throw new WireError(`Cannot read ${WHAT}, it has more than ${CERTIFICATES_MAX} certificates`);
    }
    certificates.push(parseCertificate(inner.whole(WHAT, Tag.SEQUENCE)));
  }
  return { der: octets, tbs, signature, ...parseResponseData(tbs), certificates };
}

/** The responses of a file, PEM or DER. @throws {WireError} if one is malformed. */
export function readOcspResponses(file: Uint8Array): OcspResponse[] {
  return pemOrDer(file, "OCSP RESPONSE").map(({ der }) => parseOcspResponse(der));
}

/** Whether an answer is about this certificate of this issuer (RFC 6960 §4.1.1). */
export function isAbout(
  { hash, issuerNameHash, issuerKeyHash, serial }: CertificateId,
  certificate: Certificate,
  issuer: Certificate,
  backend: CryptoBackend,
): boolean {
  if (!hash || !sameOctets(serial, certificate.serial)) return false;
  const digest = (data: Uint8Array) => backend[hash](data);
  return sameOctets(issuerNameHash, digest(certificate.issuer.der)) &&
    sameOctets(issuerKeyHash, digest(issuer.keyOctets));
}

/**
 * Whether an answer names this certificate: by its serial number and the hash of its issuer's name. The
 * hash of the issuer's key is not compared, as the sender of a response need not know the key.
 */
export function namesCertificate(
  { hash, issuerNameHash, serial }: CertificateId,
  certificate: Certificate,
  backend: CryptoBackend,
): boolean {
  return hash !== undefined && sameOctets(serial, certificate.serial) &&
    sameOctets(issuerNameHash, backend[hash](certificate.issuer.der));
}

/** Makes a request about one certificate, without a signature (RFC 6960 §4.1.1), with SHA-1 as in RFC 5019. */
export function encodeOcspRequest(
  certificate: Certificate,
  issuer: Certificate,
  backend: CryptoBackend,
): Uint8Array {
  const id = derSequenceOf(
    derSequenceOf(derOid(Algorithm.SHA1), der(Tag.NULL)),
    der(Tag.OCTET_STRING, backend.sha1(certificate.issuer.der)),
    der(Tag.OCTET_STRING, backend.sha1(issuer.keyOctets)),
    der(Tag.INTEGER, certificate.serial),
  );
  return derSequenceOf(derSequenceOf(derSequenceOf(derSequenceOf(id))));
}

const WHAT = "an OCSP response";

type ResponseData = Pick<
  OcspResponse,
  "responder" | "producedMs" | "answers" | "nonce" | "unknownCritical"
>;

function parseResponseData(tbs: Uint8Array): ResponseData {
  const reader = derSequence(tbs, WHAT);
  const version = reader.maybeWithin(contextTag(0, "constructed"), WHAT);
  if (version && version.small(WHAT, 255) !== 0) {
    throw new WireError(`Cannot use ${WHAT} of version 2`);
  }
  const responder = parseResponder(reader);
  const producedMs = parseTime(reader, WHAT);
  const singles = reader.within(Tag.SEQUENCE, WHAT);
  const list = reader.maybeWithin(contextTag(1, "constructed"), WHAT);
  reader.end(WHAT);
  const unknownCritical: string[] = [];
  const answers: OcspAnswer[] = [];
  while (singles.left > 0) {
    if (answers.length >= ANSWERS_MAX) {
      throw new WireError(`Cannot read ${WHAT}, it has more than ${ANSWERS_MAX} answers`);
    }
    answers.push(parseAnswer(singles.within(Tag.SEQUENCE, WHAT), unknownCritical));
  }
  let nonce: Uint8Array | undefined;
  const inner = list?.within(Tag.SEQUENCE, WHAT);
  for (const { oid, critical, value } of inner ? parseRawExtensions(inner, WHAT) : []) {
    if (oid === Extension.OCSP_NONCE) nonce = value;
    else if (critical) unknownCritical.push(oid);
  }
  return { responder, producedMs, answers, nonce, unknownCritical };
}

function parseResponder(reader: DerReader): OcspResponse["responder"] {
  const byName = reader.maybeWithin(contextTag(1, "constructed"), WHAT);
  if (byName) {
    const name = parseName(byName.whole(WHAT, Tag.SEQUENCE), `${WHAT}'s responder`);
    byName.end(WHAT);
    return { by: "name", name };
  }
  const byKey = reader.within(contextTag(2, "constructed"), WHAT);
  const hash = byKey.contents(Tag.OCTET_STRING, WHAT);
  byKey.end(WHAT);
  return { by: "key", hash };
}

/** `SEQUENCE { certID, certStatus, thisUpdate, nextUpdate [0] OPTIONAL, extensions [1] OPTIONAL }` */
function parseAnswer(reader: DerReader, unknownCritical: string[]): OcspAnswer {
  const id = parseCertificateId(reader.within(Tag.SEQUENCE, WHAT));
  const { tag } = reader;
  const good = contextTag(0, "primitive");
  const unknown = contextTag(2, "primitive");
  let revokedMs: number | undefined;
  let reason = 0;
  const status = tag === good ? "good" : tag === unknown ? "unknown" : "revoked";
  if (status === "revoked") {
    const revoked = reader.within(contextTag(1, "constructed"), WHAT);
    revokedMs = parseTime(revoked, WHAT);
    const said = revoked.maybeWithin(contextTag(0, "constructed"), WHAT);
    reason = said ? said.small(WHAT, 255, Tag.ENUMERATED) : 0;
    revoked.end(WHAT);
  } else reader.contents(tag, WHAT);
  const thisUpdateMs = parseTime(reader, WHAT);
  const next = reader.maybeWithin(contextTag(0, "constructed"), WHAT);
  const nextUpdateMs = next ? parseTime(next, WHAT) : undefined;
  const list = reader.maybeWithin(contextTag(1, "constructed"), WHAT);
  reader.end(WHAT);
  const inner = list?.within(Tag.SEQUENCE, WHAT);
  for (const { oid, critical } of inner ? parseRawExtensions(inner, WHAT) : []) {
    if (critical) unknownCritical.push(oid);
  }
  return { id, status, revokedMs, reason, thisUpdateMs, nextUpdateMs };
}

function parseCertificateId(reader: DerReader): CertificateId {
  const algorithm = reader.within(Tag.SEQUENCE, WHAT);
  const oid = algorithm.oid(WHAT);
  const issuerNameHash = reader.contents(Tag.OCTET_STRING, WHAT);
  const issuerKeyHash = reader.contents(Tag.OCTET_STRING, WHAT);
  const serial = reader.integer(WHAT);
  reader.end(WHAT);
  const hash = oid === Algorithm.SHA1 ? "sha1" : oid === Algorithm.SHA256 ? "sha256" : undefined;
  return { hash, issuerNameHash, issuerKeyHash, serial };
}
