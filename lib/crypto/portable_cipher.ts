/**
 * Ciphers of the portable backend. AES-CBC is faster in JavaScript for the lengths of IKE messages, and
 * `node:crypto` in Deno lacks its 192-bit keys. GCM, ChaCha20-Poly1305, counter mode and 3DES come from
 * `node:crypto`, except for GCM with 192-bit keys, which it lacks too.
 * @module
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { cbc, gcm } from "@noble/ciphers/aes.js";
import { concat, sameOctets } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import { ccmOpen, ccmSeal } from "@/crypto/aes_ccm.ts";
import { checkKeyAndIv, type CipherMeasures } from "@/crypto/algorithms.ts";
import type { Cipher } from "@/crypto/backend.ts";
import { plain } from "@/crypto/portable_hash.ts";
import { Encr } from "@/iana/encr.ts";

/** The part in which ciphers differ: it takes the key without salt, the nonce (salt ‖ IV) and the data. */
interface Work {
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined;
}

/** The AEAD ciphers of `node:crypto`. */
type NodeAead = "aes-128-gcm" | "aes-256-gcm" | "chacha20-poly1305";

/** The cipher with these properties; undefined if this backend has none. */
export function portableCipher(measures: CipherMeasures): Cipher | undefined {
  const work = workOf(measures);
  return work && checked(measures, work);
}

function workOf(measures: CipherMeasures): Work | undefined {
  const { id, keyBits, icvOctets } = measures;
  switch (id) {
    case Encr.ENCR_3DES:
      return TRIPLE_DES;
    case Encr.ENCR_NULL:
      return NULL;
    case Encr.ENCR_AES_CBC:
      return AES_CBC;
    case Encr.ENCR_AES_CTR:
      return aesCtr(keyBits);
    case Encr.ENCR_AES_CCM_8:
    case Encr.ENCR_AES_CCM_12:
    case Encr.ENCR_AES_CCM_16:
      return aesCcm(icvOctets);
    case Encr.ENCR_AES_GCM_8:
    case Encr.ENCR_AES_GCM_12:
    case Encr.ENCR_AES_GCM_16:
      if (keyBits === 192) return aesGcmOfJavaScript(icvOctets);
      return nodeAead(keyBits === 128 ? "aes-128-gcm" : "aes-256-gcm", icvOctets);
    case Encr.ENCR_CHACHA20_POLY1305:
      return nodeAead("chacha20-poly1305", icvOctets);
    default:
      return undefined;
  }
}

/** Adds to the algorithm what all ciphers share: the checks, and the split of key material and IV. */
function checked(measures: CipherMeasures, work: Work): Cipher {
  const { name, saltOctets, blockOctets, icvOctets } = measures;
  const cipherKey = (key: Uint8Array) => saltOctets ? key.subarray(0, -saltOctets) : key;
  const nonce = (key: Uint8Array, iv: Uint8Array) =>
    saltOctets ? concat(key.subarray(-saltOctets), iv) : iv;
  const seal: Cipher["seal"] = (key, iv, aad, plaintext) => {
    checkKeyAndIv(measures, key, iv);
    must(plaintext.length % blockOctets === 0, `${name} takes blocks of ${blockOctets} octets`);
    return work.seal(cipherKey(key), nonce(key, iv), aad, plaintext);
  };
  return {
    ...measures,
    seal,
    sealInPlace: (key, iv, aad, text) =>
      text.set(seal(key, iv, aad, text.subarray(0, text.length - icvOctets))),
    open: (key, iv, aad, sealed) => {
      checkKeyAndIv(measures, key, iv);
      const octets = sealed.length - icvOctets;
      if (octets < 0 || octets % blockOctets !== 0) return undefined;
      return work.open(cipherKey(key), nonce(key, iv), aad, sealed);
    },
  };
}

/** The NULL cipher changes nothing (RFC 2410). */
const NULL: Work = {
  seal: (_key, _nonce, _aad, plaintext) => plaintext.slice(),
  open: (_key, _nonce, _aad, sealed) => sealed.slice(),
};

