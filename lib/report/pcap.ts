/**
 * Writes a capture of this program's own datagrams, as pcap with raw IP (LINKTYPE_RAW). The headers
 * are derived from the path, as sockets do not show them. IKE and ESP in TCP are written as if they
 * were in UDP with the same ports, as Wireshark 4.0 decodes port 4500 in UDP, but not the streams
 * of RFC 9329.
 *
 * ```text
 * | seconds u32 | microseconds u32 | captured u32 | length u32 | IP header | UDP header | payload |
 * ```
 * @module
 */
import { concat, Writer } from "@/base/bytes.ts";
import type { Path } from "@/base/address.ts";
import { SecretFile } from "@/report/secret_file.ts";

const LINKTYPE_RAW = 101;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const SNAP_OCTETS = 0x40000;
const UDP = 17;
/**
 * Octets that are collected before they are written, and the longest time that they wait, in
 * milliseconds.
 */
const BUFFER_OCTETS = 1 << 16;
const FLUSH_INTERVAL_MS = 1_000;

/** A capture file that is being written. */
export class PcapFile {
  readonly #file: SecretFile;
  #pending: Uint8Array[] = [];
  #pendingOctets = 0;
  /** Writes collected octets at intervals, so that a reader of the file is up to date. */
  readonly #timer: ReturnType<typeof setInterval>;

  /** @throws {SetupError} if the file cannot be written. */
  constructor(path: string) {
    this.#file = new SecretFile(path, "--pcap");
    const w = new Writer(24);
    w.u32(MAGIC_MICROSECONDS).u16(2).u16(4).u32(0).u32(0).u32(SNAP_OCTETS).u32(LINKTYPE_RAW);
    this.#file.write(w.done());
    this.#timer = setInterval(() => this.flush(), FLUSH_INTERVAL_MS);
  }

  /** Adds a UDP payload; `sent` says whether this end sent it. */
  add(sent: boolean, payload: Uint8Array, path: Path, epochMs: number): void {
    const packet = sent
      ? packetOf(path.ownAddress, path.ownPort, path.peerAddress, path.peerPort, payload)
      : packetOf(path.peerAddress, path.peerPort, path.ownAddress, path.ownPort, payload);
    const w = new Writer(16);
    w.u32(Math.floor(epochMs / 1000)).u32(Math.floor(epochMs % 1000 * 1000));
    w.u32(packet.length).u32(packet.length);
    this.#pending.push(w.done(), packet);
    this.#pendingOctets += 16 + packet.length;
    if (this.#pendingOctets >= BUFFER_OCTETS) this.flush();
  }

  /** Writes the collected octets. */
  flush(): void {
    this.#file.write(concat(...this.#pending));
    this.#pending = [];
    this.#pendingOctets = 0;
  }

  /** Writes the rest and closes the file. */
  close(): void {
    clearInterval(this.#timer);
    this.flush();
    this.#file.close();
  }
}

function packetOf(
  source: Uint8Array,
  sourcePort: number,
  destination: Uint8Array,
  destinationPort: number,
  payload: Uint8Array,
): Uint8Array {
  const udpOctets = 8 + payload.length;
  const udp = new Writer(udpOctets).u16(sourcePort).u16(destinationPort).u16(udpOctets).u16(0);
  udp.put(payload);
  const datagram = udp.done();
  // Length and protocol of the pseudo-header (RFC 768, RFC 8200 §8.1).
  const pseudo = concat(
    source,
    destination,
    Uint8Array.of(0, UDP, udpOctets >> 8, udpOctets & 255),
  );
  const sum = checksum(pseudo, checksumOf(datagram)) || 0xffff;
  datagram[6] = sum >> 8;
  datagram[7] = sum & 0xff;
  return concat(
    source.length === 4
      ? headerV4(source, destination, udpOctets)
      : headerV6(source, destination, udpOctets),
    datagram,
  );
}

function headerV4(source: Uint8Array, destination: Uint8Array, octets: number): Uint8Array {
  const w = new Writer(20).u16(0x4500).u16(20 + octets).u32(0x4000).u8(64).u8(UDP).u16(0);
  const header = w.put(source).put(destination).done();
  const sum = checksum(header, 0);
  header[10] = sum >> 8;
  header[11] = sum & 0xff;
  return header;
}

function headerV6(source: Uint8Array, destination: Uint8Array, octets: number): Uint8Array {
  return new Writer(40).u32(0x60000000).u16(octets).u8(UDP).u8(64).put(source).put(destination)
    .done();
}

/** The one's complement sum of 16-bit words, not yet folded. */
function checksumOf(octets: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += octets[i]! << 8 | (octets[i + 1] ?? 0);
  return sum;
}

function checksum(octets: Uint8Array, start: number): number {
  let sum = start + checksumOf(octets);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return ~sum & 0xffff;
}
