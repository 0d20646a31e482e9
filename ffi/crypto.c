/* Sets libcrypto up, tells what it can do, and gives its random octets. */
#include "crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

/* No openssl.cnf of the machine is read, and no handler runs at the end of the program. */
__attribute__((constructor)) static void set_up(void) {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}

EVP_CIPHER_CTX *my_cached_cipher(EVP_CIPHER_CTX **slot, const char *name, int encrypts) {
  if (*slot) return *slot;
  EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
  EVP_CIPHER_CTX *ctx = cipher ? EVP_CIPHER_CTX_new() : NULL;
  if (ctx && !EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, encrypts, NULL)) {
    EVP_CIPHER_CTX_free(ctx);
    ctx = NULL;
  }
  /* The context holds its own reference. */
  EVP_CIPHER_free(cipher);
  ERR_clear_error();
  return *slot = ctx;
}

MY_EXPORT int32_t my_crypto_has(uint32_t type, uint32_t id, uint32_t key_bits) {
  switch (type) {
    case 1: return my_has_encr(id, key_bits) ? 1 : 0;
    case 2: return my_has_prf(id) ? 1 : 0;
    case 3: return my_has_integ(id) ? 1 : 0;
    case 4: return my_has_group(id) ? 1 : 0;
    default: return 0;
  }
}

MY_EXPORT int32_t my_random(uint8_t *out, uint32_t out_len) {
  if (out_len > MY_LENGTH_MAX) return MY_CANNOT;
  if (out_len == 0) return 0;
  return RAND_bytes(out, (int)out_len) == 1 ? (int32_t)out_len : MY_CANNOT;
}
