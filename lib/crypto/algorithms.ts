/**
 * The properties of every algorithm that this program knows, by IANA transform number (RFC 7296 §3.3.2):
 * lengths of keys, salts, IVs, blocks and check values. Both backends are made from these tables, so that
 * they differ only in who computes.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { Cipher, Integrity, KeyExchange, Prf } from "@/crypto/backend.ts";
import { Encr, nameOfEncr } from "@/iana/encr.ts";
import { Integ, nameOfInteg } from "@/iana/integ.ts";
import { KeGroup, nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfPrf, Prf as PrfId } from "@/iana/prf.ts";

/** The properties of a {@linkcode Prf}. */
export type PrfMeasures = Omit<Prf, "compute" | "plus">;
/** The properties of a {@linkcode Cipher}. */
export type CipherMeasures = Omit<Cipher, "seal" | "sealInPlace" | "open">;
/** The properties of an {@linkcode Integrity}. */
export type IntegrityMeasures = Omit<Integrity, "mac">;

/** The kind of arithmetic of a group. */
export type GroupFamily = "modp" | "ecp" | "brainpool" | "x";

/** The properties of a {@linkcode KeyExchange} by groups. */
export interface GroupMeasures extends Omit<KeyExchange, "generate" | "respond" | "derive"> {
  readonly family: GroupFamily;
  /** Octets of a private value. */
  readonly privateOctets: number;
}

/** The properties of a key encapsulation method. */
export interface KemMeasures extends Omit<KeyExchange, "generate" | "respond" | "derive"> {
  /** Its name in WebCrypto. */
  readonly webName: string;
}

/** Pseudorandom functions: RFC 2104 with RFC 2403, 2404 and 4868; RFC 4434; RFC 4615. */
export const PRFS: readonly PrfMeasures[] = [
  hmacPrf(PrfId.PRF_HMAC_MD5, 16),
  hmacPrf(PrfId.PRF_HMAC_SHA1, 20),
  aesPrf(PrfId.PRF_AES128_XCBC),
  hmacPrf(PrfId.PRF_HMAC_SHA2_256, 32),
  hmacPrf(PrfId.PRF_HMAC_SHA2_384, 48),
  hmacPrf(PrfId.PRF_HMAC_SHA2_512, 64),
  aesPrf(PrfId.PRF_AES128_CMAC),
];

/** Integrity algorithms: RFC 2403, 2404, 3566, 4494, 4868. */
export const INTEGRITIES: readonly IntegrityMeasures[] = [
  integrity(Integ.AUTH_HMAC_MD5_96, 16, 12),
  integrity(Integ.AUTH_HMAC_SHA1_96, 20, 12),
  integrity(Integ.AUTH_AES_XCBC_96, 16, 12),
  integrity(Integ.AUTH_AES_CMAC_96, 16, 12),
  integrity(Integ.AUTH_HMAC_SHA2_256_128, 32, 16),
  integrity(Integ.AUTH_HMAC_SHA2_384_192, 48, 24),
  integrity(Integ.AUTH_HMAC_SHA2_512_256, 64, 32),
];

/** Ciphers: RFC 2451, 2410, 3602, 3686 with 5930, 4309 and 4106 with 5282, 7634. */
export const CIPHERS: readonly CipherMeasures[] = [
  fixedCipher(Encr.ENCR_3DES, { keyOctets: 24, ivOctets: 8, blockOctets: 8 }),
  fixedCipher(Encr.ENCR_NULL, {}),
  ...aesCiphers(Encr.ENCR_AES_CBC, { ivOctets: 16, blockOctets: 16 }),
  ...aesCiphers(Encr.ENCR_AES_CTR, { saltOctets: 4, ivOctets: 8 }),
  ...aesCiphers(Encr.ENCR_AES_CCM_8, { saltOctets: 3, ivOctets: 8, icvOctets: 8 }),
  ...aesCiphers(Encr.ENCR_AES_CCM_12, { saltOctets: 3, ivOctets: 8, icvOctets: 12 }),
  ...aesCiphers(Encr.ENCR_AES_CCM_16, { saltOctets: 3, ivOctets: 8, icvOctets: 16 }),
  ...aesCiphers(Encr.ENCR_AES_GCM_8, { saltOctets: 4, ivOctets: 8, icvOctets: 8 }),
  ...aesCiphers(Encr.ENCR_AES_GCM_12, { saltOctets: 4, ivOctets: 8, icvOctets: 12 }),
  ...aesCiphers(Encr.ENCR_AES_GCM_16, { saltOctets: 4, ivOctets: 8, icvOctets: 16 }),
  fixedCipher(Encr.ENCR_CHACHA20_POLY1305, {
    keyOctets: 36,
    saltOctets: 4,
    ivOctets: 8,
    icvOctets: 16,
  }),
];

