/**
 * Certificate and Certificate Request payloads (RFC 7296 §3.6, §3.7); both have this form:
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+-----------------------------------------------+
 * | Cert Encoding |                                               |
 * +---------------+                                               |
 * ~        Certificate Data, or Certification Authority           ~
 * ```
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec, PayloadFlags } from "@/wire/codec.ts";

/** A certificate, a CRL, or other data according to the encoding. */
export interface CertPayload extends PayloadFlags {
  readonly type: typeof PayloadType.CERT;
  /** Cert Encoding, uint8. */
  readonly encoding: number;
  readonly data: Uint8Array;
}

/** A request for certificates. */
export interface CertreqPayload extends PayloadFlags {
  readonly type: typeof PayloadType.CERTREQ;
  /** Cert Encoding, uint8. */
  readonly encoding: number;
  /**
   * For X.509 encodings the SHA-1 hashes of trusted authorities' public keys, 20 octets each; may be empty.
   */
  readonly data: Uint8Array;
}

/** Octets of a hash in Certification Authority (RFC 7296 §3.7). */
const CA_HASH_OCTETS = 20;

/** Codec of {@linkcode CertPayload}. */
export const certCodec: PayloadCodec<CertPayload> = {
  type: PayloadType.CERT,

  decode(body) {
    const encoding = body.u8();
    if (body.left === 0) throw new WireError("Cannot accept an empty certificate");
    return { type: PayloadType.CERT, encoding, data: body.rest() };
  },

  encode({ encoding, data }, body) {
    body.u8(encoding).put(data);
  },
};

/** Codec of {@linkcode CertreqPayload}. */
export const certreqCodec: PayloadCodec<CertreqPayload> = {
  type: PayloadType.CERTREQ,

  decode(body) {
    const encoding = body.u8();
    if (namesHashes(encoding) && body.left % CA_HASH_OCTETS !== 0) {
      throw new WireError(`Cannot split ${body.left} octets of CERTREQ into SHA-1 hashes`);
    }
    return { type: PayloadType.CERTREQ, encoding, data: body.rest() };
  },

  encode({ encoding, data }, body) {
    body.u8(encoding).put(data);
  },
};

/** Whether the field is a list of hashes for this encoding, as for others it is undefined (RFC 7296 §3.7). */
function namesHashes(encoding: number): boolean {
  return encoding === CertEncoding.X509_SIGNATURE || encoding === CertEncoding.HASH_AND_URL_X509 ||
    encoding === CertEncoding.HASH_AND_URL_BUNDLE;
}
