/* prf, prf+ (RFC 7296 §2.13) and integrity algorithms, by IANA transform number. */
#include "crypto.h"

#include <openssl/crypto.h>
#include <string.h>

/* The basis of a pseudorandom function: a hash, or one of the two AES-based MACs. */
typedef struct {
  const my_hash *hash;
  my_aes_mac_kind kind;
  uint32_t out;
} my_prf_kind;

/* The key schedule of a prf. */
typedef struct {
  const my_hash *hash;
  my_hmac_key hmac;
  my_hash_state state;
  my_aes_mac aes;
} my_prf_key;

static int kind_of_prf(uint32_t prf, my_prf_kind *kind) {
  kind->kind = MY_XCBC;
  kind->hash = NULL;
  switch (prf) {
    case 1: kind->hash = &my_hash_md5; break;
    case 2: kind->hash = &my_hash_sha1; break;
    case 4: break;
    case 5: kind->hash = &my_hash_sha256; break;
    case 6: kind->hash = &my_hash_sha384; break;
    case 7: kind->hash = &my_hash_sha512; break;
    case 8: kind->kind = MY_CMAC; break;
    default: return 0;
  }
  kind->out = kind->hash ? kind->hash->out : 16;
  return 1;
}

static int aes_mac_of(my_aes_mac *mac, my_aes_mac_kind kind, const uint8_t *key, const uint8_t *data,
                      uint32_t data_len, uint8_t out[16]) {
  return my_aes_mac_schedule(mac, kind, key) && my_aes_mac_begin(mac) &&
         my_aes_mac_add(mac, data, data_len) && my_aes_mac_end(mac, out);
}

/* Derives a key of 16 octets from any key: RFC 4434 §2 for XCBC, RFC 4615 §3 for CMAC. */
static int aes_prf_schedule(my_prf_key *k, my_aes_mac_kind kind, const uint8_t *key, uint32_t length) {
  static const uint8_t zeros[16];
  uint8_t fixed[16] = {0};
  if (length == 16) return my_aes_mac_schedule(&k->aes, kind, key);
  if (length < 16 && kind == MY_XCBC) {
    if (length > 0) memcpy(fixed, key, length);
  } else if (!aes_mac_of(&k->aes, kind, zeros, key, length, fixed)) {
    return 0;
  }
  int done = my_aes_mac_schedule(&k->aes, kind, fixed);
  OPENSSL_cleanse(fixed, sizeof fixed);
  return done;
}

static int prf_schedule(my_prf_key *k, const my_prf_kind *kind, const uint8_t *key, uint32_t length) {
  k->hash = kind->hash;
  if (!k->hash) return aes_prf_schedule(k, kind->kind, key, length);
  my_hmac_schedule(&k->hmac, k->hash, key, length);
  return 1;
}

static int prf_begin(my_prf_key *k) {
  if (!k->hash) return my_aes_mac_begin(&k->aes);
  my_hmac_begin(&k->hmac, &k->state);
  return 1;
}

static int prf_add(my_prf_key *k, const uint8_t *data, uint32_t length) {
  if (!k->hash) return my_aes_mac_add(&k->aes, data, length);
  my_hmac_add(&k->hmac, &k->state, data, length);
  return 1;
}

static int prf_end(my_prf_key *k, uint8_t *out) {
  if (!k->hash) return my_aes_mac_end(&k->aes, out);
  my_hmac_end(&k->hmac, &k->state, out);
  return 1;
}

MY_EXPORT int32_t my_prf(uint32_t prf, const uint8_t *key, uint32_t key_len, const uint8_t *data,
                         uint32_t data_len, uint8_t *out) {
  my_prf_kind kind;
  my_prf_key k;
  if (!kind_of_prf(prf, &kind) || key_len > MY_LENGTH_MAX || data_len > MY_LENGTH_MAX) return MY_CANNOT;
  int done = prf_schedule(&k, &kind, key, key_len) && prf_begin(&k) && prf_add(&k, data, data_len) &&
             prf_end(&k, out);
  return done ? (int32_t)kind.out : MY_CANNOT;
}

MY_EXPORT int32_t my_prf_plus(uint32_t prf, const uint8_t *key, uint32_t key_len, const uint8_t *seed,
                              uint32_t seed_len, uint8_t *out, uint32_t out_len) {
  my_prf_kind kind;
  my_prf_key k;
  uint8_t block[MY_DIGEST_MAX];
  if (!kind_of_prf(prf, &kind) || key_len > MY_LENGTH_MAX || seed_len > MY_LENGTH_MAX) return MY_CANNOT;
  /* The counter is one octet and starts at 1 (RFC 7296 §2.13). */
  if (out_len > 255 * kind.out) return MY_CANNOT;
  if (!prf_schedule(&k, &kind, key, key_len)) return MY_CANNOT;
  uint8_t counter = 1;
  for (uint32_t at = 0; at < out_len; at += kind.out, counter++) {
    int done = prf_begin(&k) && (at == 0 || prf_add(&k, block, kind.out)) &&
               prf_add(&k, seed, seed_len) && prf_add(&k, &counter, 1) && prf_end(&k, block);
    if (!done) return MY_CANNOT;
    uint32_t left = out_len - at;
    memcpy(out + at, block, left < kind.out ? left : kind.out);
  }
  OPENSSL_cleanse(block, sizeof block);
  return (int32_t)out_len;
}

static const struct {
  uint32_t integ, prf, key, icv;
} integrities[] = {
    {1, 1, 16, 12},  {2, 2, 20, 12},  {5, 4, 16, 12},  {8, 8, 16, 12},
    {12, 5, 32, 16}, {13, 6, 48, 24}, {14, 7, 64, 32},
};

MY_EXPORT int32_t my_mac(uint32_t integ, const uint8_t *key, uint32_t key_len, const uint8_t *data,
                         uint32_t data_len, uint8_t *out) {
  uint8_t whole[MY_DIGEST_MAX];
  for (size_t i = 0; i < sizeof integrities / sizeof *integrities; i++) {
    if (integrities[i].integ != integ) continue;
    if (key_len != integrities[i].key) return MY_CANNOT;
    if (my_prf(integrities[i].prf, key, key_len, data, data_len, whole) < 0) return MY_CANNOT;
    memcpy(out, whole, integrities[i].icv);
    return (int32_t)integrities[i].icv;
  }
  return MY_CANNOT;
}

int my_find_integ(uint32_t integ, const my_hash **hash, uint32_t *key, uint32_t *icv) {
  for (size_t i = 0; i < sizeof integrities / sizeof *integrities; i++) {
    my_prf_kind kind;
    if (integrities[i].integ != integ || !kind_of_prf(integrities[i].prf, &kind)) continue;
    *hash = kind.hash;
    *key = integrities[i].key;
    *icv = integrities[i].icv;
    return 1;
  }
  return 0;
}

int my_has_prf(uint32_t prf) {
  static const uint8_t key[16];
  uint8_t out[MY_DIGEST_MAX];
  return my_prf(prf, key, sizeof key, key, sizeof key, out) > 0;
}

int my_has_integ(uint32_t integ) {
  for (size_t i = 0; i < sizeof integrities / sizeof *integrities; i++) {
    if (integrities[i].integ == integ) return my_has_prf(integrities[i].prf);
  }
  return 0;
}
