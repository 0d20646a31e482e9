/* Encrypts and decrypts ESP packets in place with keys that are set up once (RFC 4303 §2). A packet
 * has a header of 8 octets, the IV, the plaintext with its trailer, and the ICV. Keys are
 * identified by small numbers within one thread. */
#include "crypto.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 8

typedef struct {
  const my_cipher *cipher;
  EVP_CIPHER_CTX *ctx;
  /* The separate integrity algorithm: HMAC if it has a hash, otherwise AES; icv is 0 if there is
   * none. */
  uint32_t integ, icv, integ_key_len;
  int is_hmac, seals;
  my_hmac_key hmac;
  uint8_t key[MY_KEY_MAX], integ_key[MY_DIGEST_MAX];
} packet_key;

static _Thread_local packet_key **keys;
static _Thread_local uint32_t slots;

static packet_key *key_at(int32_t number) {
  return number >= 0 && (uint32_t)number < slots ? keys[number] : NULL;
}

static int32_t free_slot(void) {
  for (uint32_t i = 0; i < slots; i++) {
    if (!keys[i]) return (int32_t)i;
  }
  uint32_t more = slots ? slots * 2 : 64;
  if (more > 1u << 24) return MY_CANNOT;
  packet_key **grown = realloc(keys, more * sizeof *keys);
  if (!grown) return MY_CANNOT;
  memset(grown + slots, 0, (more - slots) * sizeof *keys);
  int32_t first = (int32_t)slots;
  keys = grown;
  slots = more;
  return first;
}

static void forget(packet_key *k) {
  if (!k) return;
  EVP_CIPHER_CTX_free(k->ctx);
  OPENSSL_cleanse(k, sizeof *k);
  free(k);
}

static int set_cipher(packet_key *k, uint32_t encr, const uint8_t *key, uint32_t key_len) {
  static const uint8_t zeros[MY_NONCE_MAX];
  k->cipher = my_find_cipher(encr, key_len);
  if (!k->cipher) return 0;
  memcpy(k->key, key, key_len);
  if (k->cipher->mode == MY_NULL) return 1;
  if (!my_cipher_context(&k->ctx, k->cipher, k->seals)) return 0;
  /* CCM needs the ICV before the key when it decrypts, so that its key is set for each packet. */
  if (k->cipher->mode == MY_CCM && !k->seals) return 1;
  return EVP_CipherInit_ex2(k->ctx, NULL, key, zeros, k->seals, NULL);
}

static int set_integrity(packet_key *k, uint32_t integ, const uint8_t *key, uint32_t key_len) {
  const my_hash *hash;
  uint32_t wanted;
  if (integ == 0) return 1;
  if (!my_find_integ(integ, &hash, &wanted, &k->icv) || key_len != wanted) return 0;
  k->integ = integ;
  k->integ_key_len = key_len;
  k->is_hmac = hash != NULL;
  memcpy(k->integ_key, key, key_len);
  if (hash) my_hmac_schedule(&k->hmac, hash, key, key_len);
  return 1;
}

/* Sets keys up: encr with key and salt, integ (0: none) with its key, for encryption (1) or
 * decryption (0). Returns the number by which they are used until my_packet_forget, or MY_CANNOT. */
MY_EXPORT int32_t my_packet_key(uint32_t encr, const uint8_t *key, uint32_t key_len, uint32_t integ,
                                const uint8_t *integ_key, uint32_t integ_key_len, uint32_t seals) {
  int32_t slot = key_len <= MY_KEY_MAX && integ_key_len <= MY_DIGEST_MAX ? free_slot() : MY_CANNOT;
  packet_key *k = slot < 0 ? NULL : calloc(1, sizeof *k);
  if (!k) return MY_CANNOT;
  k->seals = seals != 0;
  if (!set_cipher(k, encr, key, key_len) || !set_integrity(k, integ, integ_key, integ_key_len)) {
    forget(k);
    return MY_CANNOT;
  }
  keys[slot] = k;
  return slot;
}

/* Erases keys; a number without keys is ignored. */
MY_EXPORT int32_t my_packet_forget(int32_t number) {
  packet_key *k = key_at(number);
  if (!k) return 0;
  keys[number] = NULL;
  forget(k);
  return 1;
}

/* Writes the associated data: SPI and the sequence number, an extended one as a whole (RFC 4106
 * §5). */
static uint32_t associated(const uint8_t *packet, uint32_t high, uint32_t esn, uint8_t aad[12]) {
  memcpy(aad, packet, HEADER);
  if (!esn) return HEADER;
  memcpy(aad + 8, packet + 4, 4);
  for (int i = 0; i < 4; i++) aad[4 + i] = (uint8_t)(high >> (24 - 8 * i));
  return 12;
}

/* Computes the ICV of header, IV and ciphertext, followed by the upper half of an ESN (RFC 4303
 * §2.2.1). */
