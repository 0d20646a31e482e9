/**
 * IANA ikev2-parameters: Transform Type 2 - Pseudorandom Function Transform IDs.
 * @module
 */
import { nameIn, namesOf } from "@/iana/registry.ts";

/** Pseudorandom function, uint16. */
export const Prf = {
  PRF_HMAC_MD5: 1,
  PRF_HMAC_SHA1: 2,
  PRF_HMAC_TIGER: 3,
  PRF_AES128_XCBC: 4,
  PRF_HMAC_SHA2_256: 5,
  PRF_HMAC_SHA2_384: 6,
  PRF_HMAC_SHA2_512: 7,
  PRF_AES128_CMAC: 8,
  PRF_HMAC_STREEBOG_512: 9,
} as const;

const NAMES = namesOf(Prf);

/** The name of a number, such as `PRF_HMAC_SHA2_256`, or `unknown(1024)` if the registry has none. */
export function nameOfPrf(value: number): string {
  return nameIn(NAMES, value);
}
