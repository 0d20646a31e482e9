/* AES-XCBC-MAC (RFC 3566 §4) and AES-CMAC (RFC 4493 §2). Both are CBC with a zero IV whose last
 * block is changed by one of two subkeys, so both use one cached AES-128-CBC context. */
#include "crypto.h"

#include <openssl/crypto.h>
#include <string.h>

static _Thread_local EVP_CIPHER_CTX *cbc_context;
static const uint8_t zeros[16];

/* Continues CBC over whole blocks; `last` receives the last encrypted block. */
static int chain(my_aes_mac *mac, const uint8_t *blocks, uint32_t length, uint8_t last[16]) {
  uint8_t scratch[512];
  int written;
  while (length > 0) {
    uint32_t part = length > sizeof scratch ? sizeof scratch : length;
    if (!EVP_EncryptUpdate(mac->cbc, scratch, &written, blocks, (int)part)) return 0;
    memcpy(last, scratch + part - 16, 16);
    blocks += part;
    length -= part;
  }
  return 1;
}

static int one_block(my_aes_mac *mac, const uint8_t in[16], uint8_t out[16]) {
  return EVP_EncryptInit_ex2(mac->cbc, NULL, NULL, zeros, NULL) && chain(mac, in, 16, out);
}

static int set_key(my_aes_mac *mac, const uint8_t key[16]) {
  return EVP_EncryptInit_ex2(mac->cbc, NULL, key, zeros, NULL) &&
         EVP_CIPHER_CTX_set_padding(mac->cbc, 0);
}

/* Doubles an element of GF(2^128) (RFC 4493 §2.3). */
static void double_block(const uint8_t in[16], uint8_t out[16]) {
  uint8_t carry = 0;
  for (int i = 15; i >= 0; i--) {
    uint8_t octet = in[i];
    out[i] = (uint8_t)(octet << 1 | carry);
    carry = octet >> 7;
  }
  out[15] ^= (uint8_t)(0x87 & (0u - carry));
}

int my_aes_mac_schedule(my_aes_mac *mac, my_aes_mac_kind kind, const uint8_t *key) {
  uint8_t subkey[16];
  mac->cbc = my_cached_cipher(&cbc_context, "AES-128-CBC", 1);
  if (!mac->cbc || !set_key(mac, key)) return 0;
  if (kind == MY_CMAC) {
    if (!one_block(mac, zeros, subkey)) return 0;
    double_block(subkey, mac->whole);
    double_block(mac->whole, mac->padded);
    return 1;
  }
  /* K1, K2 and K3 are 0x01.., 0x02.. and 0x03.. encrypted under K (RFC 3566 §4). */
  uint8_t constant[16];
  memset(constant, 2, 16);
  if (!one_block(mac, constant, mac->whole)) return 0;
  memset(constant, 3, 16);
  if (!one_block(mac, constant, mac->padded)) return 0;
  memset(constant, 1, 16);
  if (!one_block(mac, constant, subkey)) return 0;
  int done = set_key(mac, subkey);
  OPENSSL_cleanse(subkey, sizeof subkey);
  return done;
}

int my_aes_mac_begin(my_aes_mac *mac) {
  mac->pending_length = 0;
  return EVP_EncryptInit_ex2(mac->cbc, NULL, NULL, zeros, NULL);
}

int my_aes_mac_add(my_aes_mac *mac, const uint8_t *data, uint32_t length) {
  uint8_t ignored[16];
  if (length == 0) return 1;
  /* The last block is kept back, as only the end decides which subkey it gets. */
  uint32_t room = 16 - mac->pending_length;
  if (length <= room) {
    memcpy(mac->pending + mac->pending_length, data, length);
    mac->pending_length += length;
    return 1;
  }
  memcpy(mac->pending + mac->pending_length, data, room);
  if (!chain(mac, mac->pending, 16, ignored)) return 0;
  data += room;
  length -= room;
  uint32_t blocks = (length - 1) / 16 * 16;
  if (!chain(mac, data, blocks, ignored)) return 0;
  mac->pending_length = length - blocks;
  memcpy(mac->pending, data + blocks, mac->pending_length);
  return 1;
}

int my_aes_mac_end(my_aes_mac *mac, uint8_t *out) {
  const uint8_t *subkey = mac->whole;
  if (mac->pending_length < 16) {
    mac->pending[mac->pending_length] = 0x80;
    memset(mac->pending + mac->pending_length + 1, 0, 15 - mac->pending_length);
    subkey = mac->padded;
  }
  for (int i = 0; i < 16; i++) mac->pending[i] ^= subkey[i];
  return chain(mac, mac->pending, 16, out);
}
