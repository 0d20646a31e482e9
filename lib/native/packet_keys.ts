/**
 * Keys of ESP in libcrypto, by which the shim encrypts and decrypts packets in place
 * (`ffi/crypto_packet.c`).
 * @module
 */
import { must } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";

/** Keys and algorithms of one direction, by IANA number. */
export interface NativePacketKeys {
  readonly encryption: number;
  /** The encryption key, followed by the salt. */
  readonly encryptionKey: Uint8Array;
  /** Integrity algorithm; 0: there is none. */
  readonly integrity: number;
  readonly integrityKey: Uint8Array;
  readonly seals: boolean;
}

/** The keys of one direction, as libcrypto holds them. */
export class PacketKey {
  readonly #shim: ShimSymbols;
  readonly #number: number;
  #closed = false;

  constructor(shim: ShimSymbols, keys: NativePacketKeys) {
    const { encryption, integrity, seals } = keys;
    const key = keys.encryptionKey as Uint8Array<ArrayBuffer>;
    const macKey = keys.integrityKey as Uint8Array<ArrayBuffer>;
    this.#shim = shim;
    this.#number = shim.my_packet_key(
      encryption,
      key,
      key.length,
      integrity,
      macKey,
      macKey.length,
      seals ? 1 : 0,
    );
    must(this.#number >= 0, "libcrypto takes the keys of a CHILD_SA");
  }

  /** See `PacketCipher.seal`. */
  seal(buffer: Uint8Array, at: number, clear: number, high: number | undefined): void {
    const octets = buffer as Uint8Array<ArrayBuffer>;
    const esn = high === undefined ? 0 : 1;
    const result = this.#shim.my_packet_seal(this.#number, octets, at, clear, high ?? 0, esn);
    if (result < 0) must(false, "libcrypto seals a packet");
  }

  /** See `PacketCipher.open`. */
  open(buffer: Uint8Array, at: number, octets: number, high: number | undefined): boolean {
    const esn = high === undefined ? 0 : 1;
    const lent = buffer as Uint8Array<ArrayBuffer>;
    return this.#shim.my_packet_open(this.#number, lent, at, octets, high ?? 0, esn) >= 0;
  }

  /** Erases the keys. Idempotent. */
  close(): void {
    if (!this.#closed) this.#shim.my_packet_forget(this.#number);
    this.#closed = true;
  }
}
