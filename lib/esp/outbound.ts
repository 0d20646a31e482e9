/**
 * The sending half of an ESP SA: sequence numbers, IVs, padding and trailer (RFC 4303 §3.3).
 * @module
 */
import { must } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import { ESP_HEADER_OCTETS, type PacketCipher } from "@/esp/packet_cipher.ts";

const WORD = 2 ** 32;
/** Octets of the fields Pad Length and Next Header. */
const TRAILER_OCTETS = 2;

/** Options of an outbound SA. */
export interface OutboundOptions {
  /** The SPI, uint32. */
  readonly spi: number;
  readonly cipher: PacketCipher;
  readonly esn: boolean;
  readonly random: RandomOctets;
  /** The first sequence number; 1 (RFC 4303 §3.3.3) if absent. */
  readonly first?: number;
}

/** An outbound SA under the keys of one direction. */
export class OutboundSa {
  readonly spi: number;
  packets = 0;
  octets = 0;
  readonly #cipher: PacketCipher;
  readonly #esn: boolean;
  readonly #random: RandomOctets;
  readonly #sequenceMax: number;
  #sequence: number;

  constructor({ spi, cipher, esn, random, first = 1 }: OutboundOptions) {
    this.spi = spi;
    this.#cipher = cipher;
    this.#esn = esn;
    this.#random = random;
    this.#sequence = first - 1;
    // With ESN the limit is that of exact integers, which no SA can reach.
    this.#sequenceMax = esn ? Number.MAX_SAFE_INTEGER : WORD - 1;
  }

  /** Number of sequence numbers that are left; at 0 nothing may be sent any more (RFC 4303 §3.3.3). */
  get left(): number {
    return this.#sequenceMax - this.#sequence;
  }

  /** Octets of the ESP packet for a plaintext of `clear` octets. */
  sealedOctets(clear: number): number {
    const { ivOctets, alignment, icvOctets } = this.#cipher.measures;
    return ESP_HEADER_OCTETS + ivOctets + roundUp(clear + TRAILER_OCTETS, alignment) + icvOctets;
  }

  /** The most octets of plaintext that fit into an ESP packet of `octets`. */
  clearMax(octets: number): number {
    const { ivOctets, alignment, icvOctets } = this.#cipher.measures;
    const room = octets - ESP_HEADER_OCTETS - ivOctets - icvOctets;
    return room - (room % alignment) - TRAILER_OCTETS;
  }

  /**
   * Writes the ESP packet of a plaintext to `out` at `at`. A sequence number must be {@linkcode
   * OutboundSa.left}.
   * @returns the octets of the packet.
   * @throws {Bug} if none is left, as a repeated number would reveal the plaintext under a counter mode.
   */
  seal(clear: Uint8Array, nextHeader: number, out: Uint8Array, at: number): number {
    const { ivOctets, alignment } = this.#cipher.measures;
    if (this.left <= 0) must(false, "an SA has sequence numbers left");
    const sequence = ++this.#sequence;
    const from = at + ESP_HEADER_OCTETS + ivOctets;
    writeU32(out, at, this.spi);
    writeU32(out, at + 4, sequence % WORD);
    this.#writeIv(out, at + ESP_HEADER_OCTETS, sequence);
    out.set(clear, from);
    const whole = roundUp(clear.length + TRAILER_OCTETS, alignment);
    const padding = whole - TRAILER_OCTETS - clear.length;
    let end = from + clear.length;
    for (let i = 1; i <= padding; i++) out[end++] = i;
    out[end++] = padding;
    out[end] = nextHeader;
    this.#cipher.seal(out, at, whole, this.#esn ? Math.floor(sequence / WORD) : undefined);
    this.packets++;
    this.octets += clear.length;
    return ESP_HEADER_OCTETS + ivOctets + whole + this.#cipher.measures.icvOctets;
  }

  /** Erases the keys. */
  close(): void {
    this.#cipher.close();
  }

  /**
   * Writes the IV. Counter modes use the sequence number, which never repeats; CBC needs an unpredictable IV
   * (RFC 3602 §3).
   */
  #writeIv(out: Uint8Array, at: number, sequence: number): void {
    const { ivOctets, countedIv } = this.#cipher.measures;
    if (ivOctets === 0) return;
    if (!countedIv) return out.set(this.#random(ivOctets), at);
    writeU32(out, at, Math.floor(sequence / WORD));
    writeU32(out, at + 4, sequence % WORD);
  }
}

function roundUp(octets: number, to: number): number {
  return Math.ceil(octets / to) * to;
}

function writeU32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}
