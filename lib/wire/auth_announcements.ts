/**
 * The data of SUPPORTED_AUTH_METHODS: by which methods the sender lets its peer authenticate
 * (RFC 9593 §3.2). Announcements of three formats follow each other:
 *
 * ```text
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+
 * |  Length (=2)  |  Auth Method  |
 * +---------------+---------------+---------------+
 * |  Length (=3)  |  Auth Method  |   Cert Link   |
 * +---------------+---------------+---------------+---------------+
 * |  Length (>3)  |  Auth Method  |   Cert Link   |               |
 * +---------------+---------------+---------------+               +
 * ~                      AlgorithmIdentifier                      ~
 * +---------------------------------------------------------------+
 * ```
 * @module
 */
import { Reader, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";

/** The most announcements of one notify that are kept. */
export const ANNOUNCEMENTS_MAX = 64;

/** One method that the sender accepts from its peer. */
export interface AuthAnnouncement {
  /** IANA Authentication Method, uint8. */
  readonly method: number;
  /**
   * The number, from 1, of the authority in the sender's CERTREQ payloads that must have issued the
   * certificate, uint8; 0: any authority. It is 0 for a 2-octet announcement, which has no Cert Link.
   */
  readonly link: number;
  /** AlgorithmIdentifier in DER (RFC 7427); absent: the announcement names no algorithm. */
  readonly algorithm?: Uint8Array;
}

/**
 * Reads the announcements, and ignores those after the first {@linkcode ANNOUNCEMENTS_MAX}.
 * @throws {WireError} if a length is below 2, or exceeds the data.
 */
export function decodeAnnouncements(data: Uint8Array): AuthAnnouncement[] {
  const reader = new Reader(data);
  const announcements: AuthAnnouncement[] = [];
  while (reader.left > 0) {
    const length = reader.u8();
    if (length < 2) throw new WireError(`Cannot accept an announcement of ${length} octets`);
    const body = new Reader(reader.take(length - 1));
    const method = body.u8();
    const link = body.left > 0 ? body.u8() : 0;
    const algorithm = body.left > 0 ? { algorithm: body.rest() } : {};
    if (announcements.length === ANNOUNCEMENTS_MAX) continue;
    announcements.push({ method, link, ...algorithm });
  }
  return announcements;
}

/** The 2-octet announcement of a method that uses no certificate or public key. */
export function plainAnnouncement(method: number): Uint8Array {
  return Uint8Array.of(2, method);
}

/** The 3-octet announcement or, with an AlgorithmIdentifier of at most 252 octets, the multi-octet one. */
export function linkedAnnouncement({ method, link, algorithm }: AuthAnnouncement): Uint8Array {
  const octets = algorithm ?? new Uint8Array(0);
  return new Writer(3 + octets.length).u8(3 + octets.length).u8(method).u8(link).put(octets).done();
}
