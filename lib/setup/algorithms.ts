/**
 * Algorithm names of setup files, and what they are on the wire.
 * @module
 */
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";

/** An encryption transform: IANA type 1 id and Key Length in bits (0: none). */
export interface Encryption {
  readonly id: number;
  readonly keyBits: number;
}

const KEY_BITS = [128, 192, 256] as const;

function sized(name: string, id: number): [string, Encryption][] {
  return KEY_BITS.map((keyBits) => [`${name}:${keyBits}`, { id, keyBits }]);
}

/** IKE encryption; ESP has `null` too. */
export const IKE_ENCRYPTION: Readonly<Record<string, Encryption>> = Object.fromEntries([
  ["3des", { id: Encr.ENCR_3DES, keyBits: 0 }],
  ...sized("aes-cbc", Encr.ENCR_AES_CBC),
  ...sized("aes-gcm-16", Encr.ENCR_AES_GCM_16),
  ...sized("aes-gcm-12", Encr.ENCR_AES_GCM_12),
  ...sized("aes-gcm-8", Encr.ENCR_AES_GCM_8),
  ...sized("aes-ccm-16", Encr.ENCR_AES_CCM_16),
  ...sized("aes-ccm-12", Encr.ENCR_AES_CCM_12),
  ...sized("aes-ccm-8", Encr.ENCR_AES_CCM_8),
  ...sized("aes-ctr", Encr.ENCR_AES_CTR),
  ["chacha20-poly1305", { id: Encr.ENCR_CHACHA20_POLY1305, keyBits: 0 }],
]);

/** ESP encryption. */
export const ESP_ENCRYPTION: Readonly<Record<string, Encryption>> = {
  ...IKE_ENCRYPTION,
  null: { id: Encr.ENCR_NULL, keyBits: 0 },
};

/** Integrity of IKE, ESP and AH. */
export const INTEGRITY: Readonly<Record<string, number>> = {
  "md5-96": Integ.AUTH_HMAC_MD5_96,
  "sha1-96": Integ.AUTH_HMAC_SHA1_96,
  sha256: Integ.AUTH_HMAC_SHA2_256_128,
  sha384: Integ.AUTH_HMAC_SHA2_384_192,
  sha512: Integ.AUTH_HMAC_SHA2_512_256,
  "aes-xcbc": Integ.AUTH_AES_XCBC_96,
  "aes-cmac": Integ.AUTH_AES_CMAC_96,
};

/** Pseudorandom functions. */
export const PRFS: Readonly<Record<string, number>> = {
  md5: Prf.PRF_HMAC_MD5,
  sha1: Prf.PRF_HMAC_SHA1,
  sha256: Prf.PRF_HMAC_SHA2_256,
  sha384: Prf.PRF_HMAC_SHA2_384,
  sha512: Prf.PRF_HMAC_SHA2_512,
  "aes-xcbc": Prf.PRF_AES128_XCBC,
  "aes-cmac": Prf.PRF_AES128_CMAC,
};

/** Key exchange methods by IANA number; ML-KEM is 35, 36 and 37. */
export const GROUPS: Readonly<Record<string, number>> = Object.fromEntries(
  [1, 2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 27, 28, 29, 30, 31, 32, 35, 36, 37]
    .map((g) => [String(g), g]),
);

/** Methods of an additional key exchange (RFC 9370); 0: it may be left out. */
export const ADDITIONAL_METHODS: Readonly<Record<string, number>> = {
  "0": KeGroup.NONE,
  ...GROUPS,
};
