/**
 * The measures of every algorithm this program knows, by IANA transform number (RFC 7296 §3.3.2):
 * lengths of keys, salts, IVs, blocks and check values. Both backends are built from these tables,
 * so they cannot differ in anything but the work itself.
 * @module
 */
import type { Cipher, Integrity, KeyExchange, Prf } from "@/crypto/backend.ts";

/** The measures of a {@linkcode Prf}. */
export type PrfMeasures = Omit<Prf, "compute" | "plus">;
/** The measures of a {@linkcode Cipher}. */
export type CipherMeasures = Omit<Cipher, "seal" | "open">;
/** The measures of an {@linkcode Integrity}. */
export type IntegrityMeasures = Omit<Integrity, "mac">;

/** What a group computes in. */
export type GroupFamily = "modp" | "ecp" | "brainpool" | "x";

/** The measures of a {@linkcode KeyExchange}. */
export interface GroupMeasures extends Omit<KeyExchange, "generate" | "derive"> {
  readonly family: GroupFamily;
  /** Octets of a private value. */
  readonly privateOctets: number;
}

/** Pseudorandom functions: RFC 2104 with RFC 2403, 2404 and 4868; RFC 4434; RFC 4615. */
export const PRFS: readonly PrfMeasures[] = [
  hmacPrf(1, "PRF_HMAC_MD5", 16),
  hmacPrf(2, "PRF_HMAC_SHA1", 20),
  aesPrf(4, "PRF_AES128_XCBC"),
  hmacPrf(5, "PRF_HMAC_SHA2_256", 32),
  hmacPrf(6, "PRF_HMAC_SHA2_384", 48),
  hmacPrf(7, "PRF_HMAC_SHA2_512", 64),
  aesPrf(8, "PRF_AES128_CMAC"),
];

/** Integrity algorithms: RFC 2403, 2404, 3566, 4494, 4868. */
export const INTEGRITIES: readonly IntegrityMeasures[] = [
  { id: 1, name: "AUTH_HMAC_MD5_96", keyOctets: 16, icvOctets: 12 },
  { id: 2, name: "AUTH_HMAC_SHA1_96", keyOctets: 20, icvOctets: 12 },
  { id: 5, name: "AUTH_AES_XCBC_96", keyOctets: 16, icvOctets: 12 },
  { id: 8, name: "AUTH_AES_CMAC_96", keyOctets: 16, icvOctets: 12 },
  { id: 12, name: "AUTH_HMAC_SHA2_256_128", keyOctets: 32, icvOctets: 16 },
  { id: 13, name: "AUTH_HMAC_SHA2_384_192", keyOctets: 48, icvOctets: 24 },
  { id: 14, name: "AUTH_HMAC_SHA2_512_256", keyOctets: 64, icvOctets: 32 },
];

/** Ciphers: RFC 2451, 2410, 3602, 3686 with 5930, 4309 and 4106 with 5282, 7634. */
export const CIPHERS: readonly CipherMeasures[] = [
  fixedCipher(3, "ENCR_3DES", { keyOctets: 24, ivOctets: 8, blockOctets: 8 }),
  fixedCipher(11, "ENCR_NULL", {}),
  ...aesCiphers(12, "ENCR_AES_CBC", { ivOctets: 16, blockOctets: 16 }),
  ...aesCiphers(13, "ENCR_AES_CTR", { saltOctets: 4, ivOctets: 8 }),
  ...aesCiphers(14, "ENCR_AES_CCM_8", { saltOctets: 3, ivOctets: 8, icvOctets: 8 }),
  ...aesCiphers(15, "ENCR_AES_CCM_12", { saltOctets: 3, ivOctets: 8, icvOctets: 12 }),
  ...aesCiphers(16, "ENCR_AES_CCM_16", { saltOctets: 3, ivOctets: 8, icvOctets: 16 }),
  ...aesCiphers(18, "ENCR_AES_GCM_8", { saltOctets: 4, ivOctets: 8, icvOctets: 8 }),
  ...aesCiphers(19, "ENCR_AES_GCM_12", { saltOctets: 4, ivOctets: 8, icvOctets: 12 }),
  ...aesCiphers(20, "ENCR_AES_GCM_16", { saltOctets: 4, ivOctets: 8, icvOctets: 16 }),
  fixedCipher(28, "ENCR_CHACHA20_POLY1305", {
    keyOctets: 36,
    saltOctets: 4,
    ivOctets: 8,
    icvOctets: 16,
  }),
];

/**
 * Key exchange groups: RFC 2409 §6, RFC 3526, RFC 5903, RFC 6954, RFC 8031. A MODP exponent has
 * the bits that the second, larger estimate of RFC 3526 §8 asks for, and 160 in the two groups
 * below it.
 */
export const GROUPS: readonly GroupMeasures[] = [
  modp(1, "768-bit MODP Group", 96, 20),
  modp(2, "1024-bit MODP Group", 128, 20),
  modp(5, "1536-bit MODP Group", 192, 30),
  modp(14, "2048-bit MODP Group", 256, 40),
  modp(15, "3072-bit MODP Group", 384, 53),
  modp(16, "4096-bit MODP Group", 512, 60),
  modp(17, "6144-bit MODP Group", 768, 68),
  modp(18, "8192-bit MODP Group", 1024, 78),
  curve("ecp", 19, "256-bit random ECP group", 32),
  curve("ecp", 20, "384-bit random ECP group", 48),
  curve("ecp", 21, "521-bit random ECP group", 66),
  curve("brainpool", 27, "brainpoolP224r1", 28),
  curve("brainpool", 28, "brainpoolP256r1", 32),
  curve("brainpool", 29, "brainpoolP384r1", 48),
  curve("brainpool", 30, "brainpoolP512r1", 64),
  montgomery(31, "Curve25519", 32),
  montgomery(32, "Curve448", 56),
];

function hmacPrf(id: number, name: string, octets: number): PrfMeasures {
  return { id, name, keyOctets: octets, outputOctets: octets, fixedKey: false };
}

function aesPrf(id: number, name: string): PrfMeasures {
  return { id, name, keyOctets: 16, outputOctets: 16, fixedKey: true };
}

function fixedCipher(id: number, name: string, measures: Partial<CipherMeasures>): CipherMeasures {
  const none = { keyOctets: 0, saltOctets: 0, ivOctets: 0, blockOctets: 1, icvOctets: 0 };
  return { ...none, ...measures, id, name, keyBits: 0 };
}

/** The three key lengths of AES. */
function aesCiphers(
  id: number,
  name: string,
  measures: Partial<CipherMeasures>,
): readonly CipherMeasures[] {
  return [128, 192, 256].map((keyBits) => {
    const keyOctets = keyBits / 8 + (measures.saltOctets ?? 0);
    return { ...fixedCipher(id, name, measures), keyBits, keyOctets };
  });
}

function modp(group: number, name: string, octets: number, privateOctets: number): GroupMeasures {
  const measures = { publicOctets: octets, secretOctets: octets, privateOctets };
  return { group, name, family: "modp", ...measures };
}

function curve(family: GroupFamily, group: number, name: string, octets: number): GroupMeasures {
  const measures = { publicOctets: 2 * octets, secretOctets: octets, privateOctets: octets };
  return { group, name, family, ...measures };
}

function montgomery(group: number, name: string, octets: number): GroupMeasures {
  const measures = { publicOctets: octets, secretOctets: octets, privateOctets: octets };
  return { group, name, family: "x", ...measures };
}
