/**
 * Message authentication with AES-128: AES-CMAC (RFC 4493) and AES-XCBC-MAC (RFC 3566), and how the
 * pseudorandom functions made of them take keys of any length (RFC 4615, RFC 4434).
 * @module
 */
import { cbc, cmac } from "@noble/ciphers/aes.js";

/** A MAC of 16 octets under a key of 16 octets. */
export type AesMac = (key: Uint8Array, data: Uint8Array) => Uint8Array;

const ZEROS = new Uint8Array(16);
/** K1, K2 and K3 are these three blocks encrypted under K (RFC 3566 §4). */
const DERIVATION = Uint8Array.from({ length: 48 }, (_, i) => 1 + Math.floor(i / 16));

/** AES-CMAC, not truncated (RFC 4493 §2.4). */
export function aesCmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return cmac(data, key);
}

/** AES-XCBC-MAC, not truncated (RFC 3566 §4). */
export function aesXcbc(key: Uint8Array, data: Uint8Array): Uint8Array {
  const k1 = encryptBlock(key, DERIVATION.subarray(0, 16));
  const complete = data.length > 0 && data.length % 16 === 0;
  const last = encryptBlock(key, DERIVATION.subarray(complete ? 16 : 32).subarray(0, 16));
  const padded = new Uint8Array(complete ? data.length : data.length - data.length % 16 + 16);
  padded.set(data);
  if (!complete) padded[data.length] = 0x80;
  const tail = padded.subarray(-16);
  for (let i = 0; i < 16; i++) tail[i]! ^= last[i]!;
  return cbcMac(k1, padded);
}

/** CBC-MAC of whole blocks: the last block of CBC with a zero IV. CCM uses it too. */
export function cbcMac(key: Uint8Array, blocks: Uint8Array): Uint8Array {
  return cbc(key, ZEROS, { disablePadding: true }).encrypt(blocks).slice(-16);
}

/**
 * The key of AES-CMAC-PRF-128 (RFC 4615 §3): 16 octets stay as they are, any other length goes through CMAC.
 */
export function cmacPrfKey(key: Uint8Array): Uint8Array {
  return key.length === 16 ? key : aesCmac(ZEROS, key);
}

/**
 * The key of AES-XCBC-PRF-128 (RFC 4434 §2): a shorter key is padded with zeros, a longer one goes through
 * XCBC.
 */
export function xcbcPrfKey(key: Uint8Array): Uint8Array {
  if (key.length === 16) return key;
  if (key.length > 16) return aesXcbc(ZEROS, key);
  const padded = new Uint8Array(16);
  padded.set(key);
  return padded;
}

function encryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  return cbc(key, ZEROS, { disablePadding: true }).encrypt(block);
}
