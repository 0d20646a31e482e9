/**
 * IANA ikev2-parameters: Transform Type 4 - Key Exchange Method Transform IDs.
 * @module
 */
import { nameIn } from "@/iana/registry.ts";

/** Key exchange method, uint16, once "Diffie-Hellman group"; also of the ADDKE types (RFC 9370). */
export const KeGroup = {
  NONE: 0,
  MODP_768: 1,
  MODP_1024: 2,
  MODP_1536: 5,
  MODP_2048: 14,
  MODP_3072: 15,
  MODP_4096: 16,
  MODP_6144: 17,
  MODP_8192: 18,
  ECP_256: 19,
  ECP_384: 20,
  ECP_521: 21,
  MODP_1024_160: 22,
  MODP_2048_224: 23,
  MODP_2048_256: 24,
  ECP_192: 25,
  ECP_224: 26,
  BRAINPOOL_P224R1: 27,
  BRAINPOOL_P256R1: 28,
  BRAINPOOL_P384R1: 29,
  BRAINPOOL_P512R1: 30,
  CURVE25519: 31,
  CURVE448: 32,
  GOST3410_2012_256: 33,
  GOST3410_2012_512: 34,
  ML_KEM_512: 35,
  ML_KEM_768: 36,
  ML_KEM_1024: 37,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [KeGroup.NONE, "NONE"],
  [KeGroup.MODP_768, "768-bit MODP Group"],
  [KeGroup.MODP_1024, "1024-bit MODP Group"],
  [KeGroup.MODP_1536, "1536-bit MODP Group"],
  [KeGroup.MODP_2048, "2048-bit MODP Group"],
  [KeGroup.MODP_3072, "3072-bit MODP Group"],
  [KeGroup.MODP_4096, "4096-bit MODP Group"],
  [KeGroup.MODP_6144, "6144-bit MODP Group"],
  [KeGroup.MODP_8192, "8192-bit MODP Group"],
  [KeGroup.ECP_256, "256-bit random ECP group"],
  [KeGroup.ECP_384, "384-bit random ECP group"],
  [KeGroup.ECP_521, "521-bit random ECP group"],
  [KeGroup.MODP_1024_160, "1024-bit MODP Group with 160-bit Prime Order Subgroup"],
  [KeGroup.MODP_2048_224, "2048-bit MODP Group with 224-bit Prime Order Subgroup"],
  [KeGroup.MODP_2048_256, "2048-bit MODP Group with 256-bit Prime Order Subgroup"],
  [KeGroup.ECP_192, "192-bit Random ECP Group"],
  [KeGroup.ECP_224, "224-bit Random ECP Group"],
  [KeGroup.BRAINPOOL_P224R1, "brainpoolP224r1"],
  [KeGroup.BRAINPOOL_P256R1, "brainpoolP256r1"],
  [KeGroup.BRAINPOOL_P384R1, "brainpoolP384r1"],
  [KeGroup.BRAINPOOL_P512R1, "brainpoolP512r1"],
  [KeGroup.CURVE25519, "Curve25519"],
  [KeGroup.CURVE448, "Curve448"],
  [KeGroup.GOST3410_2012_256, "GOST3410_2012_256"],
  [KeGroup.GOST3410_2012_512, "GOST3410_2012_512"],
  [KeGroup.ML_KEM_512, "ml-kem-512"],
  [KeGroup.ML_KEM_768, "ml-kem-768"],
  [KeGroup.ML_KEM_1024, "ml-kem-1024"],
]);

/** The name of a number, such as `2048-bit MODP Group`, or `unknown(1024)` if the registry has none. */
export function nameOfKeGroup(value: number): string {
  return nameIn(NAMES, value);
}
