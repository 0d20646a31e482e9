/**
 * TLS messages in packets of EAP-TLS, EAP-TTLS and PEAP, in fragments where they are long
 * (RFC 5216 §2.1.5, §3; RFC 5281 §9).
 *
 * ```text
 * +---------------+---------------+---------------+---------------+
 * |L M S R R|Vers |      TLS Message Length (where L is set) ...
 * +---------------+---------------+---------------+---------------+
 * | ... Length    |  TLS Data ...
 * ```
 * @module
 */
import { concat, Reader, Writer } from "@/base/bytes.ts";
import { refuse } from "@/eap/failure.ts";

/** Flags of the first octet; its last three bits are a version in TTLS and PEAP. */
const LENGTH = 0x80;
const MORE = 0x40;
const START = 0x20;
const VERSION = 0x07;
/** The TLS data in one packet that is sent, which RADIUS and IKE can carry without further fragments. */
const FRAGMENT_OCTETS = 1_024;
/** The most octets of a whole message; RFC 5216 §2.1.1 allows 64 KiB for a certificate chain. */
const MESSAGE_OCTETS_MAX = 65_536;

/** The messages that are being sent and received in fragments. */
export interface Fragments {
  out: { readonly octets: Uint8Array; at: number } | undefined;
  readonly in: Uint8Array[];
  inOctets: number;
  /** TLS Message Length of the message that is being received. */
  inLength: number | undefined;
}

/** The contents of a packet. */
export type Arrived =
  | { readonly kind: "start"; readonly version: number }
  /** A fragment that is not the last one; it is acknowledged by an empty packet. */
  | { readonly kind: "fragment" }
  /** A whole message; an empty one is an acknowledgement. */
  | { readonly kind: "message"; readonly octets: Uint8Array };

/** Nothing in either direction. */
export function newFragments(): Fragments {
  return { out: undefined, in: [], inOctets: 0, inLength: undefined };
}

/** Type-Data of a server's first request. */
export function startPacket(): Uint8Array {
  return Uint8Array.of(START);
}

/** Whether fragments of the own message are still to be sent. */
export function hasMore({ out }: Fragments): boolean {
  return out !== undefined;
}

/** Type-Data of the first packet of a message; an empty message is an acknowledgement. */
export function firstPacket(fragments: Fragments, message: Uint8Array): Uint8Array {
  fragments.out = { octets: message, at: 0 };
  return nextPacket(fragments);
}

/** Type-Data of the next packet of a message that is on its way. */
export function nextPacket(fragments: Fragments): Uint8Array {
  const { octets, at } = fragments.out!;
  const end = Math.min(at + FRAGMENT_OCTETS, octets.length);
  const more = end < octets.length;
  const first = at === 0 && more;
  const packet = new Writer(FRAGMENT_OCTETS + 5).u8((first ? LENGTH : 0) | (more ? MORE : 0));
  if (first) packet.u32(octets.length);
  fragments.out!.at = end;
  if (!more) fragments.out = undefined;
  return packet.put(octets.subarray(at, end)).done();
}

/**
 * Takes a packet's Type-Data.
 * @throws {EapRefusal} if a length is wrong, a fragment is empty, or the message is too long.
 */
export function takePacket(fragments: Fragments, data: Uint8Array): Arrived {
  const body = new Reader(data);
  const flags = body.u8();
  if (flags & START) return { kind: "start", version: flags & VERSION };
  if (flags & LENGTH) takeLength(fragments, body.u32());
  const octets = body.rest();
  const more = (flags & MORE) !== 0;
  if (fragments.out) {
    const isAck = !more && octets.length === 0;
    if (!isAck) refuse("out of order", "data in place of the acknowledgement of a fragment");
  }
  if (more && octets.length === 0) refuse("malformed", "an empty fragment with more behind it");
  fragments.in.push(octets.slice());
  fragments.inOctets += octets.length;
  const most = fragments.inLength ?? MESSAGE_OCTETS_MAX;
  if (fragments.inOctets > most) {
    refuse("malformed", `fragments of ${fragments.inOctets} octets in a TLS message of ${most}`);
  }
  if (more) return { kind: "fragment" };
  if (fragments.inLength !== undefined && fragments.inOctets !== fragments.inLength) {
    const { inOctets, inLength } = fragments;
    refuse("malformed", `a TLS message of ${inOctets} octets that says ${inLength}`);
  }
  const message = concat(...fragments.in);
  fragments.in.length = 0;
  fragments.inOctets = 0;
  fragments.inLength = undefined;
  return { kind: "message", octets: message };
}

/** Each fragment may have the length, which must always be the same (RFC 5216 §2.1.5). */
function takeLength(fragments: Fragments, length: number): void {
  if (length > MESSAGE_OCTETS_MAX) {
    refuse(
      "malformed",
      `a TLS message of ${length} octets, at most ${MESSAGE_OCTETS_MAX} are taken`,
    );
  }
  if (fragments.inLength !== undefined && fragments.inLength !== length) {
    refuse("malformed", `a TLS message of ${fragments.inLength} octets that now says ${length}`);
  }
  fragments.inLength = length;
}
