/**
 * EAP packets (RFC 3748 §4).
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |     Code      |  Identifier   |            Length             |
 * +---------------+---------------+-------------------------------+
 * |     Type      |  Type-Data (Request and Response only)        ~
 *
 * Expanded types (§5.7):
 * +---------------+-----------------------------------------------+
 * |   Type (254)  |                   Vendor-Id                   |
 * +---------------+-----------------------------------------------+
 * |                          Vendor-Type                          |
 * +---------------------------------------------------------------+
 * ```
 * @module
 */
import { Reader, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { EapCode, EapType, nameOfEapCode } from "@/iana/eap_type.ts";

/** Octets of Code, Identifier and Length. */
const HEADER_OCTETS = 4;

/** A Request or a Response. */
export interface EapMethodPacket {
  readonly code: typeof EapCode.REQUEST | typeof EapCode.RESPONSE;
  /** uint8: a Response has that of its Request. */
  readonly identifier: number;
  /** Method type, uint8; 254 for an expanded type. */
  readonly type: number;
  /** Type-Data; of an expanded type it begins with Vendor-Id and Vendor-Type. */
  readonly data: Uint8Array;
}

/** A Success or a Failure, which ends the conversation. */
export interface EapClosingPacket {
  readonly code: typeof EapCode.SUCCESS | typeof EapCode.FAILURE;
  /** uint8: that of the Response it follows. */
  readonly identifier: number;
}

/** Any EAP packet. */
export type EapPacket = EapMethodPacket | EapClosingPacket;

/**
 * The packet in `octets`; its data is a view. Octets behind its Length are padding of the layer
 * below and are ignored (RFC 3748 §4.1).
 * @throws {WireError} where the RFC does not allow it.
 */
export function decodeEap(octets: Uint8Array): EapPacket {
  if (octets.length < HEADER_OCTETS) {
    throw new WireError(`Cannot accept an EAP packet of ${octets.length} octets`);
  }
  const header = new Reader(octets);
  const code = header.u8();
  const identifier = header.u8();
  const length = header.u16();
  if (length < HEADER_OCTETS || length > octets.length) {
    throw new WireError(`Cannot accept EAP length ${length} in ${octets.length} octets`);
  }
  const body = new Reader(octets, HEADER_OCTETS, length);
  switch (code) {
    case EapCode.SUCCESS:
    case EapCode.FAILURE:
      if (body.left > 0) throw new WireError(`Cannot accept data in EAP ${nameOfEapCode(code)}`);
      return { code, identifier };
    case EapCode.REQUEST:
    case EapCode.RESPONSE: {
      if (body.left === 0) throw new WireError("Cannot accept an EAP packet without its type");
      const type = body.u8();
      const data = body.rest();
      if (type === EapType.EXPANDED && data.length < 7) {
        throw new WireError(`Cannot accept an expanded EAP type of ${data.length} octets`);
      }
      return { code, identifier, type, data };
    }
    default:
      throw new WireError(`Cannot accept EAP code ${code}`);
  }
}

/** The octets of a packet, which is not validated. */
export function encodeEap(packet: EapPacket): Uint8Array {
  const typed = "type" in packet;
  const length = HEADER_OCTETS + (typed ? 1 + packet.data.length : 0);
  const octets = new Writer(length).u8(packet.code).u8(packet.identifier).u16(length);
  if (typed) octets.u8(packet.type).put(packet.data);
  return octets.done();
}

/**
 * The Type-Data of a Response that refuses a Request's type and says what would be taken
 * (RFC 3748 §5.3): a Legacy Nak, or an Expanded Nak where the Request had an expanded type.
 */
export function nakOf(refused: EapMethodPacket, wanted: readonly number[]): EapMethodPacket {
  const response = { code: EapCode.RESPONSE, identifier: refused.identifier };
  if (refused.type !== EapType.EXPANDED) {
    // §5.3.1: a list with the one type 0 says that no alternative is wanted.
    return { ...response, type: EapType.NAK, data: Uint8Array.from(wanted.length ? wanted : [0]) };
  }
  const data = new Writer(64).u8(0).u16(0).u32(EapType.NAK);
  for (const type of wanted.length ? wanted : [0]) data.u8(EapType.EXPANDED).u8(0).u16(0).u32(type);
  return { ...response, type: EapType.EXPANDED, data: data.done() };
}

/** The types that a Nak asks for, without 0; `undefined` if the packet is no Nak. */
export function typesInNak({ type, data }: EapMethodPacket): number[] | undefined {
  if (type === EapType.NAK) return [...data].filter((wanted) => wanted !== 0);
  if (type !== EapType.EXPANDED) return undefined;
  const body = new Reader(data);
  if (body.u8() !== 0 || body.u16() !== 0 || body.u32() !== EapType.NAK) return undefined;
  const types: number[] = [];
  while (body.left >= 8) {
    body.u8();
    const vendor = body.u8() << 16 | body.u16();
    const wanted = body.u32();
    if (vendor === 0 && wanted !== 0) types.push(wanted);
  }
  return types;
}
