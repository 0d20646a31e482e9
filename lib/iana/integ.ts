/**
 * IANA ikev2-parameters: Transform Type 3 - Integrity Algorithm Transform IDs.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Integrity algorithm, uint16. */
export const Integ = {
  NONE: 0,
  AUTH_HMAC_MD5_96: 1,
  AUTH_HMAC_SHA1_96: 2,
  AUTH_DES_MAC: 3,
  AUTH_KPDK_MD5: 4,
  AUTH_AES_XCBC_96: 5,
  AUTH_HMAC_MD5_128: 6,
  AUTH_HMAC_SHA1_160: 7,
  AUTH_AES_CMAC_96: 8,
  AUTH_AES_128_GMAC: 9,
  AUTH_AES_192_GMAC: 10,
  AUTH_AES_256_GMAC: 11,
  AUTH_HMAC_SHA2_256_128: 12,
  AUTH_HMAC_SHA2_384_192: 13,
  AUTH_HMAC_SHA2_512_256: 14,
} as const;

const NAMES = namesOf(Integ);

/** The name of a number, such as `AUTH_HMAC_SHA2_256_128`, or `unknown(1024)` if the registry has none. */
export function nameOfInteg(value: number): string {
  return nameIn(NAMES, value);
}
