/**
 * Reads captures, pcap and pcapng: their frames, and the UDP datagrams in them, reassembled from IP fragments.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { CaptureError } from "@/base/capture_error.ts";
import { type CapturedFrame, readPcapng, SECTION_HEADER } from "@/base/pcapng_reader.ts";

/** A UDP datagram with its ends; addresses have 4 or 16 octets. */
export interface UdpDatagram {
  readonly source: Uint8Array;
  readonly sourcePort: number;
  readonly destination: Uint8Array;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

interface IpPacket {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly payload: Uint8Array;
  /** For a fragment: a key of its packet, and its offset in octets. */
  readonly part?: { readonly key: string; readonly offset: number; readonly more: boolean };
}

const UDP = 17;
const IPV6_FRAGMENT = 44;

const FILE_HEADER_OCTETS = 24;
const FRAME_HEADER_OCTETS = 16;
/** The first word of a pcap file, for time stamps in microseconds or nanoseconds and both byte orders. */
const MAGICS: ReadonlyMap<number, { readonly little: boolean }> = new Map([
  [0xa1b2c3d4, { little: false }],
  [0xa1b23c4d, { little: false }],
  [0xd4c3b2a1, { little: true }],
  [0x4d3cb2a1, { little: true }],
]);

/**
 * The IP packets of a capture, without link headers.
 * @throws {CaptureError} if it is neither pcap nor pcapng, or it or one of its frames is cut.
 */
export function readIpPackets(file: Uint8Array): Uint8Array[] {
  const isPcapng = file.length >= 4 &&
    new DataView(file.buffer, file.byteOffset).getUint32(0) === SECTION_HEADER;
  const frames = isPcapng ? readPcapng(file) : readPcap(file);
  return frames.map(({ octets, linkType }) => withoutLink(octets, linkType))
    .filter((packet) => packet !== undefined);
}

/** The frames of a pcap file. */
function readPcap(file: Uint8Array): CapturedFrame[] {
  if (file.length < FILE_HEADER_OCTETS) {
    throw new CaptureError(`Cannot read a capture of ${file.length} octets`);
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0);
  const kind = MAGICS.get(magic);
  if (!kind) {
    throw new CaptureError(`Cannot read a capture that begins with ${magic.toString(16)}`);
  }
  const { little } = kind;
  const linkType = view.getUint32(20, little) & 0xffff;
  const frames: CapturedFrame[] = [];
  for (let at = FILE_HEADER_OCTETS; at < file.length;) {
    if (file.length - at < FRAME_HEADER_OCTETS) throw new CaptureError("Cannot read a cut capture");
    const captured = view.getUint32(at + 8, little);
    const original = view.getUint32(at + 12, little);
    if (captured !== original) {
      throw new CaptureError(`Cannot use a frame cut to ${captured} octets`);
    }
    const begin = at + FRAME_HEADER_OCTETS;
    if (captured > file.length - begin) throw new CaptureError("Cannot read a cut capture");
    frames.push({ linkType, octets: file.subarray(begin, begin + captured) });
    at = begin + captured;
  }
  return frames;
}

/**
 * The UDP datagrams of a capture, in the order of their last fragment.
 * @throws {CaptureError} as for {@linkcode readIpPackets}, and if fragments are missing.
 */
export function readDatagrams(file: Uint8Array): UdpDatagram[] {
  const datagrams: UdpDatagram[] = [];
  const waiting = new Map<string, IpPacket[]>();
  for (const octets of readIpPackets(file)) {
    const packet = readIp(octets);
    if (!packet) continue;
    const whole = packet.part ? reassembled(waiting, packet) : packet;
    const datagram = whole?.protocol === UDP ? readUdp(whole) : undefined;
    if (datagram) datagrams.push(datagram);
  }
  if (waiting.size > 0) {
    throw new CaptureError(`Cannot complete ${waiting.size} fragmented packets`);
  }
  return datagrams;
}

function withoutLink(frame: Uint8Array, linkType: number): Uint8Array | undefined {
  switch (linkType) {
    case 1: { // Ethernet, perhaps with a VLAN tag
      let at = 12;
      let etherType = frame[at]! << 8 | frame[at + 1]!;
      if (etherType === 0x8100) etherType = frame[at += 4]! << 8 | frame[at + 1]!;
      return etherType === 0x0800 || etherType === 0x86dd ? frame.subarray(at + 2) : undefined;
    }
    case 12:
    case 101: // raw IP
      return frame;
    case 113: // Linux cooked
      return frame.subarray(16);
    case 276: // Linux cooked, version 2
      return frame.subarray(20);
    default:
      throw new CaptureError(`Cannot read link type ${linkType}`);
  }
}

/** Reads an IP packet; undefined for anything else, such as other protocols of a link. */
function readIp(octets: Uint8Array): IpPacket | undefined {
  const version = (octets[0] ?? 0) >> 4;
  if (version === 4 && octets.length >= 20) return readV4(octets);
  return version === 6 && octets.length >= 48 ? readV6(octets) : undefined;
}

function readV4(octets: Uint8Array): IpPacket {
  const headerOctets = (octets[0]! & 0x0f) * 4;
  const total = octets[2]! << 8 | octets[3]!;
  const fragment = octets[6]! << 8 | octets[7]!;
  const protocol = octets[9]!;
  const packet = {
    source: octets.subarray(12, 16),
    destination: octets.subarray(16, 20),
    protocol,
    payload: octets.subarray(headerOctets, total),
  };
  const more = (fragment & 0x2000) !== 0;
  const offset = (fragment & 0x1fff) * 8;
  if (!more && offset === 0) return packet;
  const key = `${octets.subarray(12, 20)} ${protocol} ${octets.subarray(4, 6)}`;
  return { ...packet, part: { key, offset, more } };
}

function readV6(octets: Uint8Array): IpPacket {
  const total = 40 + (octets[4]! << 8 | octets[5]!);
  const packet = {
    source: octets.subarray(8, 24),
    destination: octets.subarray(24, 40),
    protocol: octets[6]!,
    payload: octets.subarray(40, total),
  };
  if (packet.protocol !== IPV6_FRAGMENT) return packet;
  const place = octets[42]! << 8 | octets[43]!;
  const key = `${octets.subarray(8, 40)} ${octets.subarray(44, 48)}`;
  const part = { key, offset: place & 0xfff8, more: (place & 1) !== 0 };
  return { ...packet, protocol: octets[40]!, payload: octets.subarray(48, total), part };
}

/** The whole packet, once its last missing fragment has been read. */
function reassembled(waiting: Map<string, IpPacket[]>, packet: IpPacket): IpPacket | undefined {
  const { key } = packet.part!;
  const parts = [...waiting.get(key) ?? [], packet].sort((a, b) => a.part!.offset - b.part!.offset);
  let next = 0;
  for (const { part, payload } of parts) if (part!.offset === next) next += payload.length;
  const last = parts.at(-1)!;
  const complete = !last.part!.more && next === last.part!.offset + last.payload.length;
  if (!complete) {
    waiting.set(key, parts);
    return undefined;
  }
  waiting.delete(key);
  const { source, destination, protocol } = packet;
  return { source, destination, protocol, payload: concat(...parts.map((p) => p.payload)) };
}

function readUdp({ source, destination, payload }: IpPacket): UdpDatagram | undefined {
  if (payload.length < 8) return undefined;
  const length = payload[4]! << 8 | payload[5]!;
  return {
    source,
    sourcePort: payload[0]! << 8 | payload[1]!,
    destination,
    destinationPort: payload[2]! << 8 | payload[3]!,
    payload: payload.subarray(8, length),
  };
}
