/**
 * Protection of ESP packets in place, under the keys of one SA (RFC 4303 §2): header of 8 octets (SPI,
 * lower half of the sequence number), IV, plaintext with its trailer, ICV. The portable kind goes by
 * the algorithms of `crypto/`; a native one may stand in its place.
 * @module
 */
import type { Cipher, Integrity } from "@/crypto/backend.ts";

/** Octets of SPI and sequence number. */
export const ESP_HEADER_OCTETS = 8;

/** Lengths that the algorithms of an SA give its packets. */
export interface PacketMeasures {
  /** Octets of the IV. */
  readonly ivOctets: number;
  /** Plaintext and trailer together fill a multiple of it: at least 4 (RFC 4303 §2.4). */
  readonly alignment: number;
  /** Octets of the ICV. */
  readonly icvOctets: number;
  /** Whether an IV need only differ from all before it, as counter modes want it (RFC 4106 §3.1). */
  readonly countedIv: boolean;
}

/** One direction's keys at work. */
export interface PacketCipher {
  readonly measures: PacketMeasures;
  /**
   * Seals the packet that begins at `at` and has header, IV and `clear` octets of plaintext; the ICV
   * is written behind them. `high`: upper half of the sequence number; undefined: no ESN.
   */
  seal(buffer: Uint8Array, at: number, clear: number, high: number | undefined): void;
  /**
   * Opens a packet of `octets` octets in place: the plaintext stands where it was sealed. False where
   * the ICV is wrong, or the length is none that sealing gives; the octets are of no use then.
   */
  open(buffer: Uint8Array, at: number, octets: number, high: number | undefined): boolean;
  /** Forgets the keys. */
  close(): void;
}

/** Keys and algorithms of one direction. */
export interface PacketKeys {
  readonly cipher: Cipher;
  readonly encryption: Uint8Array;
  /** Undefined where the cipher is combined-mode. */
  readonly integrity: Integrity | undefined;
  readonly authentication: Uint8Array;
}

/** The lengths of packets under these algorithms. */
export function packetMeasures({ cipher, integrity }: PacketKeys): PacketMeasures {
  return {
    ivOctets: cipher.ivOctets,
    alignment: Math.max(4, cipher.blockOctets),
    icvOctets: cipher.icvOctets || (integrity?.icvOctets ?? 0),
    countedIv: cipher.blockOctets === 1,
  };
}

/** The portable kind. */
export function portablePacketCipher(keys: PacketKeys): PacketCipher {
  const measures = packetMeasures(keys);
  return keys.cipher.icvOctets > 0
    ? new CombinedMode(keys, measures)
    : new TwoSteps(keys, measures);
}

/** RFC 4106, 4309, 7634: the associated data are SPI and sequence number, ESN as a whole. */
class CombinedMode implements PacketCipher {
  readonly measures: PacketMeasures;
  readonly #keys: PacketKeys;
  readonly #longHeader = new Uint8Array(12);

  constructor(keys: PacketKeys, measures: PacketMeasures) {
    this.#keys = keys;
    this.measures = measures;
  }

  seal(buffer: Uint8Array, at: number, clear: number, high: number | undefined): void {
    const { cipher, encryption } = this.#keys, from = at + ESP_HEADER_OCTETS + cipher.ivOctets;
    const iv = buffer.subarray(at + ESP_HEADER_OCTETS, from), aad = this.#header(buffer, at, high);
    buffer.set(cipher.seal(encryption, iv, aad, buffer.subarray(from, from + clear)), from);
  }

  open(buffer: Uint8Array, at: number, octets: number, high: number | undefined): boolean {
    const { cipher, encryption } = this.#keys, from = at + ESP_HEADER_OCTETS + cipher.ivOctets;
    const iv = buffer.subarray(at + ESP_HEADER_OCTETS, from), aad = this.#header(buffer, at, high);
    const clear = cipher.open(encryption, iv, aad, buffer.subarray(from, at + octets));
    if (!clear) return false;
    buffer.set(clear, from);
    return true;
  }

  close(): void {}

  #header(buffer: Uint8Array, at: number, high: number | undefined): Uint8Array {
    if (high === undefined) return buffer.subarray(at, at + ESP_HEADER_OCTETS);
    const header = this.#longHeader;
    for (let i = 0; i < 4; i++) {
      header[i] = buffer[at + i]!;
      header[4 + i] = high >>> (24 - 8 * i);
      header[8 + i] = buffer[at + 4 + i]!;
    }
    return header;
  }
}

/** Encrypt, then authenticate header, IV and ciphertext, with ESN its upper half behind (§3.3.2.1). */
class TwoSteps implements PacketCipher {
  readonly measures: PacketMeasures;
  readonly #keys: PacketKeys;

  constructor(keys: PacketKeys, measures: PacketMeasures) {
    this.#keys = keys;
    this.measures = measures;
  }

  seal(buffer: Uint8Array, at: number, clear: number, high: number | undefined): void {
    const { cipher, encryption } = this.#keys, from = at + ESP_HEADER_OCTETS + cipher.ivOctets;
    const iv = buffer.subarray(at + ESP_HEADER_OCTETS, from);
    buffer.set(cipher.seal(encryption, iv, NOTHING, buffer.subarray(from, from + clear)), from);
    const icv = this.#icv(buffer, at, from + clear, high);
    if (icv) buffer.set(icv, from + clear);
  }

  open(buffer: Uint8Array, at: number, octets: number, high: number | undefined): boolean {
    const { cipher, encryption } = this.#keys, from = at + ESP_HEADER_OCTETS + cipher.ivOctets;
    const to = at + octets - this.measures.icvOctets;
    if (to < from) return false;
    const icv = this.#icv(buffer, at, to, high);
    if (icv && !isEqual(icv, buffer, to)) return false;
    const iv = buffer.subarray(at + ESP_HEADER_OCTETS, from);
    const clear = cipher.open(encryption, iv, NOTHING, buffer.subarray(from, to));
    if (!clear) return false;
    buffer.set(clear, from);
    return true;
  }

  close(): void {}

  #icv(
    buffer: Uint8Array,
    at: number,
    to: number,
    high: number | undefined,
  ): Uint8Array | undefined {
    const { integrity, authentication } = this.#keys;
    if (!integrity) return undefined;
    if (high === undefined) return integrity.mac(authentication, buffer.subarray(at, to));
    const covered = new Uint8Array(to - at + 4);
    covered.set(buffer.subarray(at, to));
    new DataView(covered.buffer).setUint32(to - at, high);
    return integrity.mac(authentication, covered);
  }
}

const NOTHING = new Uint8Array(0);

/** In constant time for one length. */
function isEqual(icv: Uint8Array, buffer: Uint8Array, at: number): boolean {
  let differing = 0;
  for (let i = 0; i < icv.length; i++) differing |= icv[i]! ^ buffer[at + i]!;
  return differing === 0;
}