/**
 * Key exchange groups: RFC 2409 §6, RFC 3526, RFC 5903, RFC 6954, RFC 8031. The exponent of a MODP group has
 * as many bits as the second, larger estimate of RFC 3526 §8 asks for, and 160 in the two groups below those.
 */
export const GROUPS: readonly GroupMeasures[] = [
  modp(KeGroup.MODP_768, 96, 20),
  modp(KeGroup.MODP_1024, 128, 20),
  modp(KeGroup.MODP_1536, 192, 30),
  modp(KeGroup.MODP_2048, 256, 40),
  modp(KeGroup.MODP_3072, 384, 53),
  modp(KeGroup.MODP_4096, 512, 60),
  modp(KeGroup.MODP_6144, 768, 68),
  modp(KeGroup.MODP_8192, 1024, 78),
  curve("ecp", KeGroup.ECP_256, 32),
  curve("ecp", KeGroup.ECP_384, 48),
  curve("ecp", KeGroup.ECP_521, 66),
  curve("brainpool", KeGroup.BRAINPOOL_P224R1, 28),
  curve("brainpool", KeGroup.BRAINPOOL_P256R1, 32),
  curve("brainpool", KeGroup.BRAINPOOL_P384R1, 48),
  curve("brainpool", KeGroup.BRAINPOOL_P512R1, 64),
  montgomery(KeGroup.CURVE25519, 32),
  montgomery(KeGroup.CURVE448, 56),
];

/** Key encapsulation methods: ML-KEM (FIPS 203 §8 table 3). */
export const KEMS: readonly KemMeasures[] = [
  mlKem(KeGroup.ML_KEM_512, "ML-KEM-512", [800, 768]),
  mlKem(KeGroup.ML_KEM_768, "ML-KEM-768", [1184, 1088]),
  mlKem(KeGroup.ML_KEM_1024, "ML-KEM-1024", [1568, 1568]),
];

/** Asserts that key and IV have the lengths of the cipher. @throws {Bug} if they do not. */
export function checkKeyAndIv(measures: CipherMeasures, key: Uint8Array, iv: Uint8Array): void {
  const { name, keyOctets, ivOctets } = measures;
  // This runs for every message, so the sentence is only made when it is needed.
  if (key.length !== keyOctets) must(false, `${name} takes a key of ${keyOctets} octets`);
  if (iv.length !== ivOctets) must(false, `${name} takes an IV of ${ivOctets} octets`);
}

function hmacPrf(id: number, octets: number): PrfMeasures {
  return { id, name: nameOfPrf(id), keyOctets: octets, outputOctets: octets, fixedKey: false };
}

function aesPrf(id: number): PrfMeasures {
  return { id, name: nameOfPrf(id), keyOctets: 16, outputOctets: 16, fixedKey: true };
}

function integrity(id: number, keyOctets: number, icvOctets: number): IntegrityMeasures {
  return { id, name: nameOfInteg(id), keyOctets, icvOctets };
}

function fixedCipher(id: number, measures: Partial<CipherMeasures>): CipherMeasures {
  const none = { keyOctets: 0, saltOctets: 0, ivOctets: 0, blockOctets: 1, icvOctets: 0 };
  return { ...none, ...measures, id, name: nameOfEncr(id), keyBits: 0 };
}

/** The three key lengths of AES. */
function aesCiphers(id: number, measures: Partial<CipherMeasures>): readonly CipherMeasures[] {
  return [128, 192, 256].map((keyBits) => {
    const keyOctets = keyBits / 8 + (measures.saltOctets ?? 0);
    return { ...fixedCipher(id, measures), keyBits, keyOctets };
  });
}

function modp(group: number, octets: number, privateOctets: number): GroupMeasures {
  return newGroup("modp", group, [octets, octets, privateOctets]);
}

function curve(family: GroupFamily, group: number, octets: number): GroupMeasures {
  return newGroup(family, group, [2 * octets, octets, octets]);
}

function montgomery(group: number, octets: number): GroupMeasures {
  return newGroup("x", group, [octets, octets, octets]);
}

function newGroup(
  family: GroupFamily,
  group: number,
  [publicOctets, secretOctets, privateOctets]: readonly [number, number, number],
): GroupMeasures {
  const name = nameOfKeGroup(group);
  const answerOctets = publicOctets;
  const octets = { publicOctets, answerOctets, secretOctets, privateOctets };
  return { family, group, name, isKem: false, ...octets };
}

function mlKem(
  group: number,
  webName: string,
  [publicOctets, answerOctets]: readonly [number, number],
): KemMeasures {
  const name = nameOfKeGroup(group);
  return { group, name, webName, publicOctets, answerOctets, secretOctets: 32, isKem: true };
}
