/**
 * RADIUS packets (RFC 2865 §3, §5).
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |     Code      |  Identifier   |            Length             |
 * +---------------+---------------+-------------------------------+
 * |                  Authenticator (16 octets)                    |
 * +---------------+---------------+-------------------------------+
 * |     Type      |    Length     |  Value ...
 * ```
 * @module
 */
import { concat, Reader, Writer } from "@/base/bytes.ts";
import { must, WireError } from "@/base/errors.ts";
import { nameOfRadiusAttribute, RadiusAttribute } from "@/iana/radius.ts";

/** Octets before the attributes of a packet. */
export const RADIUS_HEADER_OCTETS = 20;
/** The most octets of a whole packet (RFC 2865 §3). */
export const RADIUS_OCTETS_MAX = 4096;
/** The most octets of one attribute's value (RFC 2865 §5). */
export const RADIUS_VALUE_MAX = 253;
const AUTHENTICATOR_OCTETS = 16;
const MAC_ATTRIBUTE_OCTETS = 18;

/** One attribute. */
export interface RadiusAttributeValue {
  /** uint8. */
  readonly type: number;
  /** At most 253 octets. */
  readonly value: Uint8Array;
}

/** A packet. */
export interface RadiusPacket {
  /** uint8. */
  readonly code: number;
  /** uint8: a response has that of its request. */
  readonly identifier: number;
  /** 16 octets. */
  readonly authenticator: Uint8Array;
  readonly attributes: readonly RadiusAttributeValue[];
}

/**
 * The packet in a datagram; values are views. Octets behind its Length are padding (RFC 2865 §3).
 * @throws {WireError} where lengths are not as the RFC has them.
 */
export function decodeRadius(octets: Uint8Array): RadiusPacket {
  if (octets.length < RADIUS_HEADER_OCTETS) {
    throw new WireError(`Cannot accept a RADIUS packet of ${octets.length} octets`);
  }
  const header = new Reader(octets);
  const code = header.u8();
  const identifier = header.u8();
  const length = header.u16();
  if (length < RADIUS_HEADER_OCTETS || length > octets.length || length > RADIUS_OCTETS_MAX) {
    throw new WireError(`Cannot accept RADIUS length ${length} in ${octets.length} octets`);
  }
  const authenticator = header.take(AUTHENTICATOR_OCTETS);
  const body = new Reader(octets, RADIUS_HEADER_OCTETS, length);
  const attributes: RadiusAttributeValue[] = [];
  while (body.left > 0) {
    const type = body.u8();
    const name = nameOfRadiusAttribute(type);
    if (body.left === 0) throw new WireError(`Cannot accept RADIUS attribute ${name} cut short`);
    const octets = body.u8();
    if (octets < 2 || octets - 2 > body.left) {
      throw new WireError(`Cannot accept RADIUS attribute ${name} of length ${octets}`);
    }
    attributes.push({ type, value: body.take(octets - 2) });
  }
  return { code, identifier, authenticator, attributes };
}

/** The octets of a packet. @throws {Bug} where a value or the whole is too long. */
export function encodeRadius(packet: RadiusPacket): Uint8Array {
  must(packet.authenticator.length === AUTHENTICATOR_OCTETS, "an authenticator of 16 octets");
  const w = new Writer(512).u8(packet.code).u8(packet.identifier).u16(0).put(packet.authenticator);
  for (const { type, value } of packet.attributes) {
    must(value.length <= RADIUS_VALUE_MAX, "a RADIUS value of at most 253 octets");
    w.u8(type).u8(2 + value.length).put(value);
  }
  must(w.length <= RADIUS_OCTETS_MAX, "a RADIUS packet of at most 4096 octets");
  w.setU16(2, w.length);
  return w.done();
}

/** Whether attributes fit a packet, with room for a Message-Authenticator before them. */
export function fitRadius(attributes: readonly RadiusAttributeValue[]): boolean {
  const octets = attributes.reduce((sum, { value }) => sum + 2 + value.length, 0);
  const short = attributes.every(({ value }) => value.length <= RADIUS_VALUE_MAX);
  return short && octets + MAC_ATTRIBUTE_OCTETS + RADIUS_HEADER_OCTETS <= RADIUS_OCTETS_MAX;
}

/** The first value of a type; `undefined` where there is none. */
export function radiusValue(
  { attributes }: RadiusPacket,
  type: number,
): Uint8Array | undefined {
  return attributes.find((attribute) => attribute.type === type)?.value;
}

/** An EAP packet in as many EAP-Message attributes as it needs (RFC 3579 §3.1). */
export function eapMessages(octets: Uint8Array): RadiusAttributeValue[] {
  const parts: RadiusAttributeValue[] = [];
  for (let at = 0; at < octets.length || at === 0; at += RADIUS_VALUE_MAX) {
    const value = octets.subarray(at, at + RADIUS_VALUE_MAX);
    parts.push({ type: RadiusAttribute.EAP_MESSAGE, value });
  }
  return parts;
}

/** The EAP packet of a RADIUS packet; `undefined` without EAP-Message, empty for EAP-Start. */
export function eapIn({ attributes }: RadiusPacket): Uint8Array | undefined {
  const parts = attributes.filter(({ type }) => type === RadiusAttribute.EAP_MESSAGE);
  return parts.length > 0 ? concat(...parts.map(({ value }) => value)) : undefined;
}