static int icv_of(packet_key *k, const uint8_t *packet, uint32_t length, uint32_t high, uint32_t esn,
                  uint8_t out[MY_DIGEST_MAX]) {
  uint8_t tail[4];
  for (int i = 0; i < 4; i++) tail[i] = (uint8_t)(high >> (24 - 8 * i));
  if (k->is_hmac) {
    my_hash_state state;
    my_hmac_begin(&k->hmac, &state);
    my_hmac_add(&k->hmac, &state, packet, length);
    if (esn) my_hmac_add(&k->hmac, &state, tail, sizeof tail);
    my_hmac_end(&k->hmac, &state, out);
    return 1;
  }
  my_aes_mac mac;
  my_aes_mac_kind kind = k->integ == 5 ? MY_XCBC : MY_CMAC;
  return my_aes_mac_schedule(&mac, kind, k->integ_key) && my_aes_mac_begin(&mac) &&
         my_aes_mac_add(&mac, packet, length) && (!esn || my_aes_mac_add(&mac, tail, sizeof tail)) &&
         my_aes_mac_end(&mac, out);
}

/* Encrypts the packet at buffer + at, which has header, IV and `clear` octets of plaintext, and
 * appends the ICV. esn is 1 if `high` is the upper half of the sequence number. Returns the octets
 * of the whole packet, or MY_CANNOT. */
MY_EXPORT int32_t my_packet_seal(int32_t number, uint8_t *buffer, uint32_t at, uint32_t clear,
                                 uint32_t high, uint32_t esn) {
  packet_key *k = key_at(number);
  if (!k || !k->seals || clear > MY_LENGTH_MAX || clear % k->cipher->block != 0) return MY_CANNOT;
  const my_cipher *cipher = k->cipher;
  uint8_t nonce[MY_NONCE_MAX], aad[12], icv[MY_DIGEST_MAX];
  uint8_t *packet = buffer + at, *plain = packet + HEADER + cipher->iv;
  uint32_t whole = HEADER + cipher->iv + clear;
  if (k->ctx) {
    my_nonce_of(cipher, k->key, packet + HEADER, nonce);
    if (!EVP_EncryptInit_ex2(k->ctx, NULL, NULL, nonce, NULL)) return MY_CANNOT;
  }
  if (cipher->icv > 0) {
    uint32_t aad_len = associated(packet, high, esn, aad);
    int32_t sealed = my_seal_aead(k->ctx, cipher, aad, aad_len, plain, clear, plain);
    return sealed < 0 ? sealed : (int32_t)(HEADER + cipher->iv) + sealed;
  }
  if (k->ctx && my_crypt_plain(k->ctx, plain, clear, plain) < 0) return MY_CANNOT;
  if (k->icv > 0) {
    if (!icv_of(k, packet, whole, high, esn, icv)) return MY_CANNOT;
    memcpy(packet + whole, icv, k->icv);
  }
  return (int32_t)(whole + k->icv);
}

/* Decrypts a packet of `octets` octets in place. Returns the octets of plaintext, which begin where
 * they were encrypted, or MY_PEER_IS_WRONG for a wrong ICV or an impossible length. */
MY_EXPORT int32_t my_packet_open(int32_t number, uint8_t *buffer, uint32_t at, uint32_t octets,
                                 uint32_t high, uint32_t esn) {
  packet_key *k = key_at(number);
  if (!k || k->seals || octets > MY_LENGTH_MAX) return MY_CANNOT;
  const my_cipher *cipher = k->cipher;
  uint8_t nonce[MY_NONCE_MAX], aad[12], icv[MY_DIGEST_MAX];
  uint32_t before = HEADER + cipher->iv, behind = cipher->icv + k->icv;
  if (octets < before + behind || (octets - before - behind) % cipher->block != 0) return MY_PEER_IS_WRONG;
  uint8_t *packet = buffer + at, *sealed = packet + before;
  uint32_t clear = octets - before - behind;
  if (k->ctx) my_nonce_of(cipher, k->key, packet + HEADER, nonce);
  if (cipher->icv > 0) {
    uint32_t aad_len = associated(packet, high, esn, aad);
    const uint8_t *key = cipher->mode == MY_CCM ? k->key : NULL;
    return my_open_aead(k->ctx, cipher, key, nonce, aad, aad_len, sealed, clear + cipher->icv, sealed);
  }
  if (k->icv > 0) {
    if (!icv_of(k, packet, before + clear, high, esn, icv)) return MY_CANNOT;
    if (CRYPTO_memcmp(icv, sealed + clear, k->icv) != 0) return MY_PEER_IS_WRONG;
  }
  if (!k->ctx) return (int32_t)clear;
  if (!EVP_DecryptInit_ex2(k->ctx, NULL, NULL, nonce, NULL)) return MY_CANNOT;
  return my_crypt_plain(k->ctx, sealed, clear, sealed);
}
