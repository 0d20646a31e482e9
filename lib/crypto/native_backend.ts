/**
 * The native backend: libcrypto, linked into the C shim, behind the interface of `backend.ts`. This
 * room may not open libraries, so the bindings are handed in as a {@linkcode NativeCrypto}.
 *
 * What the shim exports for it. Numbers of algorithms are IANA transform numbers (RFC 7296 §3.3.2),
 * lengths are octets, nothing is allocated for the caller, nothing is kept between calls, no
 * pointer may be NULL unless its length is 0. A result ≥ 0 is the octets written to the last
 * pointer; -1: libcrypto does not do that (unknown number, wrong length of key, IV or plaintext,
 * failure inside); -2: what the peer sent is wrong (ICV, public value).
 *
 * ```c
 * // 1 where the algorithm works in this libcrypto, else 0. type: 1 encr, 2 prf, 3 integ, 4 group.
 * int32_t my_crypto_has(uint32_t type, uint32_t id, uint32_t key_bits);
 *
 * // prf(key, data). 1 2 5 6 7: HMAC-MD5, -SHA1, -SHA2-256, -384, -512. 4: AES128-XCBC (RFC 4434),
 * // 8: AES128-CMAC (RFC 4615); their keys: exactly 16 octets are the key; else XCBC: shorter ones
 * // are padded with zeros to 16, longer ones become XCBC(0^16, key); CMAC: CMAC(0^16, key) for both.
 * int32_t my_prf(uint32_t prf, const uint8_t *key, uint32_t key_len, const uint8_t *data,
 *                uint32_t data_len, uint8_t *out);
 * // out_len octets of prf+ (RFC 7296 §2.13); -1 beyond 255 blocks. One key schedule for all blocks.
 * int32_t my_prf_plus(uint32_t prf, const uint8_t *key, uint32_t key_len, const uint8_t *seed,
 *                     uint32_t seed_len, uint8_t *out, uint32_t out_len);
 * // ICV, truncated. 1 2 12 13 14: HMAC-MD5-96, -SHA1-96, -SHA2-256-128, -384-192, -512-256,
 * // 5: AES-XCBC-96 (RFC 3566), 8: AES-CMAC-96 (RFC 4494). Key of the algorithm's own length.
 * int32_t my_mac(uint32_t integ, const uint8_t *key, uint32_t key_len, const uint8_t *data,
 *                uint32_t data_len, uint8_t *out);
 *
 * // key: cipher key, then salt, key_len octets in all. Octets of salt | iv | icv:
 * //   3 3DES-CBC 0|8|0, 11 NULL 0|0|0, 12 AES-CBC 0|16|0, 13 AES-CTR 4|8|0 (counter block: salt,
 * //   iv, 32-bit 1; RFC 3686), 14 15 16 AES-CCM 3|8|8,12,16 (nonce: salt, iv; RFC 4309),
 * //   18 19 20 AES-GCM 4|8|8,12,16 (RFC 4106), 28 ChaCha20-Poly1305 4|8|16 (RFC 7634).
 * // No padding is added or removed. out may be where plain (or sealed) is. aad: AEAD only.
 * // Beware: EVP does not verify a CCM message without plaintext by itself; here it is verified.
 * int32_t my_seal(uint32_t encr, const uint8_t *key, uint32_t key_len, const uint8_t *iv,
 *                 const uint8_t *aad, uint32_t aad_len, const uint8_t *plain, uint32_t plain_len,
 *                 uint8_t *out);  // ciphertext ‖ ICV
 * int32_t my_open(uint32_t encr, const uint8_t *key, uint32_t key_len, const uint8_t *iv,
 *                 const uint8_t *aad, uint32_t aad_len, const uint8_t *sealed, uint32_t sealed_len,
 *                 uint8_t *out);  // plaintext; -2: wrong ICV, or a length that no seal gives
 *
 * // Key exchange. Groups 1 2 5 14-18 MODP, 19 20 21 P-256 -384 -521, 27-30 brainpoolP224r1 P256r1
 * // P384r1 P512r1, 31 X25519, 32 X448. Public values as in the KE payload: MODP left-padded to the
 * // modulus; curves x ‖ y, no 0x04; X25519/X448 u. Private values: big-endian exponent of priv_len
 * // octets (MODP, curves), RFC 7748 octets (X). Shared: MODP left-padded, curves x alone, X u.
 * // fresh 1: fills priv from RAND_priv_bytes (curves: 1..n-1) and computes pub. fresh 0: priv is
 * // given, computes pub; -1 where it is no private value of the group.
 * int32_t my_ke_generate(uint32_t group, uint32_t fresh, uint8_t *priv, uint32_t priv_len,
 *                        uint8_t *pub);
 * // X25519 through EVP costs 2–3 times the arithmetic itself (fetches, contexts): go below it.
 * // -2: wrong length; MODP: peer ≤ 1 or ≥ p-1; curves: coordinate ≥ p or point not on the curve;
 * // X: the result is all zero.
 * int32_t my_ke_derive(uint32_t group, const uint8_t *priv, uint32_t priv_len, const uint8_t *peer,
 *                      uint32_t peer_len, uint8_t *shared);
 *
 * int32_t my_sha1(const uint8_t *data, uint32_t data_len, uint8_t *out);    // 20 octets
 * int32_t my_sha256(const uint8_t *data, uint32_t data_len, uint8_t *out);  // 32 octets
 * int32_t my_random(uint8_t *out, uint32_t out_len);                        // RAND_bytes
 * ```
 * @module
 */