/** RFC 3602. */
const AES_CBC: Work = {
  seal: (key, iv, _aad, plaintext) => cbc(key, iv, { disablePadding: true }).encrypt(plaintext),
  open: (key, iv, _aad, sealed) => cbc(key, iv, { disablePadding: true }).decrypt(sealed),
};

/** RFC 2451. */
const TRIPLE_DES: Work = {
  seal: (key, iv, _aad, plaintext) => {
    const cipher = createCipheriv("des-ede3-cbc", key, iv).setAutoPadding(false);
    return concat(plain(cipher.update(plaintext)), plain(cipher.final()));
  },
  open: (key, iv, _aad, sealed) => {
    const cipher = createDecipheriv("des-ede3-cbc", key, iv).setAutoPadding(false);
    return concat(plain(cipher.update(sealed)), plain(cipher.final()));
  },
};

/** Counter mode, whose counter block is nonce ‖ IV ‖ a block counter that begins with 1 (RFC 3686 §4). */
function aesCtr(keyBits: number): Work {
  const both = (key: Uint8Array, nonce: Uint8Array, data: Uint8Array) => {
    const counter = concat(nonce, Uint8Array.of(0, 0, 0, 1));
    return plain(createCipheriv(`aes-${keyBits}-ctr`, key, counter).update(data));
  };
  return {
    seal: (key, nonce, _aad, plaintext) => both(key, nonce, plaintext),
    open: (key, nonce, _aad, sealed) => both(key, nonce, sealed),
  };
}

function aesCcm(icvOctets: number): Work {
  return {
    seal: (key, nonce, aad, plaintext) => ccmSeal({ key, nonce, aad, icvOctets }, plaintext),
    open: (key, nonce, aad, sealed) => ccmOpen({ key, nonce, aad, icvOctets }, sealed),
  };
}

function nodeAead(name: NodeAead, icvOctets: number): Work {
  // The types of node:crypto distinguish GCM and ChaCha20-Poly1305, whose calls are the same.
  const algorithm = name as "chacha20-poly1305";
  const options = { authTagLength: icvOctets };
  return {
    seal: (key, nonce, aad, plaintext) => {
      const cipher = createCipheriv(algorithm, key, nonce, options);
      cipher.setAAD(aad, { plaintextLength: plaintext.length });
      const sealed = new Uint8Array(plaintext.length + icvOctets);
      sealed.set(cipher.update(plaintext));
      cipher.final();
      sealed.set(cipher.getAuthTag(), plaintext.length);
      return sealed;
    },
    open: (key, nonce, aad, sealed) => {
      const octets = sealed.length - icvOctets;
      const cipher = createDecipheriv(algorithm, key, nonce, options);
      cipher.setAAD(aad, { plaintextLength: octets });
      cipher.setAuthTag(sealed.subarray(octets));
      const plaintext = plain(cipher.update(sealed.subarray(0, octets)));
      try {
        cipher.final();
      } catch {
        // All lengths were checked before, so that final() can only refuse the tag.
        return undefined;
      }
      return plaintext;
    },
  };
}

/**
 * Decrypts by counter mode and verifies by encrypting the plaintext again, as the library only knows full
 * tags, of which a short tag is the first octets (NIST SP 800-38D §5.2.1.2).
 */
function aesGcmOfJavaScript(icvOctets: number): Work {
  const seal: Work["seal"] = (key, nonce, aad, plaintext) => {
    const sealed = gcm(key, nonce, aad).encrypt(plaintext);
    return sealed.slice(0, plaintext.length + icvOctets);
  };
  return {
    seal,
    open: (key, nonce, aad, sealed) => {
      // The data begins with the counter block after nonce ‖ 1 (NIST SP 800-38D §7.1).
      const counter = concat(nonce, Uint8Array.of(0, 0, 0, 2));
      const ciphertext = sealed.subarray(0, sealed.length - icvOctets);
      const plaintext = plain(createCipheriv("aes-192-ctr", key, counter).update(ciphertext));
      return sameOctets(seal(key, nonce, aad, plaintext), sealed) ? plaintext : undefined;
    },
  };
}
