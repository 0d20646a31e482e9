/* Internal declarations of the crypto part: per-thread caches, hashes, and limits of sizes.
 * Exported functions are described in the header comment of lib/crypto/native_backend.ts. */
#ifndef MYIKEV2_CRYPTO_H
#define MYIKEV2_CRYPTO_H

#include "shim.h"

#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

/* libcrypto counts in int. All messages, keys and seeds are far shorter than this. */
#define MY_LENGTH_MAX (1u << 30)
/* Octets of the largest digest, that of SHA-512. */
#define MY_DIGEST_MAX 64
/* Octets of the largest hash block, that of SHA-384 and SHA-512. */
#define MY_HASH_BLOCK_MAX 128

/* The low-level hash states: plain memory that is copied by assignment, without fetches or
 * allocation. */
typedef union {
  MD5_CTX md5;
  SHA_CTX sha1;
  SHA256_CTX sha256;
  SHA512_CTX sha512;
} my_hash_state;

typedef struct {
  uint32_t block;
  uint32_t out;
  int (*init)(my_hash_state *state);
  int (*update)(my_hash_state *state, const void *data, size_t length);
  int (*final)(uint8_t *out, my_hash_state *state);
} my_hash;

extern const my_hash my_hash_md5, my_hash_sha1, my_hash_sha256, my_hash_sha384, my_hash_sha512;

/* Both states of HMAC after their key block (RFC 2104), so that one key serves any number of
 * values. */
typedef struct {
  const my_hash *hash;
  my_hash_state inner, outer;
} my_hmac_key;

void my_hmac_schedule(my_hmac_key *key, const my_hash *hash, const uint8_t *octets, uint32_t length);
void my_hmac_begin(const my_hmac_key *key, my_hash_state *state);
void my_hmac_add(const my_hmac_key *key, my_hash_state *state, const void *data, uint32_t length);
/* Writes hash->out octets. */
void my_hmac_end(const my_hmac_key *key, my_hash_state *state, uint8_t *out);

typedef enum { MY_XCBC, MY_CMAC } my_aes_mac_kind;

/* AES-XCBC-MAC (RFC 3566) or AES-CMAC (RFC 4493) under one key. The context chains blocks. */
typedef struct {
  EVP_CIPHER_CTX *cbc;
  /* The subkeys for a complete last block and for a padded one. */
  uint8_t whole[16], padded[16];
  uint8_t pending[16];
  uint32_t pending_length;
} my_aes_mac;

/* `key` has 16 octets. This function and the following return 1, or 0 if libcrypto fails. */
int my_aes_mac_schedule(my_aes_mac *mac, my_aes_mac_kind kind, const uint8_t *key);
int my_aes_mac_begin(my_aes_mac *mac);
int my_aes_mac_add(my_aes_mac *mac, const uint8_t *data, uint32_t length);
/* Writes 16 octets. */
int my_aes_mac_end(my_aes_mac *mac, uint8_t *out);

/* A context for a cipher by libcrypto's name and direction, fetched once and kept in `slot`; NULL
 * if libcrypto lacks the cipher. */
EVP_CIPHER_CTX *my_cached_cipher(EVP_CIPHER_CTX **slot, const char *name, int encrypts);

typedef enum { MY_PLAIN, MY_CTR, MY_AEAD, MY_CCM, MY_NULL } my_mode;

typedef struct {
  uint32_t encr;
  /* Octets of the key without its salt, of the salt, the IV, the ICV and the block. */
  uint32_t key, salt, iv, icv, block;
  my_mode mode;
  const char *name;
} my_cipher;

/* Octets of the longest key of all ciphers, with its salt. */
#define MY_KEY_MAX 36
#define MY_NONCE_MAX 16

/* A cipher by its IANA number and the octets of key and salt; NULL if there is none. */
const my_cipher *my_find_cipher(uint32_t encr, uint32_t key_len);
/* A context for the cipher, made once and kept in `slot`. */
EVP_CIPHER_CTX *my_cipher_context(EVP_CIPHER_CTX **slot, const my_cipher *cipher, int seals);
/* Writes what libcrypto takes as IV: the nonce, or the first counter block (RFC 3686 §4). */
void my_nonce_of(const my_cipher *cipher, const uint8_t *key, const uint8_t *iv,
                 uint8_t nonce[MY_NONCE_MAX]);
/* Encrypts or decrypts with a cipher without ICV, on a context that has key and IV. */
int32_t my_crypt_plain(EVP_CIPHER_CTX *ctx, const uint8_t *in, uint32_t length, uint8_t *out);
/* Encrypts on a context that has key and nonce; `out` may be `plain`. */
int32_t my_seal_aead(EVP_CIPHER_CTX *ctx, const my_cipher *cipher, const uint8_t *aad,
                     uint32_t aad_len, const uint8_t *plain, uint32_t plain_len, uint8_t *out);
/* Decrypts. It sets the nonce and the key (NULL: the key stays); sealed_len >= octets of the ICV. */
int32_t my_open_aead(EVP_CIPHER_CTX *ctx, const my_cipher *cipher, const uint8_t *key,
                     const uint8_t *nonce, const uint8_t *aad, uint32_t aad_len,
                     const uint8_t *sealed, uint32_t sealed_len, uint8_t *out);

/* An integrity algorithm by its IANA number: its hash (NULL: it uses AES), octets of key and of
 * ICV. */
int my_find_integ(uint32_t integ, const my_hash **hash, uint32_t *key, uint32_t *icv);

/* The questions of my_crypto_has to the other files. */
int my_has_prf(uint32_t prf);
int my_has_integ(uint32_t integ);
int my_has_encr(uint32_t encr, uint32_t key_bits);
int my_has_group(uint32_t group);

#endif