import { must } from "@/base/errors.ts";
import { messageOctets } from "@/base/octets.ts";
import {
  checkKeyAndIv,
  type CipherMeasures,
  CIPHERS,
  type GroupMeasures,
  GROUPS,
  INTEGRITIES,
  type IntegrityMeasures,
  type PrfMeasures,
  PRFS,
} from "@/crypto/algorithms.ts";
import {
  type Cipher,
  type CryptoBackend,
  type Integrity,
  type KeyExchange,
  newKeyPair,
  type Prf,
  respondByPair,
} from "@/crypto/backend.ts";
import { kemExchanges } from "@/crypto/kem_exchange.ts";
import { type NativeSignatures, nativeSignatures } from "@/crypto/native_signature.ts";
import { drawPrivate, unusablePublic } from "@/crypto/public_value.ts";
import { withStock } from "@/crypto/random_stock.ts";
import { TransformType } from "@/iana/transform_type.ts";

/**
 * The shim's functions for crypto, one to one (see above): the symbols that a blocking
 * `dlopen` with parameters of `"u32"` and `"buffer"` and the result `"i32"` gives will do.
 */
export interface NativeCrypto extends NativeSignatures {
  /** `my_crypto_has` */
  has(type: number, id: number, keyBits: number): number;
  /** `my_prf` */
  prf(
    prf: number,
    key: Uint8Array,
    keyLen: number,
    data: Uint8Array,
    dataLen: number,
    out: Uint8Array,
  ): number;
  /** `my_prf_plus` */
  prfPlus(
    prf: number,
    key: Uint8Array,
    keyLen: number,
    seed: Uint8Array,
    seedLen: number,
    out: Uint8Array,
    outLen: number,
  ): number;
  /** `my_mac` */
  mac(
    integ: number,
    key: Uint8Array,
    keyLen: number,
    data: Uint8Array,
    dataLen: number,
    out: Uint8Array,
  ): number;
  /** `my_seal` */
  seal(
    encr: number,
    key: Uint8Array,
    keyLen: number,
    iv: Uint8Array,
    aad: Uint8Array,
    aadLen: number,
    plain: Uint8Array,
    plainLen: number,
    out: Uint8Array,
  ): number;
  /** `my_open` */
  open(
    encr: number,
    key: Uint8Array,
    keyLen: number,
    iv: Uint8Array,
    aad: Uint8Array,
    aadLen: number,
    sealed: Uint8Array,
    sealedLen: number,
    out: Uint8Array,
  ): number;
  /** `my_ke_generate` */
  keGenerate(
    group: number,
    fresh: number,
    priv: Uint8Array,
    privLen: number,
    pub: Uint8Array,
  ): number;
  /** `my_ke_derive` */
  keDerive(
    group: number,
    priv: Uint8Array,
    privLen: number,
    peer: Uint8Array,
    peerLen: number,
    shared: Uint8Array,
  ): number;
  /** `my_sha1` */
  sha1(data: Uint8Array, dataLen: number, out: Uint8Array): number;
  /** `my_sha256` */
  sha256(data: Uint8Array, dataLen: number, out: Uint8Array): number;
  /** `my_random` */
  random(out: Uint8Array, outLen: number): number;
}

/** Result of the shim if what the peer sent is wrong. */
const PEER_IS_WRONG = -2;

/** The native backend over these bindings. It lacks what its libcrypto lacks. */
export function nativeBackend(native: NativeCrypto): CryptoBackend {
  const has = (type: number, id: number, keyBits = 0) => native.has(type, id, keyBits) === 1;
  const prfs = new Map(
    PRFS.filter((m) => has(TransformType.PRF, m.id)).map((m) => [m.id, nativePrf(native, m)]),
  );
  const integrities = new Map(
    INTEGRITIES.filter((m) => has(TransformType.INTEG, m.id))
      .map((m) => [m.id, nativeIntegrity(native, m)]),
  );
  const ciphers = new Map(
    CIPHERS.filter((m) => has(TransformType.ENCR, m.id, m.keyBits))
      .map((m) => [m.id << 16 | m.keyBits, nativeCipher(native, m)]),
  );
  // libcrypto has ML-KEM only since OpenSSL 3.5, so that this backend also uses WebCrypto's.
  const exchanges = new Map([
    ...GROUPS.filter((m) => has(TransformType.KE, m.group))
      .map((m) => [m.group, nativeExchange(native, m)] as const),
    ...kemExchanges(),
  ]);
  return {
    name: "native",
    prf: (id) => prfs.get(id),
    cipher: (id, keyBits) => ciphers.get(id << 16 | keyBits),
    integrity: (id) => integrities.get(id),
    keyExchange: (group) => exchanges.get(group),
    signatures: nativeSignatures(native),
    sha1: (data) => filled(20, (out) => native.sha1(data, data.length, out)),
    sha256: (data) => filled(32, (out) => native.sha256(data, data.length, out)),
    randomOctets: withStock((count) => filled(count, (out) => native.random(out, count))),
  };
}

