/*
 * prf, prf+ and integrity (RFC 7296 §2.13, §3.3.2). HMAC stands on libcrypto's low-level hashes, and
 * XCBC and CMAC on its block cipher: EVP fetches and allocates for every key, which costs several
 * times the arithmetic of the short inputs that IKE has. lib/crypto/native_backend.ts says what each
 * function promises.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "shim.h"

#include <string.h>

#include <openssl/aes.h>
#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

/* ---- Hashes ---------------------------------------------------------------------------------- */

#define BLOCK_MAX 128
#define HASH_MAX 64

typedef union {
  MD5_CTX md5;
  SHA_CTX sha1;
  SHA256_CTX sha256;
  SHA512_CTX sha512;
} hash_ctx;

typedef struct {
  uint32_t block, out;
  int (*init)(hash_ctx *);
  int (*update)(hash_ctx *, const void *, size_t);
  int (*final)(uint8_t *, hash_ctx *);
} hash_t;

/* A hash_t over the functions PREFIX_Init, _Update and _Final of libcrypto. */
#define HASH(name, PREFIX, field, block_octets, out_octets)                                  \
  static int name##_init(hash_ctx *c) { return PREFIX##_Init(&c->field); }                   \
  static int name##_update(hash_ctx *c, const void *data, size_t n) {                        \
    return PREFIX##_Update(&c->field, data, n);                                              \
  }                                                                                          \
  static int name##_final(uint8_t *out, hash_ctx *c) { return PREFIX##_Final(out, &c->field); } \
  static const hash_t name = {block_octets, out_octets, name##_init, name##_update, name##_final};
HASH(md5, MD5, md5, 64, 16)
HASH(sha1, SHA1, sha1, 64, 20)
HASH(sha256, SHA256, sha256, 64, 32)
HASH(sha384, SHA384, sha512, 128, 48)
HASH(sha512, SHA512, sha512, 128, 64)

/* ---- HMAC (RFC 2104) ------------------------------------------------------------------------- */

typedef struct {
  const hash_t *hash;
  hash_ctx inner, outer; /* after the padded key */
} hmac_key;

static void hmac_set(hmac_key *k, const hash_t *h, const uint8_t *key, uint32_t n) {
  uint8_t pad[BLOCK_MAX], sum[HASH_MAX];
  if (n > h->block) {
    hash_ctx c;
    h->init(&c);
    h->update(&c, key, n);
    h->final(sum, &c);
    key = sum;
    n = h->out;
  }
  memset(pad, 0, sizeof pad);
  if (n) memcpy(pad, key, n);
  for (uint32_t i = 0; i < h->block; i++) pad[i] ^= 0x36;
  k->hash = h;
  h->init(&k->inner);
  h->update(&k->inner, pad, h->block);
  for (uint32_t i = 0; i < h->block; i++) pad[i] ^= 0x36 ^ 0x5c;
  h->init(&k->outer);
  h->update(&k->outer, pad, h->block);
}

/* `inner` has taken all of the message. */
static void hmac_end(const hmac_key *k, hash_ctx *inner, uint8_t *out) {
  uint8_t sum[HASH_MAX];
  hash_ctx outer = k->outer;
  k->hash->final(sum, inner);
  k->hash->update(&outer, sum, k->hash->out);
  k->hash->final(out, &outer);
}

/* ---- XCBC (RFC 3566) and CMAC (RFC 4493), AES-128 -------------------------------------------- */

#define AES_OCTETS 16

typedef struct {
  AES_KEY key;
  uint8_t whole[AES_OCTETS], padded[AES_OCTETS]; /* masks of the last block: K2 and K3; CMAC: K1, K2 */
} aes_mac_key;

typedef struct {
  uint8_t chain[AES_OCTETS], block[AES_OCTETS];
  uint32_t filled;
} aes_mac_state;

/* Times x in GF(2^128). */
static void doubled(uint8_t *out, const uint8_t *in) {
  uint8_t carry = in[0] >> 7;
  for (int i = 0; i < AES_OCTETS - 1; i++) out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
  out[AES_OCTETS - 1] = (uint8_t)(in[AES_OCTETS - 1] << 1) ^ (carry ? 0x87 : 0);
}

static void aes_mac_set(aes_mac_key *m, int cmac, const uint8_t *key) {
  AES_KEY k;
  uint8_t block[AES_OCTETS] = {0};
  AES_set_encrypt_key(key, 128, &k);
  if (cmac) {
    AES_encrypt(block, block, &k);
    doubled(m->whole, block);
    doubled(m->padded, m->whole);
    m->key = k;
    return;
  }
  memset(block, 2, sizeof block);
  AES_encrypt(block, m->whole, &k);
  memset(block, 3, sizeof block);
  AES_encrypt(block, m->padded, &k);
  memset(block, 1, sizeof block);
  AES_encrypt(block, block, &k);
  AES_set_encrypt_key(block, 128, &m->key);
}

static void aes_mac_add(const aes_mac_key *m, aes_mac_state *s, const uint8_t *data, uint32_t n) {
  while (n) {
    /* A full block waits until more follows: the last one is masked. */
    if (s->filled == AES_OCTETS) {
      for (int i = 0; i < AES_OCTETS; i++) s->chain[i] ^= s->block[i];
      AES_encrypt(s->chain, s->chain, &m->key);
      s->filled = 0;
    }
    uint32_t taken = AES_OCTETS - s->filled;
    if (taken > n) taken = n;
    memcpy(s->block + s->filled, data, taken);
    s->filled += taken;
    data += taken;
    n -= taken;
  }
}

static void aes_mac_end(const aes_mac_key *m, aes_mac_state *s, uint8_t *out) {
  const uint8_t *mask = m->whole;
  if (s->filled < AES_OCTETS) {
    s->block[s->filled] = 0x80;
    memset(s->block + s->filled + 1, 0, AES_OCTETS - 1 - s->filled);
    mask = m->padded;
  }
  for (int i = 0; i < AES_OCTETS; i++) s->chain[i] ^= s->block[i] ^ mask[i];
  AES_encrypt(s->chain, out, &m->key);
}

/* Keys of any length (RFC 4434 §2, RFC 4615 §3). */
static void aes_prf_set(aes_mac_key *m, int cmac, const uint8_t *key, uint32_t n) {
  static const uint8_t zero[AES_OCTETS];
  uint8_t k[AES_OCTETS] = {0};
  if (n == AES_OCTETS || (n < AES_OCTETS && !cmac)) {
    if (n) memcpy(k, key, n);
  } else {
    aes_mac_state s = {0};
    aes_mac_set(m, cmac, zero);
    aes_mac_add(m, &s, key, n);
    aes_mac_end(m, &s, k);
  }
  aes_mac_set(m, cmac, k);
}

/* ---- Transform numbers ----------------------------------------------------------------------- */

#define PRF_AES128_XCBC 4
#define PRF_AES128_CMAC 8
#define AUTH_AES_XCBC_96 5
#define AUTH_AES_CMAC_96 8

static const hash_t *prf_hash(uint32_t prf) {
  switch (prf) {
    case 1: return &md5;
    case 2: return &sha1;
    case 5: return &sha256;
    case 6: return &sha384;
    case 7: return &sha512;
  }
  return 0;
}

static const hash_t *integ_hash(uint32_t integ) {
  switch (integ) {
    case 1: return &md5;
    case 2: return &sha1;
    case 12: return &sha256;
    case 13: return &sha384;
    case 14: return &sha512;
  }
  return 0;
}

int has_prf(uint32_t prf) {
  return prf_hash(prf) || prf == PRF_AES128_XCBC || prf == PRF_AES128_CMAC;
}

int has_integ(uint32_t integ) {
  return integ_hash(integ) || integ == AUTH_AES_XCBC_96 || integ == AUTH_AES_CMAC_96;
}

/* ---- Exported -------------------------------------------------------------------------------- */

EXPORT int32_t my_prf(uint32_t prf, const uint8_t *key, uint32_t key_len, const uint8_t *data,
                      uint32_t data_len, uint8_t *out) {
  const hash_t *h = prf_hash(prf);
  if (h) {
    hmac_key k;
    hmac_set(&k, h, key, key_len);
    h->update(&k.inner, data, data_len);
    hmac_end(&k, &k.inner, out);
    return (int32_t)h->out;
  }
  if (!has_prf(prf)) return NOT_DONE;
  aes_mac_key m;
  aes_mac_state s = {0};
  aes_prf_set(&m, prf == PRF_AES128_CMAC, key, key_len);
  aes_mac_add(&m, &s, data, data_len);
  aes_mac_end(&m, &s, out);
  return AES_OCTETS;
}

/* RFC 7296 §2.13: T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n); at most 255 of them. */
EXPORT int32_t my_prf_plus(uint32_t prf, const uint8_t *key, uint32_t key_len, const uint8_t *seed,
                           uint32_t seed_len, uint8_t *out, uint32_t out_len) {
  if (!has_prf(prf)) return NOT_DONE;
  const hash_t *h = prf_hash(prf);
  uint32_t block = h ? h->out : AES_OCTETS;
  if (out_len > 255 * block) return NOT_DONE;
  hmac_key k;
  aes_mac_key m;
  if (h) hmac_set(&k, h, key, key_len);
  else aes_prf_set(&m, prf == PRF_AES128_CMAC, key, key_len);
  uint8_t t[HASH_MAX], count = 1;
  for (uint32_t at = 0; at < out_len; at += block, count++) {
    if (h) {
      hash_ctx inner = k.inner;
      if (at) h->update(&inner, t, block);
      h->update(&inner, seed, seed_len);
      h->update(&inner, &count, 1);
      hmac_end(&k, &inner, t);
    } else {
      aes_mac_state s = {0};
      if (at) aes_mac_add(&m, &s, t, block);
      aes_mac_add(&m, &s, seed, seed_len);
      aes_mac_add(&m, &s, &count, 1);
      aes_mac_end(&m, &s, t);
    }
    memcpy(out + at, t, out_len - at < block ? out_len - at : block);
  }
  return (int32_t)out_len;
}

EXPORT int32_t my_mac(uint32_t integ, const uint8_t *key, uint32_t key_len, const uint8_t *data,
                      uint32_t data_len, uint8_t *out) {
  uint8_t sum[HASH_MAX];
  uint32_t icv = 12;
  const hash_t *h = integ_hash(integ);
  if (h) {
    if (key_len != h->out) return NOT_DONE;
    /* RFC 2403 and 2404 keep 96 bits; RFC 4868 §2 half of the hash. */
    if (h->out > 20) icv = h->out / 2;
    hmac_key k;
    hmac_set(&k, h, key, key_len);
    h->update(&k.inner, data, data_len);
    hmac_end(&k, &k.inner, sum);
  } else if (has_integ(integ) && key_len == AES_OCTETS) {
    aes_mac_key m;
    aes_mac_state s = {0};
    aes_mac_set(&m, integ == AUTH_AES_CMAC_96, key);
    aes_mac_add(&m, &s, data, data_len);
    aes_mac_end(&m, &s, sum);
  } else {
    return NOT_DONE;
  }
  memcpy(out, sum, icv);
  return (int32_t)icv;
}

EXPORT int32_t my_sha1(const uint8_t *data, uint32_t data_len, uint8_t *out) {
  return SHA1(data, data_len, out) ? 20 : NOT_DONE;
}

EXPORT int32_t my_sha256(const uint8_t *data, uint32_t data_len, uint8_t *out) {
  return SHA256(data, data_len, out) ? 32 : NOT_DONE;
}

EXPORT int32_t my_random(uint8_t *out, uint32_t out_len) {
  if (out_len > INT32_MAX) return NOT_DONE;
  return RAND_bytes(out, (int)out_len) == 1 ? (int32_t)out_len : NOT_DONE;
}
