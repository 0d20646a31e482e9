/**
 * The kernel's names for the transforms of ESP and AH, by IANA number.
 * @module
 */
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";

/** A cipher by its name in XFRM; `icvBits` is set for AEAD ciphers. */
export interface KernelCipher {
  readonly name: string;
  readonly icvBits?: number;
}

/** An integrity algorithm by its name in XFRM. */
export interface KernelIntegrity {
  readonly name: string;
  readonly truncatedBits: number;
}

/** Ciphers by the number of transform type 1. */
export const KERNEL_CIPHERS: ReadonlyMap<number, KernelCipher> = new Map<number, KernelCipher>([
  [Encr.ENCR_3DES, { name: "cbc(des3_ede)" }],
  [Encr.ENCR_NULL, { name: "ecb(cipher_null)" }],
  [Encr.ENCR_AES_CBC, { name: "cbc(aes)" }],
  [Encr.ENCR_AES_CTR, { name: "rfc3686(ctr(aes))" }],
  [Encr.ENCR_AES_CCM_8, { name: "rfc4309(ccm(aes))", icvBits: 64 }],
  [Encr.ENCR_AES_CCM_12, { name: "rfc4309(ccm(aes))", icvBits: 96 }],
  [Encr.ENCR_AES_CCM_16, { name: "rfc4309(ccm(aes))", icvBits: 128 }],
  [Encr.ENCR_AES_GCM_8, { name: "rfc4106(gcm(aes))", icvBits: 64 }],
  [Encr.ENCR_AES_GCM_12, { name: "rfc4106(gcm(aes))", icvBits: 96 }],
  [Encr.ENCR_AES_GCM_16, { name: "rfc4106(gcm(aes))", icvBits: 128 }],
  [Encr.ENCR_CHACHA20_POLY1305, { name: "rfc7539esp(chacha20,poly1305)", icvBits: 128 }],
]);

/** Integrity algorithms by the number of transform type 3; `truncatedBits` is the length of the ICV. */
export const KERNEL_INTEGRITIES: ReadonlyMap<number, KernelIntegrity> = new Map([
  [Integ.AUTH_HMAC_MD5_96, { name: "hmac(md5)", truncatedBits: 96 }],
  [Integ.AUTH_HMAC_SHA1_96, { name: "hmac(sha1)", truncatedBits: 96 }],
  [Integ.AUTH_AES_XCBC_96, { name: "xcbc(aes)", truncatedBits: 96 }],
  [Integ.AUTH_AES_CMAC_96, { name: "cmac(aes)", truncatedBits: 96 }],
  [Integ.AUTH_HMAC_SHA2_256_128, { name: "hmac(sha256)", truncatedBits: 128 }],
  [Integ.AUTH_HMAC_SHA2_384_192, { name: "hmac(sha384)", truncatedBits: 192 }],
  [Integ.AUTH_HMAC_SHA2_512_256, { name: "hmac(sha512)", truncatedBits: 256 }],
]);
