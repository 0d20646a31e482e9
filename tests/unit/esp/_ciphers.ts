/**
 * All implementations that encrypt and decrypt ESP packets: the portable algorithms and, if the shim is
 * built, libcrypto, each with all ciphers and integrity algorithms.
 * @module
 */
import { must } from "@/base/errors.ts";
import { type CipherMeasures, CIPHERS, INTEGRITIES } from "@/crypto/algorithms.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { InboundSa } from "@/esp/inbound.ts";
import { OutboundSa } from "@/esp/outbound.ts";
import {
  type PacketCipher,
  type PacketKeys,
  packetMeasures,
  portablePacketCipher,
} from "@/esp/packet_cipher.ts";
import { loadShim } from "@/native/load.ts";
import { PacketKey } from "@/native/packet_keys.ts";

const { symbols } = loadShim();
const backend = portableBackend();

/** Makes a {@linkcode PacketCipher} of keys. */
export interface Maker {
  readonly name: string;
  make(keys: PacketKeys, seals: boolean): PacketCipher;
}

/** The portable maker and, if the shim is built, the native one. */
export const MAKERS: readonly Maker[] = [
  { name: "portable", make: (keys) => portablePacketCipher(keys) },
  ...symbols ? [{ name: "libcrypto", make: native }] : [],
];

function native(keys: PacketKeys, seals: boolean): PacketCipher {
  const key = new PacketKey(symbols!, {
    encryption: keys.cipher.id,
    encryptionKey: keys.encryption,
    integrity: keys.integrity?.id ?? 0,
    integrityKey: keys.authentication,
    seals,
  });
  return {
    measures: packetMeasures(keys),
    seal: (...of) => key.seal(...of),
    open: (...of) => key.open(...of),
    close: () => key.close(),
  };
}

/** A cipher with the integrity algorithm it needs. */
export interface Suite {
  readonly name: string;
  readonly cipher: CipherMeasures;
  readonly keys: PacketKeys;
}

/** Octets without an obvious pattern, always the same. */
export function filled(octets: number, from: number): Uint8Array {
  return Uint8Array.from({ length: octets }, (_, i) => from + 7 * i + (i >> 5) & 255);
}

/** Keys of a cipher and an integrity algorithm by their IANA numbers; 0: none. */
export function keysOf(
  { encryption, keyBits, integrity }: {
    readonly encryption: number;
    readonly keyBits: number;
    readonly integrity: number;
  },
  given: { readonly encryption?: Uint8Array; readonly authentication?: Uint8Array } = {},
): PacketKeys {
  const cipher = backend.cipher(encryption, keyBits);
  must(cipher !== undefined, `there is cipher ${encryption}`);
  const mac = integrity === 0 ? undefined : backend.integrity(integrity);
  return {
    cipher,
    encryption: given.encryption ?? filled(cipher.keyOctets, 3),
    integrity: mac,
    authentication: given.authentication ?? filled(mac?.keyOctets ?? 0, 11),
  };
}

/** Every cipher, and with every integrity algorithm if it is no combined mode. */
export const SUITES: readonly Suite[] = CIPHERS.flatMap((cipher) => {
  const macs = cipher.icvOctets > 0 ? [undefined] : INTEGRITIES;
  return macs.map((mac) => ({
    name: `${cipher.name} ${cipher.keyBits} ${mac?.name ?? ""}`.trim(),
    cipher,
    keys: keysOf({
      encryption: cipher.id,
      keyBits: cipher.keyBits,
      integrity: mac?.id ?? 0,
    }),
  }));
});

/** The properties of two ends. */
export interface EndsWish {
  readonly esn?: boolean;
  readonly replayWindow?: number;
  readonly random?: (octets: number) => Uint8Array;
  readonly spi?: number;
}

/** Both ends of one direction of an SA. */
export function endsOf(maker: Maker, keys: PacketKeys, wish: EndsWish = {}): {
  readonly out: OutboundSa;
  readonly in: InboundSa;
  readonly close: () => void;
} {
  const { esn = false, replayWindow = 64, spi = 0xc1d2e3f4 } = wish;
  let drawn = 0;
  const random = wish.random ?? ((octets) => filled(octets, 29 * ++drawn));
  const out = new OutboundSa({ spi, cipher: maker.make(keys, true), esn, random });
  const incoming = new InboundSa({ spi, cipher: maker.make(keys, false), esn, replayWindow });
  const close = () => {
    out.close();
    incoming.close();
  };
  return { out, in: incoming, close };
}

/** The packet that `out` makes of a payload, alone in its octets. */
export function sealed(out: OutboundSa, payload: Uint8Array, nextHeader = 4): Uint8Array {
  const room = new Uint8Array(out.sealedOctets(payload.length));
  const octets = out.seal(payload, nextHeader, room, 0);
  must(octets === room.length, "a packet has as many octets as was said before");
  return room;
}
