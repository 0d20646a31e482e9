/**
 * Writes a capture of this program's own datagrams, as pcapng with raw IP. The headers are derived from the
 * path, as sockets do not show them. IKE and ESP in TCP are written as if they were in UDP with the same ports,
 * as Wireshark 4.0 decodes port 4500 in UDP, but not the streams of RFC 9329.
 * @module
 */
import { concat, Writer } from "@/base/bytes.ts";
import { VERSION } from "@/base/version.ts";
import type { RecordedDatagram } from "@/engine/run/hooks.ts";
import { fileHead, packetBlock } from "@/report/pcapng.ts";
import { SecretFile } from "@/report/secret_file.ts";
import { TunnelFilter } from "@/report/tunnel_filter.ts";

const UDP = 17;
/**
 * Octets that are collected before they are written, and the longest time that they wait, in
 * milliseconds.
 */
const BUFFER_OCTETS = 1 << 16;
const FLUSH_INTERVAL_MS = 1_000;

/** Which datagrams a capture has, and how long it may become. */
export interface CaptureOptions {
  /** The index of the only tunnel that is captured; absent: all. */
  readonly tunnel?: number | undefined;
  /** Octets from which the file is renamed to `.prev` and a new one is begun; absent or 0: no limit. */
  readonly octetsMax?: number | undefined;
}

/** A capture file that is being written. */
export class CaptureFile {
  readonly #file: SecretFile;
  readonly #filter: TunnelFilter | undefined;
  readonly #octetsMax: number;
  readonly #head = fileHead(`myikev2 ${VERSION}`);
  /** Number of datagrams that were captured. */
  datagrams = 0;
  #pending: Uint8Array[] = [];
  #pendingOctets = 0;
  /** Octets of the present file, written and pending. */
  #octets = 0;
  /** Writes collected octets at intervals, so that a reader of the file is up to date. */
  readonly #timer: ReturnType<typeof setInterval>;

  /** @throws {SetupError} if the file cannot be written. */
  constructor(path: string, { tunnel, octetsMax = 0 }: CaptureOptions = {}) {
    this.#file = new SecretFile(path, "--pcap");
    this.#filter = tunnel === undefined ? undefined : new TunnelFilter(tunnel);
    this.#octetsMax = octetsMax;
    this.#put(this.#head);
    this.flush();
    this.#timer = setInterval(() => this.flush(), FLUSH_INTERVAL_MS);
  }

  /** Adds a datagram, if it is one of those that are captured. */
  add(datagram: RecordedDatagram): void {
    for (const one of this.#filter?.take(datagram) ?? [datagram]) this.#add(one);
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

  #add({ sent, octets, path, epochMs, tunnel }: RecordedDatagram): void {
    const { ownAddress, ownPort, peerAddress, peerPort } = path;
    const packet = sent
      ? packetOf(ownAddress, ownPort, peerAddress, peerPort, octets)
      : packetOf(peerAddress, peerPort, ownAddress, ownPort, octets);
    const comment = tunnel === undefined ? {} : { comment: `tunnel ${tunnel}` };
    const block = packetBlock(packet, { sent, epochMs, ...comment });
    if (this.#octetsMax > 0 && this.#octets + block.length > this.#octetsMax) this.#turnOver();
    this.#put(block);
    this.datagrams++;
    if (this.#pendingOctets >= BUFFER_OCTETS) this.flush();
  }

  #put(octets: Uint8Array): void {
    this.#pending.push(octets);
    this.#pendingOctets += octets.length;
    this.#octets += octets.length;
  }

  /** Begins a new file, which can be read by itself. */
  #turnOver(): void {
    this.flush();
    this.#file.turnOver();
    this.#octets = 0;
    this.#put(this.#head);
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
