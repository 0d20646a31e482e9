/**
 * IKE, ESP and keepalives on one UDP port (RFC 3948 §2): four zero octets stand before an IKE
 * message, a single 0xff is a keepalive, all else is ESP.
 * @module
 */

/** Octets of the non-ESP marker. */
export const MARKER_OCTETS = 4;

/** What a UDP payload of a NAT-T port is. */
export type Encapsulated = "ike" | "keepalive" | "esp" | "nothing";

/** The payload of a keepalive. Not to be changed. */
export const KEEPALIVE = Uint8Array.of(0xff);

/** Tells what a UDP payload is. */
export function kindOf(payload: Uint8Array): Encapsulated {
  if (payload.length === 1) return payload[0] === 0xff ? "keepalive" : "nothing";
  if (payload.length < MARKER_OCTETS) return "nothing";
  return hasMarker(payload) ? "ike" : "esp";
}

/** Whether four zero octets stand first. No IKE message begins so: SPIi is never zero as a whole. */
export function hasMarker(payload: Uint8Array): boolean {
  return payload.length >= MARKER_OCTETS && payload[0] === 0 && payload[1] === 0 &&
    payload[2] === 0 && payload[3] === 0;
}

/** The message with its marker. */
export function withMarker(message: Uint8Array): Uint8Array {
  const payload = new Uint8Array(MARKER_OCTETS + message.length);
  payload.set(message, MARKER_OCTETS);
  return payload;
}
