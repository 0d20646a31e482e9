/**
 * The receiving half of an ESP SA: replay window, ICV, padding and trailer (RFC 4303 §3.4).
 * @module
 */
import { ESP_HEADER_OCTETS, type PacketCipher } from "@/esp/packet_cipher.ts";
import { ReplayWindow } from "@/esp/replay.ts";

const WORD = 2 ** 32;

/** The reason why an ESP packet is dropped. */
export type EspDrop = "truncated" | "replayed" | "badIcv" | "badTrailer";

/** Options of an inbound SA. */
export interface InboundOptions {
  /** The SPI, uint32. */
  readonly spi: number;
  readonly cipher: PacketCipher;
  readonly esn: boolean;
  /** The replay window in packets; 0: replays are not detected. */
  readonly replayWindow: number;
}

/** An inbound SA under the keys of one direction. */
export class InboundSa {
  readonly spi: number;
  packets = 0;
  octets = 0;
  /** Offset and length of the payload of the packet that was opened last, and its Next Header. */
  clearAt = 0;
  clearOctets = 0;
  nextHeader = 0;
  /** Its sequence number, with the upper half of an extended one. */
  sequence = 0;
  readonly #cipher: PacketCipher;
  readonly #esn: boolean;
  readonly #window: ReplayWindow;

  constructor({ spi, cipher, esn, replayWindow }: InboundOptions) {
    this.spi = spi;
    this.#cipher = cipher;
    this.#esn = esn;
    this.#window = new ReplayWindow(replayWindow, esn);
  }

  /**
   * Decrypts the packet at `at` in place. Undefined: it is authentic and new, and its payload is at
   * {@linkcode InboundSa.clearAt}; otherwise the reason why it is dropped.
   */
  open(buffer: Uint8Array, at: number, octets: number): EspDrop | undefined {
    const { ivOctets, icvOctets, alignment } = this.#cipher.measures;
    const around = ESP_HEADER_OCTETS + ivOctets + icvOctets;
    const clear = octets - around;
    if (clear < alignment || clear % alignment !== 0) return "truncated";
    const sequence = this.#window.judge(readU32(buffer, at + 4));
    if (sequence === undefined) return "replayed";
    const high = this.#esn ? Math.floor(sequence / WORD) : undefined;
    if (!this.#cipher.open(buffer, at, octets, high)) return "badIcv";
    this.#window.accept(sequence);
    const from = at + ESP_HEADER_OCTETS + ivOctets;
    const end = from + clear - 2;
    const padding = buffer[end]!;
    if (padding > clear - 2 || !isPadding(buffer, end - padding, padding)) return "badTrailer";
    this.clearAt = from;
    this.clearOctets = clear - 2 - padding;
    this.nextHeader = buffer[end + 1]!;
    this.sequence = sequence;
    return undefined;
  }

  /** Counts the payload that was opened last, once it has been accepted. */
  count(octets: number): void {
    this.packets++;
    this.octets += octets;
  }

  /** Erases the keys. */
  close(): void {
    this.#cipher.close();
  }
}

/** Whether padding has the values 1, 2, 3, … (RFC 4303 §2.4). */
function isPadding(buffer: Uint8Array, at: number, octets: number): boolean {
  for (let i = 0; i < octets; i++) if (buffer[at + i] !== i + 1) return false;
  return true;
}

function readU32(buffer: Uint8Array, at: number): number {
  return (buffer[at]! << 24 | buffer[at + 1]! << 16 | buffer[at + 2]! << 8 | buffer[at + 3]!) >>> 0;
}
