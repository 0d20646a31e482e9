/**
 * The blocks of a pcapng file (draft-ietf-opsawg-pcapng) with one interface of raw IP (LINKTYPE_RAW). Numbers
 * are in network byte order, which the Section Header Block says.
 *
 * ```text
 * | type u32 | length u32 | body | options | length u32 |
 * ```
 * Wireshark 4.0 reads secrets of TLS, SSH and WireGuard from such a file, and none of IKE or ESP: their keys
 * are in the tables of `keylog.ts`.
 * @module
 */
import { Writer } from "@/base/bytes.ts";

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_RAW = 101;
const SNAP_OCTETS = 0x40000;
/** Microseconds in the more significant word of a time. */
const WORD = 2 ** 32;

const OPT_END = 0;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const EPB_FLAGS = 2;
const INBOUND = 1;
const OUTBOUND = 2;

/** What a packet has beside its octets. */
export interface PacketNotes {
  readonly sent: boolean;
  /** Milliseconds since 1970, with fractions. */
  readonly epochMs: number;
  /** What Wireshark shows as the packet's comment; absent: none. */
  readonly comment?: string;
}

/** The beginning of a file: its section, written by `program`, and its interface. */
export function fileHead(program: string): Uint8Array {
  const section = new Writer(16).u32(BYTE_ORDER_MAGIC).u16(1).u16(0);
  // The length of the section is not said.
  section.u32(0xffffffff).u32(0xffffffff);
  const options = [option(SHB_USERAPPL, new TextEncoder().encode(program))];
  const device = new Writer(8).u16(LINKTYPE_RAW).u16(0).u32(SNAP_OCTETS);
  const head = block(SECTION_HEADER, section.done(), options);
  return new Writer(256).put(head).put(block(INTERFACE, device.done(), [])).done();
}

/** The block of an IP packet. */
export function packetBlock(
  packet: Uint8Array,
  { sent, epochMs, comment }: PacketNotes,
): Uint8Array {
  const microseconds = Math.floor(epochMs * 1000);
  const body = new Writer(24 + packet.length).u32(0);
  body.u32(Math.floor(microseconds / WORD)).u32(microseconds % WORD);
  body.u32(packet.length).u32(packet.length).put(padded(packet));
  const flags = new Writer(4).u32(sent ? OUTBOUND : INBOUND).done();
  return block(ENHANCED_PACKET, body.done(), [
    ...(comment === undefined ? [] : [option(OPT_COMMENT, new TextEncoder().encode(comment))]),
    option(EPB_FLAGS, flags),
  ]);
}

function block(type: number, body: Uint8Array, options: readonly Uint8Array[]): Uint8Array {
  const all = options.length > 0 ? [...options, Uint8Array.of(0, OPT_END, 0, 0)] : [];
  const length = 12 + body.length + all.reduce((sum, one) => sum + one.length, 0);
  const w = new Writer(length).u32(type).u32(length).put(body);
  for (const one of all) w.put(one);
  return w.u32(length).done();
}

function option(code: number, value: Uint8Array): Uint8Array {
  return new Writer(8 + value.length).u16(code).u16(value.length).put(padded(value)).done();
}

/** The octets with zeros up to a whole number of words. */
function padded(octets: Uint8Array): Uint8Array {
  if (octets.length % 4 === 0) return octets;
  const whole = new Uint8Array(octets.length + 4 - octets.length % 4);
  whole.set(octets);
  return whole;
}
