/**
 * Reads the frames of a pcapng file (draft-ietf-opsawg-pcapng), which Wireshark and our `--pcap` write: those of
 * Enhanced and Simple Packet Blocks, of all sections and interfaces. Other blocks are skipped.
 * @module
 */
import { CaptureError } from "@/base/capture_error.ts";

/** The type of a Section Header Block, which reads the same in both byte orders. */
export const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Type, length, and the length once more at the end. */
const BLOCK_OCTETS_MIN = 12;
/** The most interfaces of a section. */
const INTERFACES_MAX = 1024;

/** A frame as it was captured, with the link type of its interface. */
export interface CapturedFrame {
  readonly linkType: number;
  readonly octets: Uint8Array;
}

interface Section {
  readonly little: boolean;
  /** Link type and length at which frames are cut, of each interface. */
  readonly interfaces: { readonly linkType: number; readonly snapOctets: number }[];
}

/** The frames of a file. @throws {CaptureError} if it or one of its frames is cut, or malformed. */
export function readPcapng(file: Uint8Array): CapturedFrame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const frames: CapturedFrame[] = [];
  let section: Section = { little: false, interfaces: [] };
  for (let at = 0; at < file.length;) {
    if (file.length - at < BLOCK_OCTETS_MIN) throw new CaptureError("Cannot read a cut capture");
    if (view.getUint32(at) === SECTION_HEADER) section = newSection(view, at);
    const { little } = section;
    const type = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    if (length < BLOCK_OCTETS_MIN || length % 4 !== 0) {
      throw new CaptureError(`Cannot read a block of ${length} octets`);
    }
    if (length > file.length - at) throw new CaptureError("Cannot read a cut capture");
    const body = new DataView(file.buffer, file.byteOffset + at + 8, length - BLOCK_OCTETS_MIN);
    if (type === INTERFACE) addInterface(section, body);
    const frame = type === ENHANCED_PACKET
      ? enhanced(section, body)
      : type === SIMPLE_PACKET
      ? simple(section, body)
      : undefined;
    if (frame) frames.push(frame);
    at += length;
  }
  return frames;
}

function newSection(view: DataView, at: number): Section {
  const magic = view.getUint32(at + 8);
  const little = magic !== BYTE_ORDER_MAGIC;
  if (little && view.getUint32(at + 8, true) !== BYTE_ORDER_MAGIC) {
    throw new CaptureError(`Cannot read a section of byte order ${magic.toString(16)}`);
  }
  return { little, interfaces: [] };
}

function addInterface({ little, interfaces }: Section, body: DataView): void {
  if (body.byteLength < 8) throw new CaptureError("Cannot read an interface of a capture");
  if (interfaces.length >= INTERFACES_MAX) {
    throw new CaptureError(`Cannot read a capture of more than ${INTERFACES_MAX} interfaces`);
  }
  const snapOctets = body.getUint32(4, little);
  interfaces.push({ linkType: body.getUint16(0, little), snapOctets });
}

function enhanced(section: Section, body: DataView): CapturedFrame {
  const { little } = section;
  if (body.byteLength < 20) throw new CaptureError("Cannot read a cut capture");
  const [captured, original] = [body.getUint32(12, little), body.getUint32(16, little)];
  if (captured !== original) throw new CaptureError(`Cannot use a frame cut to ${captured} octets`);
  return frameOf(section, body.getUint32(0, little), { body, from: 20, length: captured });
}

function simple(section: Section, body: DataView): CapturedFrame {
  if (body.byteLength < 4) throw new CaptureError("Cannot read a cut capture");
  const length = body.getUint32(0, section.little);
  const snapOctets = section.interfaces[0]?.snapOctets ?? 0;
  if (snapOctets > 0 && length > snapOctets) {
    throw new CaptureError(`Cannot use a frame cut to ${snapOctets} octets`);
  }
  return frameOf(section, 0, { body, from: 4, length });
}

function frameOf(
  { interfaces }: Section,
  index: number,
  { body, from, length }: {
    readonly body: DataView;
    readonly from: number;
    readonly length: number;
  },
): CapturedFrame {
  const interface_ = interfaces[index];
  if (!interface_) throw new CaptureError(`Cannot find interface ${index} of a frame`);
  if (length > body.byteLength - from) throw new CaptureError("Cannot read a cut capture");
  const octets = new Uint8Array(body.buffer, body.byteOffset + from, length);
  return { linkType: interface_.linkType, octets };
}
