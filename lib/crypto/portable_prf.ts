/**
 * Pseudorandom functions and integrity algorithms of the portable backend (RFC 7296 §2.13).
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import { aesCmac, type AesMac, aesXcbc, cmacPrfKey, xcbcPrfKey } from "@/crypto/aes_mac.ts";
import type { IntegrityMeasures, PrfMeasures } from "@/crypto/algorithms.ts";
import type { Integrity, Prf } from "@/crypto/backend.ts";
import { type HashName, Hmac } from "@/crypto/portable_hash.ts";
import { Integ } from "@/iana/integ.ts";
import { Prf as PrfId } from "@/iana/prf.ts";

/** The most blocks of prf+, whose counter is one octet (RFC 7296 §2.13). */
const BLOCKS_MAX = 255;

const PRF_HASHES: Readonly<Record<number, HashName>> = {
  [PrfId.PRF_HMAC_MD5]: "md5",
  [PrfId.PRF_HMAC_SHA1]: "sha1",
  [PrfId.PRF_HMAC_SHA2_256]: "sha256",
  [PrfId.PRF_HMAC_SHA2_384]: "sha384",
  [PrfId.PRF_HMAC_SHA2_512]: "sha512",
};

const INTEGRITY_HASHES: Readonly<Record<number, HashName>> = {
  [Integ.AUTH_HMAC_MD5_96]: "md5",
  [Integ.AUTH_HMAC_SHA1_96]: "sha1",
  [Integ.AUTH_HMAC_SHA2_256_128]: "sha256",
  [Integ.AUTH_HMAC_SHA2_384_192]: "sha384",
  [Integ.AUTH_HMAC_SHA2_512_256]: "sha512",
};

/** A MAC of several parts under one key. */
type Keyed = (parts: readonly Uint8Array[]) => Uint8Array;

/** The prf with these properties; undefined if this backend has none. */
export function portablePrf(measures: PrfMeasures): Prf | undefined {
  const hash = PRF_HASHES[measures.id];
  if (hash) {
    const mac = new Hmac(hash);
    return newPrf(measures, (key, data) => mac.compute(key, data), (key) => mac.keyed(key));
  }
  if (measures.id === PrfId.PRF_AES128_XCBC) return aesPrf(measures, aesXcbc, xcbcPrfKey);
  if (measures.id === PrfId.PRF_AES128_CMAC) return aesPrf(measures, aesCmac, cmacPrfKey);
  return undefined;
}

/** The integrity algorithm with these properties; undefined if this backend has none. */
export function portableIntegrity(measures: IntegrityMeasures): Integrity | undefined {
  const mac = macOf(measures.id);
  if (!mac) return undefined;
  const { keyOctets, icvOctets } = measures;
  return {
    ...measures,
    mac: (key, data) => {
      must(key.length === keyOctets, `a key of ${keyOctets} octets`);
      return mac(key, data).slice(0, icvOctets);
    },
  };
}

function macOf(id: number): AesMac | undefined {
  const hash = INTEGRITY_HASHES[id];
  if (hash) {
    const mac = new Hmac(hash);
    return (key, data) => mac.compute(key, data);
  }
  if (id === Integ.AUTH_AES_XCBC_96) return aesXcbc;
  if (id === Integ.AUTH_AES_CMAC_96) return aesCmac;
  return undefined;
}

function aesPrf(
  measures: PrfMeasures,
  mac: AesMac,
  prfKey: (key: Uint8Array) => Uint8Array,
): Prf {
  return newPrf(measures, (key, data) => mac(prfKey(key), data), (key) => {
    const prepared = prfKey(key);
    return (parts) => mac(prepared, concat(...parts));
  });
}

function newPrf(
  measures: PrfMeasures,
  compute: Prf["compute"],
  keyed: (key: Uint8Array) => Keyed,
): Prf {
  const { outputOctets } = measures;
  return {
    ...measures,
    compute,
    plus: (key, seed, octets) => prfPlus(keyed(key), seed, octets, outputOctets),
  };
}

/** Computes T1 | T2 | … with Tn = prf(K, Tn-1 | S | n) and an empty T0 (RFC 7296 §2.13). */
function prfPlus(prf: Keyed, seed: Uint8Array, octets: number, outputOctets: number): Uint8Array {
  must(octets <= BLOCKS_MAX * outputOctets, `prf+ of at most ${BLOCKS_MAX} blocks, not ${octets}`);
  const stream = new Uint8Array(octets);
  let block = new Uint8Array(0);
  let n = 1;
  for (let at = 0; at < octets; at += outputOctets, n++) {
    block = new Uint8Array(prf([block, seed, Uint8Array.of(n)]));
    stream.set(at + outputOctets <= octets ? block : block.subarray(0, octets - at), at);
  }
  return stream;
}
