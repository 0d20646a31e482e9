/**
 * CERT and CERTREQ payloads (RFC 7296 §3.6, §3.7): what is taken out of them, and how authorities are
 * named.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { PublicKey } from "@/crypto/signature.ts";
import { CertEncoding, nameOfCertEncoding } from "@/iana/cert_encoding.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { VerifyingAuth } from "@/ike/records/config.ts";
import type { ComputeJob } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { type Certificate, keyHash } from "@/pki/certificate.ts";
import { namesCertificate, type OcspResponse } from "@/pki/ocsp.ts";
import type { Payload } from "@/wire/message.ts";
import type { CertPayload, CertreqPayload } from "@/wire/payloads/certificate.ts";

/** CERT, and CERTREQ, payloads of one message that are looked at. */
const CERTIFICATES_MAX = 100;
const REQUESTS_MAX = 16;

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

/** The octets of the raw public keys of a message (RFC 7670 §3); at most two, as one is too many already. */
export function rawKeysIn(payloads: readonly Payload[]): readonly Uint8Array[] {
  return payloads.filter((p): p is CertPayload =>
    p.type === PayloadType.CERT && !("raw" in p) && p.encoding === CertEncoding.RAW_PUBLIC_KEY
  ).slice(0, 2).map(({ data }) => data);
}

/** Whether a message has a CERT payload of any encoding. */
export function hasCertificates(payloads: readonly Payload[]): boolean {
  return payloads.some(({ type }) => type === PayloadType.CERT);
}

/**
 * What is asked of a peer that signs: certificates of the authorities that are trusted, named by SHA-1 of
 * the SubjectPublicKeyInfo of each, 20 octets (RFC 7296 §3.7), where none is named of any; and an OCSP
 * response, which the issuer or a responder of its own may have signed (RFC 4806 §3.1, without hashes).
 */
export function certificateRequests(
  crypto: CryptoBackend,
  { requested, asksOcsp, rawKeys }: VerifyingAuth,
): CertreqPayload[] {
  const type = PayloadType.CERTREQ;
  const none = new Uint8Array(0);
  const data = requested && concat(...requested.map((authority) => hashOf(crypto, authority)));
  return [
    ...(data ? [{ type, encoding: CertEncoding.X509_SIGNATURE, data }] : []),
    // RFC 7670 §3: its Certification Authority field is empty.
    ...(rawKeys ? [{ type, encoding: CertEncoding.RAW_PUBLIC_KEY, data: none }] : []),
    ...(asksOcsp ? [{ type, encoding: CertEncoding.OCSP_CONTENT, data: none }] : []),
  ];
}

/** The encodings that the CERTREQ payloads of a message ask for; those beyond a few are passed over. */
export function encodingsAskedFor(payloads: readonly Payload[]): number[] {
  return payloads.filter((p): p is CertreqPayload =>
    p.type === PayloadType.CERTREQ && !("raw" in p)
  ).slice(0, REQUESTS_MAX).map(({ encoding }) => encoding);
}

/** Whether the peer has asked for CERT payloads of this encoding. */
export function isAskedFor({ setup, originalInitiator }: IkeSa, encoding: number): boolean {
  const { requestedEncodings, authRequest } = setup!;
  const asked = originalInitiator ? requestedEncodings : encodingsAskedFor(authRequest!.payloads);
  return asked.includes(encoding);
}

/** CERT payloads of certificates, in this order. */
export function certificatePayloads(certificates: readonly Certificate[]): CertPayload[] {
  return certificates.map(({ der }) => certPayload(CertEncoding.X509_SIGNATURE, der));
}

/** The CERT payload of a raw public key: its SubjectPublicKeyInfo (RFC 7670 §3). */
export function rawKeyPayload({ spki }: PublicKey): CertPayload {
  return certPayload(CertEncoding.RAW_PUBLIC_KEY, spki);
}

/** CERT payloads of the OCSP responses that are about one of these certificates (RFC 4806 §3.2). */
export function ocspPayloads(
  responses: readonly OcspResponse[],
  certificates: readonly Certificate[],
  crypto: CryptoBackend,
): CertPayload[] {
  return responses.filter(({ answers }) =>
    answers.some(({ id }) => certificates.some((one) => namesCertificate(id, one, crypto)))
  ).map(({ der }) => certPayload(CertEncoding.OCSP_CONTENT, der));
}

function certPayload(encoding: number, data: Uint8Array): CertPayload {
  return { type: PayloadType.CERT, encoding, data };
}

/** Every tunnel names the same few. */
function hashOf(crypto: CryptoBackend, authority: Certificate): Uint8Array {
  let hash = HASHES.get(authority);
  if (!hash) HASHES.set(authority, hash = keyHash(authority, crypto));
  return hash;
}

const HASHES = new WeakMap<Certificate, Uint8Array>();