function nativePrf(native: NativeCrypto, measures: PrfMeasures): Prf {
  const { id, outputOctets } = measures;
  return {
    ...measures,
    compute: (key, data) => {
      const out = messageOctets(outputOctets);
      check(native.prf(id, key, key.length, data, data.length, out), outputOctets);
      return out;
    },
    plus: (key, seed, octets) => {
      const out = messageOctets(octets);
      check(native.prfPlus(id, key, key.length, seed, seed.length, out, octets), octets);
      return out;
    },
  };
}

function nativeIntegrity(native: NativeCrypto, measures: IntegrityMeasures): Integrity {
  const { id, keyOctets, icvOctets } = measures;
  return {
    ...measures,
    mac: (key, data) => {
      if (key.length !== keyOctets) must(false, `a key of ${keyOctets} octets`);
      const out = messageOctets(icvOctets);
      check(native.mac(id, key, keyOctets, data, data.length, out), icvOctets);
      return out;
    },
  };
}

function nativeCipher(native: NativeCrypto, measures: CipherMeasures): Cipher {
  const { id, keyOctets, blockOctets, icvOctets } = measures;
  const sealInPlace: Cipher["sealInPlace"] = (key, iv, aad, text) => {
    checkKeyAndIv(measures, key, iv);
    const length = text.length - icvOctets;
    if (length % blockOctets) must(false, `blocks of ${blockOctets} octets`);
    const sealed = native.seal(id, key, keyOctets, iv, aad, aad.length, text, length, text);
    check(sealed, text.length);
  };
  return {
    ...measures,
    seal: (key, iv, aad, plaintext) => {
      const text = messageOctets(plaintext.length + icvOctets);
      text.set(plaintext);
      sealInPlace(key, iv, aad, text);
      return text;
    },
    sealInPlace,
    open: (key, iv, aad, sealed) => {
      checkKeyAndIv(measures, key, iv);
      const { length } = sealed;
      const octets = length - icvOctets;
      if (octets < 0 || octets % blockOctets !== 0) return undefined;
      const out = messageOctets(octets);
      const result = native.open(id, key, keyOctets, iv, aad, aad.length, sealed, length, out);
      if (result === PEER_IS_WRONG) return undefined;
      check(result, octets);
      return out;
    },
  };
}

function nativeExchange(native: NativeCrypto, measures: GroupMeasures): KeyExchange {
  const { group, name, publicOctets, answerOctets, secretOctets, privateOctets } = measures;
  const exchange: KeyExchange = {
    group,
    name,
    publicOctets,
    answerOctets,
    secretOctets,
    isKem: false,
    respond: (peerPublic, random) => respondByPair(exchange, peerPublic, random),
    generate: (random) => {
      const publicValue = messageOctets(publicOctets);
      const generate = (fresh: number, value: Uint8Array) =>
        native.keGenerate(group, fresh, value, privateOctets, publicValue);
      if (random) {
        const given = drawPrivate(measures, random, (value) => generate(0, value) === publicOctets);
        return newKeyPair(group, publicValue, given);
      }
      const privateValue = messageOctets(privateOctets);
      check(generate(1, privateValue), publicOctets);
      return newKeyPair(group, publicValue, privateValue);
    },
    derive: ({ group: pairGroup, secret }, peer) => {
      if (pairGroup !== group) must(false, `a key pair of group ${group}`);
      must(secret instanceof Uint8Array, "a key pair of this backend");
      const out = messageOctets(secretOctets);
      const result = native.keDerive(group, secret, privateOctets, peer, peer.length, out);
      if (result === PEER_IS_WRONG) throw unusablePublic(measures);
      check(result, secretOctets);
      return out;
    },
  };
  return exchange;
}

function filled(octets: number, fill: (out: Uint8Array) => number): Uint8Array {
  const out = messageOctets(octets);
  check(fill(out), octets);
  return out;
}

/** Asserts that the shim wrote as many octets as expected, so that no error stays unnoticed. */
function check(result: number, octets: number): void {
  // This runs for every message, so the sentence is only made when it is needed.
  if (result !== octets) must(false, `libcrypto gives ${octets} octets, not ${result}`);
}
