/* Ciphers of IKE and ESP by IANA transform number. The salt is at the end of the key, and the nonce
 * is salt and IV. Contexts are cached for each cipher, direction and thread; each call sets key and
 * IV. */
#include "crypto.h"

#include <openssl/crypto.h>
#include <string.h>

#define MY_AES(ENCR, SALT, IV, ICV, BLOCK, MODE, NAME)          \
  {ENCR, 16, SALT, IV, ICV, BLOCK, MODE, "AES-128-" NAME},      \
      {ENCR, 24, SALT, IV, ICV, BLOCK, MODE, "AES-192-" NAME},  \
      {ENCR, 32, SALT, IV, ICV, BLOCK, MODE, "AES-256-" NAME}

static const my_cipher ciphers[] = {
    MY_AES(20, 4, 8, 16, 1, MY_AEAD, "GCM"),
    MY_AES(12, 0, 16, 0, 16, MY_PLAIN, "CBC"),
    MY_AES(13, 4, 8, 0, 1, MY_CTR, "CTR"),
    MY_AES(18, 4, 8, 8, 1, MY_AEAD, "GCM"),
    MY_AES(19, 4, 8, 12, 1, MY_AEAD, "GCM"),
    MY_AES(14, 3, 8, 8, 1, MY_CCM, "CCM"),
    MY_AES(15, 3, 8, 12, 1, MY_CCM, "CCM"),
    MY_AES(16, 3, 8, 16, 1, MY_CCM, "CCM"),
    {28, 32, 4, 8, 16, 1, MY_AEAD, "ChaCha20-Poly1305"},
    {3, 24, 0, 8, 0, 8, MY_PLAIN, "DES-EDE3-CBC"},
    {11, 0, 0, 0, 0, 1, MY_NULL, ""},
};

#define MY_CIPHERS (sizeof ciphers / sizeof *ciphers)
/* Salt and IV make a nonce of 11 octets (RFC 4309 §4); GCM and ChaCha20-Poly1305 have 12. */
#define MY_CCM_NONCE 11

static _Thread_local EVP_CIPHER_CTX *contexts[2][MY_CIPHERS];

const my_cipher *my_find_cipher(uint32_t encr, uint32_t key_len) {
  for (size_t i = 0; i < MY_CIPHERS; i++) {
    if (ciphers[i].encr == encr && ciphers[i].key + ciphers[i].salt == key_len) return &ciphers[i];
  }
  return NULL;
}

EVP_CIPHER_CTX *my_cipher_context(EVP_CIPHER_CTX **slot, const my_cipher *cipher, int seals) {
  if (*slot) return *slot;
  EVP_CIPHER_CTX *ctx = my_cached_cipher(slot, cipher->name, seals);
  if (!ctx) return NULL;
  if (cipher->mode == MY_PLAIN) EVP_CIPHER_CTX_set_padding(ctx, 0);
  /* CCM needs both lengths before the key. */
  if (cipher->mode == MY_CCM &&
      (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, MY_CCM_NONCE, NULL) <= 0 ||
       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)cipher->icv, NULL) <= 0)) {
    EVP_CIPHER_CTX_free(ctx);
    return *slot = NULL;
  }
  return ctx;
}

static EVP_CIPHER_CTX *context_of(const my_cipher *cipher, int seals) {
  return my_cipher_context(&contexts[seals][cipher - ciphers], cipher, seals);
}

void my_nonce_of(const my_cipher *cipher, const uint8_t *key, const uint8_t *iv,
                 uint8_t nonce[MY_NONCE_MAX]) {
  memset(nonce, 0, MY_NONCE_MAX);
  if (cipher->salt > 0) memcpy(nonce, key + cipher->key, cipher->salt);
  memcpy(nonce + cipher->salt, iv, cipher->iv);
  if (cipher->mode == MY_CTR) nonce[15] = 1;
}

int32_t my_crypt_plain(EVP_CIPHER_CTX *ctx, const uint8_t *in, uint32_t length, uint8_t *out) {
  int written = 0, last = 0;
  if (length == 0) return 0;
  if (!EVP_CipherUpdate(ctx, out, &written, in, (int)length)) return MY_CANNOT;
  if (!EVP_CipherFinal_ex(ctx, out + written, &last)) return MY_CANNOT;
  return (uint32_t)(written + last) == length ? (int32_t)length : MY_CANNOT;
}

/* Sets the associated data and, for CCM, before it the length of the plaintext (RFC 3610 §2.2). */
static int announce(EVP_CIPHER_CTX *ctx, const my_cipher *cipher, const uint8_t *aad,
                    uint32_t aad_len, uint32_t plain_len) {
  int ignored;
  if (cipher->mode == MY_CCM && !EVP_CipherUpdate(ctx, NULL, &ignored, NULL, (int)plain_len)) return 0;
  return aad_len == 0 || EVP_CipherUpdate(ctx, NULL, &ignored, aad, (int)aad_len);
}

int32_t my_seal_aead(EVP_CIPHER_CTX *ctx, const my_cipher *cipher, const uint8_t *aad,
                     uint32_t aad_len, const uint8_t *plain, uint32_t plain_len, uint8_t *out) {
  static const uint8_t nothing[1];
  uint8_t none[16];
  int written = 0, last = 0;
  if (!announce(ctx, cipher, aad, aad_len, plain_len)) return MY_CANNOT;
  /* CCM needs an update even for an empty plaintext; the others do not. */
  if (plain_len > 0 || cipher->mode == MY_CCM) {
    const uint8_t *in = plain_len > 0 ? plain : nothing;
    if (!EVP_CipherUpdate(ctx, plain_len > 0 ? out : none, &written, in, (int)plain_len)) return MY_CANNOT;
  }
  if (!EVP_CipherFinal_ex(ctx, none, &last) || (uint32_t)written != plain_len || last != 0) return MY_CANNOT;
  if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)cipher->icv, out + plain_len) <= 0) return MY_CANNOT;
  return (int32_t)(plain_len + cipher->icv);
}

