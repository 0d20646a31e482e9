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

/**
 * The shim's functions for crypto, one to one (see above): `Deno.dlopen(…).symbols` with
 * `parameters` of `"u32"` and `"buffer"`, `result: "i32"`, blocking, will do.
 */
export interface NativeCrypto {
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
