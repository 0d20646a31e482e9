/* Hashes and HMAC (RFC 2104) over libcrypto's low-level states, without fetches and allocation. */
#include "crypto.h"

#include <openssl/crypto.h>
#include <string.h>

#define MY_HASH(NAME, FIELD, PREFIX, BLOCK, OUT)                                       \
  static int NAME##_init(my_hash_state *s) { return PREFIX##_Init(&s->FIELD); }        \
  static int NAME##_update(my_hash_state *s, const void *data, size_t length) {        \
    return PREFIX##_Update(&s->FIELD, data, length);                                   \
  }                                                                                    \
  static int NAME##_final(uint8_t *out, my_hash_state *s) {                            \
    return PREFIX##_Final(out, &s->FIELD);                                             \
  }                                                                                    \
  const my_hash my_hash_##NAME = {BLOCK, OUT, NAME##_init, NAME##_update, NAME##_final};

MY_HASH(md5, md5, MD5, 64, 16)
MY_HASH(sha1, sha1, SHA1, 64, 20)
MY_HASH(sha256, sha256, SHA256, 64, 32)
MY_HASH(sha384, sha512, SHA384, 128, 48)
MY_HASH(sha512, sha512, SHA512, 128, 64)

void my_hmac_schedule(my_hmac_key *key, const my_hash *hash, const uint8_t *octets, uint32_t length) {
  uint8_t block[MY_HASH_BLOCK_MAX] = {0};
  key->hash = hash;
  /* A key that is longer than a block is hashed first (RFC 2104 §2). */
  if (length > hash->block) {
    hash->init(&key->inner);
    hash->update(&key->inner, octets, length);
    hash->final(block, &key->inner);
  } else if (length > 0) {
    memcpy(block, octets, length);
  }
  for (uint32_t i = 0; i < hash->block; i++) block[i] ^= 0x36;
  hash->init(&key->inner);
  hash->update(&key->inner, block, hash->block);
  for (uint32_t i = 0; i < hash->block; i++) block[i] ^= 0x36 ^ 0x5c;
  hash->init(&key->outer);
  hash->update(&key->outer, block, hash->block);
  OPENSSL_cleanse(block, sizeof block);
}

void my_hmac_begin(const my_hmac_key *key, my_hash_state *state) {
  *state = key->inner;
}

void my_hmac_add(const my_hmac_key *key, my_hash_state *state, const void *data, uint32_t length) {
  if (length > 0) key->hash->update(state, data, length);
}

void my_hmac_end(const my_hmac_key *key, my_hash_state *state, uint8_t *out) {
  uint8_t inner[MY_DIGEST_MAX];
  key->hash->final(inner, state);
  *state = key->outer;
  key->hash->update(state, inner, key->hash->out);
  key->hash->final(out, state);
}

static int32_t digest(const my_hash *hash, const uint8_t *data, uint32_t data_len, uint8_t *out) {
  my_hash_state state;
  if (data_len > MY_LENGTH_MAX) return MY_CANNOT;
  hash->init(&state);
  if (data_len > 0) hash->update(&state, data, data_len);
  hash->final(out, &state);
  return (int32_t)hash->out;
}

MY_EXPORT int32_t my_sha1(const uint8_t *data, uint32_t data_len, uint8_t *out) {
  return digest(&my_hash_sha1, data, data_len, out);
}

MY_EXPORT int32_t my_sha256(const uint8_t *data, uint32_t data_len, uint8_t *out) {
  return digest(&my_hash_sha256, data, data_len, out);
}
