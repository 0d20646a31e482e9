/**
 * Reads and makes CERT and CERTREQ payloads (RFC 7296 §3.6, §3.7).
 * @module
 */
import { concat } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { PublicKey } from "@/crypto/signature.ts";
import { CertEncoding, nameOfCertEncoding } from "@/iana/cert_encoding.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { CertificateAddress, VerifyingAuth } from "@/ike/records/config.ts";
import type { ComputeJob } from "@/ike/records/event.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { CertificateWishes } from "@/ike/records/setup_state.ts";
import { type Certificate, keyHash } from "@/pki/certificate.ts";
import { namesCertificate, type OcspResponse } from "@/pki/ocsp.ts";
import { parseHashAndUrl } from "@/pki/received.ts";
import type { Payload } from "@/wire/message.ts";
import type { CertPayload, CertreqPayload } from "@/wire/payloads/certificate.ts";

/** The most CERT payloads, and the most CERTREQ payloads, that are read in one message. */
const CERTIFICATES_MAX = 100;
const REQUESTS_MAX = 16;
/** The most authorities that are read in CERTREQ payloads, and the octets of each hash. */
const AUTHORITIES_MAX = 200;
const HASH_OCTETS = 20;
/** The most URLs of certificates in one message that are looked up. */
const ADDRESSES_MAX = 8;

/** The certificates, revocation lists and OCSP responses that a peer sent, as octets. */
export type SentCertificates = Pick<
  Extract<ComputeJob, { op: "verify_chain" }>,
  "certificates" | "crls" | "ocsp"
>;

/**
 * The certificates, revocation lists and responses of a message; a text gives the reason why they are
 * refused. `looksUp` says whether certificates that are sent as hash and URL are accepted.
 */
export function certificatesIn(
  payloads: readonly Payload[],
  looksUp: boolean,
): SentCertificates | string {
  const sent = payloads.filter((p): p is CertPayload =>
    p.type === PayloadType.CERT && !("raw" in p)
  );
  if (sent.length > CERTIFICATES_MAX) {
    return `it sent ${sent.length} CERT payloads, at most ${CERTIFICATES_MAX} are looked at`;
  }
  const of = (encoding: number) =>
    sent.filter((cert) => cert.encoding === encoding).map(({ data }) => data);
  const addressed = sent.filter(isAddressed).length;
  if (addressed > 0 && !looksUp) {
    return "it sent the hash and URL of a certificate in place of it, and certlookup is off";
  }
  if (addressed > ADDRESSES_MAX) {
    return `it sent the URLs of ${addressed} certificates, and at most ${ADDRESSES_MAX} are looked up`;
  }
  const certificates = sent.flatMap((cert): SentCertificates["certificates"] =>
    cert.encoding === CertEncoding.X509_SIGNATURE
      ? [cert.data]
      : isAddressed(cert)
      ? [parseHashAndUrl(cert.data, cert.encoding === CertEncoding.HASH_AND_URL_BUNDLE)]
      : []
  );
  if (certificates.length === 0) {
    const encodings = sent.map(({ encoding }) => nameOfCertEncoding(encoding)).join(", ");
    return `it sent no X.509 certificate${encodings ? `, only ${encodings}` : ""}`;
  }
  return { certificates, crls: of(CertEncoding.CRL), ocsp: of(CertEncoding.OCSP_CONTENT) };
}

function isAddressed({ encoding }: CertPayload): boolean {
  return encoding === CertEncoding.HASH_AND_URL_X509 ||
    encoding === CertEncoding.HASH_AND_URL_BUNDLE;
}

/**
 * The octets of the raw public keys of a message (RFC 7670 §3); at most two, as a message with two is
 * refused already.
 */
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
 * The requests to a peer that signs. CERTREQ names the trusted authorities by the SHA-1 of their
 * SubjectPublicKeyInfo, 20 octets each (RFC 7296 §3.7); if it names none, any authority will do. A
 * request for an OCSP response names no responder, so that the issuer or a responder of the issuer may
 * have signed it (RFC 4806 §3.1). HTTP_CERT_LOOKUP_SUPPORTED allows the peer to send a hash and URL.
 */