MY_EXPORT int32_t my_seal(uint32_t encr, const uint8_t *key, uint32_t key_len, const uint8_t *iv,
                          const uint8_t *aad, uint32_t aad_len, const uint8_t *plain,
                          uint32_t plain_len, uint8_t *out) {
  uint8_t nonce[MY_NONCE_MAX];
  const my_cipher *cipher = my_find_cipher(encr, key_len);
  if (!cipher || plain_len > MY_LENGTH_MAX || aad_len > MY_LENGTH_MAX) return MY_CANNOT;
  if (plain_len % cipher->block != 0) return MY_CANNOT;
  if (cipher->mode == MY_NULL) {
    if (plain_len > 0) memmove(out, plain, plain_len);
    return (int32_t)plain_len;
  }
  EVP_CIPHER_CTX *ctx = context_of(cipher, 1);
  if (!ctx) return MY_CANNOT;
  my_nonce_of(cipher, key, iv, nonce);
  if (!EVP_EncryptInit_ex2(ctx, NULL, key, nonce, NULL)) return MY_CANNOT;
  if (cipher->icv == 0) return my_crypt_plain(ctx, plain, plain_len, out);
  return my_seal_aead(ctx, cipher, aad, aad_len, plain, plain_len, out);
}

int32_t my_open_aead(EVP_CIPHER_CTX *ctx, const my_cipher *cipher, const uint8_t *key,
                     const uint8_t *nonce, const uint8_t *aad, uint32_t aad_len,
                     const uint8_t *sealed, uint32_t sealed_len, uint8_t *out) {
  static const uint8_t nothing[1];
  uint8_t icv[16], none[16];
  int written = 0, last = 0;
  uint32_t length = sealed_len - cipher->icv;
  memcpy(icv, sealed + length, cipher->icv);
  /* Setting the key resets the ICV of GCM and ChaCha20-Poly1305, while CCM needs it before the key. */
  if (cipher->mode != MY_CCM && !EVP_DecryptInit_ex2(ctx, NULL, key, nonce, NULL)) return MY_CANNOT;
  if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)cipher->icv, icv) <= 0) return MY_CANNOT;
  if (cipher->mode == MY_CCM && !EVP_DecryptInit_ex2(ctx, NULL, key, nonce, NULL)) return MY_CANNOT;
  if (!announce(ctx, cipher, aad, aad_len, length)) return MY_CANNOT;
  /* CCM verifies in the update and not at the end, so that an empty plaintext needs an update too. */
  if (length > 0 || cipher->mode == MY_CCM) {
    const uint8_t *in = length > 0 ? sealed : nothing;
    if (!EVP_DecryptUpdate(ctx, length > 0 ? out : none, &written, in, (int)length)) return MY_PEER_IS_WRONG;
  }
  if (cipher->mode != MY_CCM && EVP_DecryptFinal_ex(ctx, none, &last) <= 0) return MY_PEER_IS_WRONG;
  return (uint32_t)written == length && last == 0 ? (int32_t)length : MY_CANNOT;
}

MY_EXPORT int32_t my_open(uint32_t encr, const uint8_t *key, uint32_t key_len, const uint8_t *iv,
                          const uint8_t *aad, uint32_t aad_len, const uint8_t *sealed,
                          uint32_t sealed_len, uint8_t *out) {
  uint8_t nonce[MY_NONCE_MAX];
  const my_cipher *cipher = my_find_cipher(encr, key_len);
  if (!cipher || sealed_len > MY_LENGTH_MAX || aad_len > MY_LENGTH_MAX) return MY_CANNOT;
  if (sealed_len < cipher->icv || (sealed_len - cipher->icv) % cipher->block != 0) return MY_PEER_IS_WRONG;
  if (cipher->mode == MY_NULL) {
    if (sealed_len > 0) memmove(out, sealed, sealed_len);
    return (int32_t)sealed_len;
  }
  EVP_CIPHER_CTX *ctx = context_of(cipher, 0);
  if (!ctx) return MY_CANNOT;
  my_nonce_of(cipher, key, iv, nonce);
  if (cipher->icv > 0) return my_open_aead(ctx, cipher, key, nonce, aad, aad_len, sealed, sealed_len, out);
  if (!EVP_DecryptInit_ex2(ctx, NULL, key, nonce, NULL)) return MY_CANNOT;
  return my_crypt_plain(ctx, sealed, sealed_len, out);
}

int my_has_encr(uint32_t encr, uint32_t key_bits) {
  for (size_t i = 0; i < MY_CIPHERS; i++) {
    const my_cipher *cipher = &ciphers[i];
    /* Only AES has the Key Length attribute, as the other ciphers have one length. */
    int aes = strncmp(cipher->name, "AES", 3) == 0;
    if (cipher->encr != encr || (aes ? cipher->key * 8 : 0) != key_bits) continue;
    return cipher->mode == MY_NULL || (context_of(cipher, 0) && context_of(cipher, 1));
  }
  return 0;
}
