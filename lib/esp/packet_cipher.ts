/**
 * Protects ESP packets in place with the keys of one SA (RFC 4303 §2). A packet is a header of 8 octets (SPI
 * and lower half of the sequence number), the IV, the plaintext with its trailer, and the ICV. The portable
 * implementation uses the algorithms of `crypto/`; a native one may take its place.
 * @module
 */
import type { Cipher, Integrity } from "@/crypto/backend.ts";

/** Octets of SPI and sequence number together. */
export const ESP_HEADER_OCTETS = 8;

/** The lengths in ESP packets that follow from the algorithms of an SA. */
export interface PacketMeasures {
  /** Octets of the IV. */
  readonly ivOctets: number;
  /** The length of plaintext and trailer is a multiple of it: at least 4 (RFC 4303 §2.4). */
  readonly alignment: number;
  /** Octets of the ICV. */
  readonly icvOctets: number;
  /** Whether IVs only have to be distinct, as counter modes require (RFC 4106 §3.1). */
  readonly countedIv: boolean;
}

/** Encrypts and decrypts packets of one direction. */
export interface PacketCipher {
  readonly measures: PacketMeasures;
  /**
   * Encrypts the packet at `at`, which has header, IV and `clear` octets of plaintext; the ICV is written
   * after them. `high` is the upper half of the sequence number; undefined without ESN.
   */
  seal(buffer: Uint8Array, at: number, clear: number, high: number | undefined): void;
  /**
   * Decrypts a packet of `octets` octets in place. False if the ICV is wrong or the length is impossible;
   * then the octets of the packet are destroyed.
   */
  open(buffer: Uint8Array, at: number, octets: number, high: number | undefined): boolean;
  /** Erases the keys. */
  close(): void;
}

/** Algorithms and keys of one direction. */
export interface PacketKeys {
  readonly cipher: Cipher;
  readonly encryption: Uint8Array;
  /** Undefined if the cipher is a combined mode. */
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

/** A packet cipher over the algorithms of `crypto/`. */
export function portablePacketCipher(keys: PacketKeys): PacketCipher {
  const measures = packetMeasures(keys);
  return keys.cipher.icvOctets > 0
    ? new CombinedMode(keys, measures)
    : new EncryptThenAuthenticate(keys, measures);
}

/** A combined-mode cipher; SPI and the whole sequence number are associated data (RFC 4106, 4309, 7634). */
class CombinedMode implements PacketCipher {
  readonly measures: PacketMeasures;
  readonly #keys: PacketKeys;
  readonly #longHeader = new Uint8Array(12);

  constructor(keys: PacketKeys, measures: PacketMeasures) {
    this.#keys = keys;
    this.measures = measures;
  }

  seal(buffer: Uint8Array, at: number, clear: number, high: number | undefined): void {
    const { cipher, encryption } = this.#keys;
    const from = at + ESP_HEADER_OCTETS + cipher.ivOctets;
    const iv = buffer.subarray(at + ESP_HEADER_OCTETS, from);
    const aad = this.#header(buffer, at, high);
    cipher.sealInPlace(
      encryption,
      iv,
      aad,
      buffer.subarray(from, from + clear + cipher.icvOctets),
    );
  }

  open(buffer: Uint8Array, at: number, octets: number, high: number | undefined): boolean {
    const { cipher, encryption } = this.#keys;
    const from = at + ESP_HEADER_OCTETS + cipher.ivOctets;
    const iv = buffer.subarray(at + ESP_HEADER_OCTETS, from);
    const aad = this.#header(buffer, at, high);
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

/**
 * Encrypts, then authenticates header, IV and ciphertext, followed by the upper half of an ESN (RFC 4303
 * §3.3.2.1).
 */
class EncryptThenAuthenticate implements PacketCipher {
  readonly measures: PacketMeasures;
  readonly #keys: PacketKeys;

  constructor(keys: PacketKeys, measures: PacketMeasures) {
    this.#keys = keys;
    this.measures = measures;
  }

  seal(buffer: Uint8Array, at: number, clear: number, high: number | undefined): void {
    const { cipher, encryption } = this.#keys;
    const from = at + ESP_HEADER_OCTETS + cipher.ivOctets;
    const iv = buffer.subarray(at + ESP_HEADER_OCTETS, from);
    cipher.sealInPlace(encryption, iv, NOTHING, buffer.subarray(from, from + clear));
    const icv = this.#icv(buffer, at, from + clear, high);
    if (icv) buffer.set(icv, from + clear);
  }

  open(buffer: Uint8Array, at: number, octets: number, high: number | undefined): boolean {
    const { cipher, encryption } = this.#keys;
    const from = at + ESP_HEADER_OCTETS + cipher.ivOctets;
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

/** Compares ICVs of one length in constant time. */
function isEqual(icv: Uint8Array, buffer: Uint8Array, at: number): boolean {
  let differing = 0;
  for (let i = 0; i < icv.length; i++) differing |= icv[i]! ^ buffer[at + i]!;
  return differing === 0;
}
