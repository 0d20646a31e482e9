/**
 * AVPs inside TTLS (RFC 5281 §10).
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------------------------------------------------------+
 * |                           AVP Code                            |
 * +---------------+-----------------------------------------------+
 * |V M r r r r r r|                  AVP Length                   |
 * +---------------+-----------------------------------------------+
 * |                Vendor-ID (where V is set)                     |
 * +---------------------------------------------------------------+
 * |    Data ..., padded to whole words
 * ```
 * @module
 */
import { Reader, Writer } from "@/base/bytes.ts";
import { refuse } from "@/eap/failure.ts";

const VENDOR = 0x80;
const MANDATORY = 0x40;
const HEADER_OCTETS = 8;
const VENDOR_OCTETS = 4;
/** The most AVPs of one message. */
const AVPS_MAX = 64;

/** AVP codes, those of RADIUS, and Microsoft's with its vendor number. */
export const AvpCode = {
  USER_NAME: 1,
  USER_PASSWORD: 2,
  CHAP_PASSWORD: 3,
  CHAP_CHALLENGE: 60,
  EAP_MESSAGE: 79,
  MS_CHAP_ERROR: 2,
  MS_CHAP_CHALLENGE: 11,
  MS_CHAP2_RESPONSE: 25,
  MS_CHAP2_SUCCESS: 26,
} as const;

/** Vendor number of Microsoft. */
export const MICROSOFT = 311;

/** An AVP. */
export interface Avp {
  /** uint32. */
  readonly code: number;
  /** uint32; 0 for none. */
  readonly vendor: number;
  /** Whether an end that does not know it must refuse the message. */
  readonly mandatory: boolean;
  readonly data: Uint8Array;
}

/** An AVP that must be known, with or without a vendor. */
export function avp(code: number, data: Uint8Array, vendor = 0): Avp {
  return { code, vendor, mandatory: true, data };
}

/** The AVPs of a message; data are views. @throws {EapRefusal} for lengths past the end. */
export function decodeAvps(octets: Uint8Array): Avp[] {
  const body = new Reader(octets);
  const avps: Avp[] = [];
  while (body.left > 0) {
    if (body.left < HEADER_OCTETS) refuse("malformed", `an AVP of ${body.left} octets`);
    const code = body.u32();
    const flags = body.u8();
    const length = body.u8() << 16 | body.u16();
    const vendorOctets = flags & VENDOR ? VENDOR_OCTETS : 0;
    const header = HEADER_OCTETS + vendorOctets;
    if (length < header || length - HEADER_OCTETS > body.left) {
      refuse(
        "malformed",
        `AVP ${code} says ${length} octets, ${body.left + HEADER_OCTETS} are left`,
      );
    }
    const vendor = vendorOctets > 0 ? body.u32() : 0;
    const data = body.take(length - header);
    // The padding of the last AVP may be left out.
    body.take(Math.min(body.left, (4 - length % 4) % 4));
    avps.push({ code, vendor, mandatory: (flags & MANDATORY) !== 0, data });
    if (avps.length > AVPS_MAX) refuse("malformed", `more than ${AVPS_MAX} AVPs`);
  }
  return avps;
}

/** The octets of AVPs. */
export function encodeAvps(avps: readonly Avp[]): Uint8Array {
  const w = new Writer(256);
  for (const { code, vendor, mandatory, data } of avps) {
    const flags = (vendor ? VENDOR : 0) | (mandatory ? MANDATORY : 0);
    const length = HEADER_OCTETS + (vendor ? VENDOR_OCTETS : 0) + data.length;
    w.u32(code).u8(flags).u8(length >>> 16).u16(length);
    if (vendor) w.u32(vendor);
    w.put(data).put(new Uint8Array((4 - length % 4) % 4));
  }
  return w.done();
}

/** The data of an AVP; undefined if there is none. */
export function findAvp(avps: readonly Avp[], code: number, vendor = 0): Uint8Array | undefined {
  return avps.find((found) => found.code === code && found.vendor === vendor)?.data;
}
