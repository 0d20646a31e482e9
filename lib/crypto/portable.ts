/**
 * The portable backend: of `node:crypto`, WebCrypto and audited JavaScript libraries, the fastest that has an
 * algorithm. It works wherever this program does, and has every algorithm of the tables.
 * @module
 */
import { withStock } from "@/crypto/random_stock.ts";
import { CIPHERS, GROUPS, INTEGRITIES, PRFS } from "@/crypto/algorithms.ts";
import type { Cipher, CryptoBackend } from "@/crypto/backend.ts";
import { kemExchanges } from "@/crypto/kem_exchange.ts";
import { portableCipher } from "@/crypto/portable_cipher.ts";
import { portableExchange } from "@/crypto/portable_exchange.ts";
import { portableSha1, portableSha256 } from "@/crypto/portable_hash.ts";
import { portableSignatures } from "@/crypto/portable_signature.ts";
import { portableIntegrity, portablePrf } from "@/crypto/portable_prf.ts";

/** The most octets that `crypto.getRandomValues` fills in one call. */
const RANDOM_OCTETS_MAX = 65_536;

/** The portable backend; every call returns the same. */
export function portableBackend(): CryptoBackend {
  return backend ??= newPortableBackend();
}

let backend: CryptoBackend | undefined;

function newPortableBackend(): CryptoBackend {
  const prfs = new Map(PRFS.map((m) => [m.id, portablePrf(m)]));
  const integrities = new Map(INTEGRITIES.map((m) => [m.id, portableIntegrity(m)]));
  const exchanges = new Map([
    ...GROUPS.map((m) => [m.group, portableExchange(m, randomOctets)] as const),
    ...kemExchanges(),
  ]);
  const ciphers = new Map<number, Cipher | undefined>();
  for (const m of CIPHERS) ciphers.set(cipherKey(m.id, m.keyBits), portableCipher(m));
  return {
    name: "portable",
    prf: (id) => prfs.get(id),
    cipher: (id, keyBits) => ciphers.get(cipherKey(id, keyBits)),
    integrity: (id) => integrities.get(id),
    keyExchange: (group) => exchanges.get(group),
    signatures: portableSignatures(),
    sha1: portableSha1,
    sha256: portableSha256,
    randomOctets: withStock(randomOctets),
  };
}

/** Combines two numbers, each a uint16 on the wire, into one key. */
function cipherKey(id: number, keyBits: number): number {
  return id * 65_536 + keyBits;
}

function randomOctets(count: number): Uint8Array {
  const octets = new Uint8Array(count);
  for (let at = 0; at < count; at += RANDOM_OCTETS_MAX) {
    crypto.getRandomValues(octets.subarray(at, at + RANDOM_OCTETS_MAX));
  }
  return octets;
}
