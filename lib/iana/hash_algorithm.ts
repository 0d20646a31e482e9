/**
 * IANA ikev2-parameters: IKEv2 Hash Algorithms.
 * @module
 */
import { nameIn } from "@/iana/registry.ts";

/** Hash algorithm of SIGNATURE_HASH_ALGORITHMS, uint16 (RFC 7427 §4). */
export const HashAlgorithm = {
  SHA1: 1,
  SHA2_256: 2,
  SHA2_384: 3,
  SHA2_512: 4,
  IDENTITY: 5,
  STREEBOG_256: 6,
  STREEBOG_512: 7,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [HashAlgorithm.SHA1, "SHA1"],
  [HashAlgorithm.SHA2_256, "SHA2-256"],
  [HashAlgorithm.SHA2_384, "SHA2-384"],
  [HashAlgorithm.SHA2_512, "SHA2-512"],
  [HashAlgorithm.IDENTITY, "Identity"],
  [HashAlgorithm.STREEBOG_256, "STREEBOG_256"],
  [HashAlgorithm.STREEBOG_512, "STREEBOG_512"],
]);

/** The name of a number, such as `SHA2-256`, `Identity` (RFC 8420), or `unknown(1024)` if the registry has none. */
export function nameOfHashAlgorithm(value: number): string {
  return nameIn(NAMES, value);
}
