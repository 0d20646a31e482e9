/**
 * CERT and CERTREQ payloads (RFC 7296 §3.6, §3.7): what is taken out of them, and how authorities are
 * named.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { CertEncoding, nameOfCertEncoding } from "@/iana/cert_encoding.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { ComputeJob } from "@/ike/records/event.ts";
import { type Certificate, keyHash } from "@/pki/certificate.ts";
import type { Payload } from "@/wire/message.ts";
import type { CertPayload, CertreqPayload } from "@/wire/payloads/certificate.ts";

/** CERT payloads of one message that are looked at. */
const CERTIFICATES_MAX = 100;

/** The octets that a peer sent, by what they are. */
export type SentCertificates = Pick<
  Extract<ComputeJob, { op: "verify_chain" }>,
  "certificates" | "crls" | "ocsp"
>;

/** The certificates, revocation lists and responses of a message; a text says what is wrong. */
export function certificatesIn(payloads: readonly Payload[]): SentCertificates | string {
  const sent = payloads.filter((p): p is CertPayload =>
    p.type === PayloadType.CERT && !("raw" in p)
  );
  if (sent.length > CERTIFICATES_MAX) {
    return `it sent ${sent.length} CERT payloads, at most ${CERTIFICATES_MAX} are looked at`;
  }
  const of = (encoding: number) =>
    sent.filter((cert) => cert.encoding === encoding).map(({ data }) => data);
  const certificates = of(CertEncoding.X509_SIGNATURE);
  if (certificates.length === 0) {
    const encodings = sent.map(({ encoding }) => nameOfCertEncoding(encoding)).join(", ");
    return `it sent no X.509 certificate${encodings ? `, only ${encodings}` : ""}`;
  }
  return { certificates, crls: of(CertEncoding.CRL), ocsp: of(CertEncoding.OCSP_CONTENT) };
}

/**
 * A wish for certificates of these authorities: SHA-1 of the SubjectPublicKeyInfo of each, 20 octets
 * (RFC 7296 §3.7). None: any certificate.
 */
export function certificateRequest(
  crypto: CryptoBackend,
  authorities: readonly Certificate[],
): CertreqPayload {
  const hashes = authorities.map((authority) => hashOf(crypto, authority));
  const data = concat(...hashes);
  return { type: PayloadType.CERTREQ, encoding: CertEncoding.X509_SIGNATURE, data };
}

/** Every tunnel names the same few. */
function hashOf(crypto: CryptoBackend, authority: Certificate): Uint8Array {
  let hash = HASHES.get(authority);
  if (!hash) HASHES.set(authority, hash = keyHash(authority, crypto));
  return hash;
}

const HASHES = new WeakMap<Certificate, Uint8Array>();