export function certificateRequests(
  crypto: CryptoBackend,
  { requested, asksOcsp, rawKeys, lookup }: VerifyingAuth,
): Payload[] {
  const type = PayloadType.CERTREQ;
  const none = new Uint8Array(0);
  const data = requested &&
    concat(...requested.map((authority) => authorityHash(crypto, authority)));
  return [
    ...(data ? [{ type, encoding: CertEncoding.X509_SIGNATURE, data }] : []),
    // RFC 7670 §3: the field Certification Authority is empty.
    ...(rawKeys ? [{ type, encoding: CertEncoding.RAW_PUBLIC_KEY, data: none }] : []),
    ...(asksOcsp ? [{ type, encoding: CertEncoding.OCSP_CONTENT, data: none }] : []),
    ...(lookup ? [notify(NotifyType.HTTP_CERT_LOOKUP_SUPPORTED)] : []),
  ];
}

/**
 * The requests in the CERTREQ payloads of a message, and whether it has HTTP_CERT_LOOKUP_SUPPORTED.
 * Payloads and authorities beyond the limits are ignored.
 */
export function wishesIn(payloads: readonly Payload[]): CertificateWishes {
  const requests = payloads.filter((p): p is CertreqPayload =>
    p.type === PayloadType.CERTREQ && !("raw" in p)
  ).slice(0, REQUESTS_MAX);
  const authorities: Uint8Array[] = [];
  for (const { encoding, data } of requests) {
    if (encoding !== CertEncoding.X509_SIGNATURE) continue;
    for (let at = 0; at < data.length && authorities.length < AUTHORITIES_MAX; at += HASH_OCTETS) {
      authorities.push(data.slice(at, at + HASH_OCTETS));
    }
  }
  return {
    encodings: requests.map(({ encoding }) => encoding),
    authorities,
    looksUp: findNotify(payloads, NotifyType.HTTP_CERT_LOOKUP_SUPPORTED) !== undefined,
  };
}

/**
 * The requests of the peer for certificates of this end, which a responder finds in the IKE_AUTH request.
 */
export function wishesOf({ setup, originalInitiator }: IkeSa): CertificateWishes {
  const { certificateWishes, authRequest } = setup!;
  return originalInitiator ? certificateWishes ?? NO_WISHES : wishesIn(authRequest!.payloads);
}

const NO_WISHES: CertificateWishes = { encodings: [], authorities: [], looksUp: false };

/** The CERT payloads of certificates, in the same order. */
export function certificatePayloads(certificates: readonly Certificate[]): CertPayload[] {
  return certificates.map(({ der }) => certPayload(CertEncoding.X509_SIGNATURE, der));
}

/** The CERT payload with the URL at which octets are published, and their SHA-1 (RFC 7296 §3.6). */
export function addressPayload(
  { url, isBundle }: CertificateAddress,
  octets: Uint8Array,
  { crypto, tunnel }: { readonly crypto: CryptoBackend; readonly tunnel: number },
): CertPayload {
  const { HASH_AND_URL_BUNDLE, HASH_AND_URL_X509 } = CertEncoding;
  const text = new TextEncoder().encode(url.replaceAll("&d", String(tunnel)));
  return certPayload(
    isBundle ? HASH_AND_URL_BUNDLE : HASH_AND_URL_X509,
    concat(crypto.sha1(octets), text),
  );
}

/** The CERT payload of a raw public key: its SubjectPublicKeyInfo (RFC 7670 §3). */
export function rawKeyPayload({ spki }: PublicKey): CertPayload {
  return certPayload(CertEncoding.RAW_PUBLIC_KEY, spki);
}

/** The CERT payloads of the OCSP responses about one of these certificates (RFC 4806 §3.2). */
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

/**
 * The SHA-1 of an authority's SubjectPublicKeyInfo, by which CERTREQ names it. It is kept, as all
 * tunnels name the same few authorities.
 */
export function authorityHash(crypto: CryptoBackend, authority: Certificate): Uint8Array {
  let hash = HASHES.get(authority);
  if (!hash) HASHES.set(authority, hash = keyHash(authority, crypto));
  return hash;
}

const HASHES = new WeakMap<Certificate, Uint8Array>();
