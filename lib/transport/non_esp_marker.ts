/**
 * Distinguishes IKE, ESP and keepalives on one UDP port (RFC 3948 §2): four zero octets precede an IKE
 * message, a single 0xff is a keepalive, and everything else is ESP.
 * @module
 */

/** Octets of the non-ESP marker. */
export const MARKER_OCTETS = 4;

/** Offset of the Length field in an IKE header (RFC 7296 §3.1), a uint32 that counts the whole message. */
const LENGTH_AT = 24;

/** The kinds of UDP payloads at a NAT-T port. */
export type Encapsulated = "ike" | "keepalive" | "esp" | "nothing";

/** The payload of a keepalive, which must not be changed. */
export const KEEPALIVE = Uint8Array.of(0xff);

/** The kind of a UDP payload of a NAT-T port. */
export function kindOf(payload: Uint8Array): Encapsulated {
  if (payload.length === 1) return payload[0] === 0xff ? "keepalive" : "nothing";
  if (payload.length < MARKER_OCTETS) return "nothing";
  return hasMarker(payload) ? "ike" : "esp";
}

/**
 * Whether a UDP payload of the IKE port is an IKE message after a non-ESP marker, which some peers send
 * before they change to the NAT-T port. As the first four octets of an initiator's SPI may be zero too (RFC
 * 7296 §3.1 only forbids an SPI that is zero as a whole), the Length fields decide: that of the header after
 * a marker has to fit, and that of the header without it must not.
 */
export function isMarkedAtIkePort(payload: Uint8Array): boolean {
  return hasMarker(payload) && !hasLengthOfRest(payload, 0) &&
    hasLengthOfRest(payload, MARKER_OCTETS);
}

/** Whether the Length field of an IKE header at `at` means the end of the payload. */
function hasLengthOfRest(payload: Uint8Array, at: number): boolean {
  const field = at + LENGTH_AT;
  if (payload.length < field + 4) return false;
  const length = payload[field]! << 24 | payload[field + 1]! << 16 | payload[field + 2]! << 8 |
    payload[field + 3]!;
  return length >>> 0 === payload.length - at;
}

/** Whether a payload begins with four zero octets, which are the marker at a NAT-T port and in TCP. */
function hasMarker(payload: Uint8Array): boolean {
  return payload.length >= MARKER_OCTETS && payload[0] === 0 && payload[1] === 0 &&
    payload[2] === 0 && payload[3] === 0;
}

/** A message with its non-ESP marker. */
export function withMarker(message: Uint8Array): Uint8Array {
  const payload = new Uint8Array(MARKER_OCTETS + message.length);
  payload.set(message, MARKER_OCTETS);
  return payload;
}
