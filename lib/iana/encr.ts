/**
 * IANA ikev2-parameters: Transform Type 1 - Encryption Algorithm Transform IDs.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Encryption algorithm, uint16. 29 to 31 are for ESP only (RFC 8750); 32 to 35: RFC 9227. */
export const Encr = {
  ENCR_DES_IV64: 1,
  ENCR_DES: 2,
  ENCR_3DES: 3,
  ENCR_RC5: 4,
  ENCR_IDEA: 5,
  ENCR_CAST: 6,
  ENCR_BLOWFISH: 7,
  ENCR_3IDEA: 8,
  ENCR_DES_IV32: 9,
  ENCR_NULL: 11,
  ENCR_AES_CBC: 12,
  ENCR_AES_CTR: 13,
  ENCR_AES_CCM_8: 14,
  ENCR_AES_CCM_12: 15,
  ENCR_AES_CCM_16: 16,
  ENCR_AES_GCM_8: 18,
  ENCR_AES_GCM_12: 19,
  ENCR_AES_GCM_16: 20,
  ENCR_NULL_AUTH_AES_GMAC: 21,
  ENCR_CAMELLIA_CBC: 23,
  ENCR_CAMELLIA_CTR: 24,
  ENCR_CAMELLIA_CCM_8: 25,
  ENCR_CAMELLIA_CCM_12: 26,
  ENCR_CAMELLIA_CCM_16: 27,
  ENCR_CHACHA20_POLY1305: 28,
  ENCR_AES_CCM_8_IIV: 29,
  ENCR_AES_GCM_16_IIV: 30,
  ENCR_CHACHA20_POLY1305_IIV: 31,
  ENCR_KUZNYECHIK_MGM_KTREE: 32,
  ENCR_MAGMA_MGM_KTREE: 33,
  ENCR_KUZNYECHIK_MGM_MAC_KTREE: 34,
  ENCR_MAGMA_MGM_MAC_KTREE: 35,
} as const;

const NAMES = namesOf(Encr);

const AEAD: ReadonlySet<number> = new Set([
  Encr.ENCR_AES_CCM_8,
  Encr.ENCR_AES_CCM_12,
  Encr.ENCR_AES_CCM_16,
  Encr.ENCR_AES_GCM_8,
  Encr.ENCR_AES_GCM_12,
  Encr.ENCR_AES_GCM_16,
  Encr.ENCR_CHACHA20_POLY1305,
]);

/** Whether a cipher of IKE brings its own integrity check (RFC 5282, RFC 7634). */
export function isAead(value: number): boolean {
  return AEAD.has(value);
}

/** The name of a number, such as `ENCR_AES_CBC`, or `unknown(1024)` if the registry has none. */
export function nameOfEncr(value: number): string {
  return nameIn(NAMES, value);
}
