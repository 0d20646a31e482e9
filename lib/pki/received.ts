/**
 * Reads the contents of CERT payloads (RFC 7296 §3.6) by their encoding: certificates, revocation lists,
 * OCSP responses (RFC 4806), raw public keys (RFC 7670), and URLs of certificates.
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |             SHA-1 of what is at the address (20 octets)       ~
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * ~                     URL, without an end                       ~
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * ```
 * @module
 */
import { Reader, sameOctets } from "@/base/bytes.ts";
import { contextTag, der, type DerReader, derSequence, derSequenceOf } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { PublicKey } from "@/crypto/signature.ts";
import { CertEncoding, nameOfCertEncoding } from "@/iana/cert_encoding.ts";
import { type Certificate, parseCertificate } from "@/pki/certificate.ts";
import { type Crl, parseCrl } from "@/pki/crl.ts";
import { latinText } from "@/pki/name.ts";
import { type OcspResponse, parseOcspResponse } from "@/pki/ocsp.ts";
import { parsePublicKey } from "@/pki/public_key.ts";

/** The contents of one CERT payload. */
export type Received =
  | { readonly kind: "certificate"; readonly certificate: Certificate }
  | { readonly kind: "crl"; readonly crl: Crl }
  | { readonly kind: "ocsp"; readonly response: OcspResponse }
  | { readonly kind: "raw_key"; readonly publicKey: PublicKey }
  | { readonly kind: "address"; readonly address: HashAndUrl };

/** The URL of a certificate or of a bundle, with its hash. */
export interface HashAndUrl {
  /** Whether it is a bundle, and not a single certificate. */
  readonly isBundle: boolean;
  /** SHA-1, 20 octets. */
  readonly hash: Uint8Array;
  /** Only with the scheme http, which is the only one that RFC 7296 §3.6 demands. */
  readonly url: string;
}

/** Finds the octets at a URL, or in a store by their hash. */
export interface CertificateLookup {
  /**
   * The octets, which the caller compares with the hash.
   * @throws {WireError} (or rejects) if they cannot be found.
   */
  find(address: HashAndUrl): Uint8Array | Promise<Uint8Array>;
}

/** The most characters of a URL, and the most parts of a bundle. */
const URL_MAX = 1024;
const BUNDLE_MAX = 100;
const HASH_OCTETS = 20;

/** Reads the data of a CERT payload. @throws {WireError} if it is malformed, or its encoding is not supported. */
export function parseReceived(encoding: number, data: Uint8Array): Received {
  switch (encoding) {
    case CertEncoding.X509_SIGNATURE:
      return { kind: "certificate", certificate: parseCertificate(data) };
    case CertEncoding.CRL:
      return { kind: "crl", crl: parseCrl(data) };
    case CertEncoding.OCSP_CONTENT:
      return { kind: "ocsp", response: parseOcspResponse(data) };
    case CertEncoding.RAW_PUBLIC_KEY:
      return { kind: "raw_key", publicKey: parsePublicKey(data) };
    case CertEncoding.HASH_AND_URL_X509:
      return { kind: "address", address: parseHashAndUrl(data, false) };
    case CertEncoding.HASH_AND_URL_BUNDLE:
      return { kind: "address", address: parseHashAndUrl(data, true) };
    default:
      throw new WireError(`Cannot use a certificate encoded as ${nameOfCertEncoding(encoding)}`);
  }
}

/**
 * The certificates and lists of octets that were fetched from a URL.
 * @throws {WireError} if they do not have the hash that was sent, or are malformed.
 */
export function parseFetched(
  { hash, url, isBundle }: HashAndUrl,
  content: Uint8Array,
  backend: CryptoBackend,
): { readonly certificates: Certificate[]; readonly crls: Crl[] } {
  if (!sameOctets(backend.sha1(content), hash)) {
    throw new WireError(`Cannot use what ${url} gives: its SHA-1 is not the one that was sent`);
  }
  if (!isBundle) return { certificates: [parseCertificate(content)], crls: [] };
  return parseBundle(derSequence(content, BUNDLE));
}

const BUNDLE = "a certificate bundle";

/** A bundle of certificates, as {@linkcode parseFetched} reads it. */
export function encodeBundle(certificates: readonly Certificate[]): Uint8Array {
  return derSequenceOf(
    ...certificates.map((one) => der(contextTag(0, "constructed"), one.der)),
  );
}

/** `SEQUENCE OF CHOICE { cert [0] Certificate, crl [1] CertificateList }`, tags explicit (RFC 7296 §3.6). */
function parseBundle(reader: DerReader): { certificates: Certificate[]; crls: Crl[] } {
  const certificates: Certificate[] = [];
  const crls: Crl[] = [];
  while (reader.left > 0) {
    if (certificates.length + crls.length >= BUNDLE_MAX) {
      throw new WireError(`Cannot read ${BUNDLE}, it has more than ${BUNDLE_MAX} parts`);
    }
    const isList = reader.tag === contextTag(1, "constructed");
    const part = reader.within(contextTag(isList ? 1 : 0, "constructed"), BUNDLE);
    const whole = part.whole(BUNDLE);
    part.end(BUNDLE);
    if (isList) crls.push(parseCrl(whole));
    else certificates.push(parseCertificate(whole));
  }
  return { certificates, crls };
}

/** Reads a hash and a URL. @throws {WireError} if it is no http URL, or is too long. */
export function parseHashAndUrl(data: Uint8Array, isBundle: boolean): HashAndUrl {
  const reader = new Reader(data);
  const hash = reader.take(HASH_OCTETS);
  const url = latinText(reader.rest());
  if (url.length > URL_MAX || !/^http:\/\/[\x21-\x7e]+$/i.test(url)) {
    const shown = url.slice(0, 100).replaceAll(/[^\x20-\x7e]/g, "?");
    throw new WireError(`Cannot use "${shown}" as the address of a certificate: it is no http URL`);
  }
  return { isBundle, hash, url };
}
