/**
 * To which tunnel a datagram belongs, by the SPIs of its IKE header (RFC 7296 §3.1).
 * @module
 */
import type { Endpoint } from "@/ike/endpoint.ts";

const HEADER_OCTETS = 28;
/** The octet of flags in the header, and the flag of messages that the original initiator sends. */
const FLAGS_AT = 19;
const INITIATOR = 0x08;
const MARKER_OCTETS = 4;

/**
 * Where the IKE header begins in a UDP payload, after the non-ESP marker if there is one; undefined: it is
 * none, as in a keepalive.
 */
export function ikeHeaderAt(octets: Uint8Array): number | undefined {
  const isMarked = octets.length > MARKER_OCTETS &&
    octets.subarray(0, MARKER_OCTETS).every((octet) => octet === 0);
  const at = isMarked ? MARKER_OCTETS : 0;
  return octets.length - at < HEADER_OCTETS ? undefined : at;
}

/**
 * The index of the tunnel: of a client that of the setup, of a gateway the order of arrival, from 0; undefined
 * if there is no such IKE SA, or not yet. `sent` says whether this end sends the datagram.
 */
export function tunnelOfDatagram(
  { bySpi }: Pick<Endpoint, "bySpi">,
  sent: boolean,
  octets: Uint8Array,
): number | undefined {
  const at = ikeHeaderAt(octets);
  if (at === undefined) return undefined;
  const isOfInitiator = (octets[at + FLAGS_AT]! & INITIATOR) !== 0;
  const view = new DataView(octets.buffer, octets.byteOffset + at, HEADER_OCTETS);
  const ownSpi = view.getBigUint64(sent === isOfInitiator ? 0 : 8);
  return bySpi.get(ownSpi)?.index;
}
