/* Signatures: RSA PKCS#1 v1.5 and PSS (RFC 8017), ECDSA as r || s (RFC 4754), Ed25519 and Ed448
 * (RFC 8032). A key is parsed once; the caller keeps its address and passes it to each call. */
#include "crypto.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>

/* Signature schemes. */
enum { MY_EDDSA = 0, MY_RSA_PKCS1 = 1, MY_RSA_PSS = 2, MY_ECDSA = 3 };


typedef struct {
  /* The key of RSA or EdDSA. */
  EVP_PKEY *key;
  /* The key of ECDSA, below EVP, whose fetches cost a fifth of a verification. */
  EC_KEY *ec;
  /* Octets of r, and of s. */
  int order;
} my_key;

static void free_key(my_key *k) {
  EC_KEY_free(k->ec);
  EVP_PKEY_free(k->key);
  OPENSSL_free(k);
}

static const EVP_MD *md_of(uint32_t hash) {
  switch (hash) {
    case 1: return EVP_sha1();
    case 2: return EVP_sha256();
    case 3: return EVP_sha384();
    case 4: return EVP_sha512();
    default: return NULL;
  }
}

static const my_hash *hash_of(uint32_t hash) {
  switch (hash) {
    case 1: return &my_hash_sha1;
    case 2: return &my_hash_sha256;
    case 3: return &my_hash_sha384;
    case 4: return &my_hash_sha512;
    default: return NULL;
  }
}

/* The digest of data; 0 if the hash is unknown. */
static int digest(uint32_t hash, const uint8_t *data, uint32_t length, uint8_t out[MY_DIGEST_MAX]) {
  const my_hash *h = hash_of(hash);
  my_hash_state state;
  if (!h || !h->init(&state) || !h->update(&state, data, length) || !h->final(out, &state)) return 0;
  return (int)h->out;
}

static my_key *key_at(const uint8_t *address) {
  my_key *k;
  memcpy(&k, address, sizeof k);
  return k;
}

/* Kinds of keys. */
enum { MY_KEY_RSA = 1, MY_KEY_EC = 2, MY_KEY_ED25519 = 3, MY_KEY_ED448 = 4 };

/* The NIST curves, made once: to make one anew for each key costs as much as half a verification. */
typedef struct {
  int nid;
  /* Octets of a coordinate. */
  uint32_t octets;
  EC_GROUP *group;
} my_curve;

static my_curve curves[] = {
  { NID_secp224r1, 28, NULL },
  { NID_X9_62_prime256v1, 32, NULL },
  { NID_secp384r1, 48, NULL },
  { NID_secp521r1, 66, NULL },
};
enum { MY_CURVES = sizeof curves / sizeof curves[0] };
static pthread_once_t curves_once = PTHREAD_ONCE_INIT;

static void make_curves(void) {
  for (int i = 0; i < MY_CURVES; i++) curves[i].group = EC_GROUP_new_by_curve_name(curves[i].nid);
}

/* A key of a curve without its values; NULL if the curve is unknown. */
static EC_KEY *empty_key(const my_curve *curve) {
  EC_KEY *ec = curve && curve->group ? EC_KEY_new() : NULL;
  if (ec && EC_KEY_set_group(ec, curve->group) == 1) return ec;
  EC_KEY_free(ec);
  return NULL;
}

static const my_curve *curve_named(int nid) {
  pthread_once(&curves_once, make_curves);
  for (int i = 0; i < MY_CURVES; i++) if (curves[i].nid == nid) return &curves[i];
  return NULL;
}

/* The point at the end of a SubjectPublicKeyInfo, of which the caller has checked the form: an
 * uncompressed point, whose length tells the curve. */
static EC_KEY *read_ec_public(const uint8_t *der, uint32_t length) {
  pthread_once(&curves_once, make_curves);
  for (int i = 0; i < MY_CURVES; i++) {
    uint32_t octets = 1 + 2 * curves[i].octets;
    /* Before the point are the algorithm, the curve's name and the BIT STRING: 23 to 26 octets. */
    if (length < octets + 23 || length > octets + 26) continue;
    EC_KEY *ec = empty_key(&curves[i]);
    if (ec && der[length - octets] == 4 && EC_KEY_oct2key(ec, der + length - octets, octets, NULL) == 1) return ec;
    EC_KEY_free(ec);
    return NULL;
  }
  return NULL;
}

/* Functions that read keys of one algorithm take a tenth of the time of those that accept any,
 * which ask every decoder of every provider in OpenSSL 3. */
static int read_public(my_key *k, uint32_t kind, const uint8_t *der, long length) {
  const uint8_t *at = der;
  if (kind == MY_KEY_EC) return (k->ec = read_ec_public(der, (uint32_t)length)) != NULL;
  if (kind == MY_KEY_RSA) {
    RSA *rsa = d2i_RSA_PUBKEY(NULL, &at, length);
    k->key = rsa ? EVP_PKEY_new() : NULL;
    if (k->key && EVP_PKEY_assign_RSA(k->key, rsa) == 1) return 1;
    RSA_free(rsa);
    return 0;
  }
  /* The key is at the end of SubjectPublicKeyInfo (RFC 8410). */
  size_t octets = kind == MY_KEY_ED25519 ? 32 : 57;
  int type = kind == MY_KEY_ED25519 ? EVP_PKEY_ED25519 : EVP_PKEY_ED448;
  if ((size_t)length < octets) return 0;
  k->key = EVP_PKEY_new_raw_public_key(type, NULL, der + (size_t)length - octets, octets);
  return k->key != NULL;
}

static EC_KEY *read_ec_private(const X509_ALGOR *algorithm, const uint8_t *der, int length) {
  const void *curve;
  int type;
  X509_ALGOR_get0(NULL, &type, &curve, algorithm);
  EC_KEY *ec = type == V_ASN1_OBJECT ? empty_key(curve_named(OBJ_obj2nid(curve))) : NULL;
  if (ec && d2i_ECPrivateKey(&ec, &der, length)) return ec;
  EC_KEY_free(ec);
  return NULL;
}

static int read_private(my_key *k, uint32_t kind, const uint8_t *der, long length) {
  const uint8_t *at = der, *inner;
  const X509_ALGOR *algorithm;
  int inner_length, done = 0;
  PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, length);
  if (info && PKCS8_pkey_get0(NULL, &inner, &inner_length, &algorithm, info)) {
    if (kind == MY_KEY_EC) {
      done = (k->ec = read_ec_private(algorithm, inner, inner_length)) != NULL;
    } else if (kind == MY_KEY_RSA) {
      RSA *rsa = d2i_RSAPrivateKey(NULL, &inner, inner_length);
      k->key = rsa ? EVP_PKEY_new() : NULL;
      done = k->key && EVP_PKEY_assign_RSA(k->key, rsa) == 1;
      if (!done) RSA_free(rsa);
    } else if (inner_length > 2) {
      /* The private key is an OCTET STRING in an OCTET STRING (RFC 8410 §7). */
      int type = kind == MY_KEY_ED25519 ? EVP_PKEY_ED25519 : EVP_PKEY_ED448;
      k->key = EVP_PKEY_new_raw_private_key(type, NULL, inner + 2, (size_t)inner_length - 2);
      done = k->key != NULL;
    }
  }
  PKCS8_PRIV_KEY_INFO_free(info);
  return done;
}

MY_EXPORT int32_t my_key_load(uint32_t is_private, uint32_t kind, const uint8_t *der, uint32_t der_len,
                              uint8_t address[8]) {
  _Static_assert(sizeof(my_key *) <= 8, "an address fits");
  if (der_len > MY_LENGTH_MAX || kind < MY_KEY_RSA || kind > MY_KEY_ED448) return MY_CANNOT;
  my_key *k = OPENSSL_zalloc(sizeof *k);
  if (!k) return MY_CANNOT;
  /* A point that is not on its curve, or at infinity, is refused by the function that reads it. */
  int done = is_private ? read_private(k, kind, der, (long)der_len) : read_public(k, kind, der, (long)der_len);
  ERR_clear_error();
  if (!done) {
    free_key(k);
    return MY_PEER_IS_WRONG;
  }
  if (k->ec) k->order = (EC_GROUP_order_bits(EC_KEY_get0_group(k->ec)) + 7) / 8;
  memset(address, 0, 8);
  memcpy(address, &k, sizeof k);
  return 8;
}

MY_EXPORT int32_t my_key_free(const uint8_t address[8]) {
  free_key(key_at(address));
  return 0;
}

/* The context of one RSA or EdDSA signature; NULL if libcrypto refuses the scheme. */
static EVP_MD_CTX *begin(my_key *k, uint32_t padding, uint32_t hash, uint32_t salt, int signs) {
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *inner = NULL;
  const EVP_MD *md = padding == MY_EDDSA ? NULL : md_of(hash);
  if (!k->key) goto fail;
  if (!ctx || (padding != MY_EDDSA && !md)) goto fail;
  if (signs ? EVP_DigestSignInit(ctx, &inner, md, NULL, k->key) != 1
            : EVP_DigestVerifyInit(ctx, &inner, md, NULL, k->key) != 1) {
    goto fail;
  }
  if (padding == MY_RSA_PKCS1 && EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PADDING) <= 0) goto fail;
  if (padding == MY_RSA_PSS && (EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) <= 0 ||
                                EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, (int)salt) <= 0 ||
                                EVP_PKEY_CTX_set_rsa_mgf1_md(inner, md) <= 0)) {
    goto fail;
  }
  return ctx;
fail:
  EVP_MD_CTX_free(ctx);
  return NULL;
}

/* Writes r || s, each padded to the length of the order. */
static int32_t sign_ecdsa(my_key *k, uint32_t hash, const uint8_t *data, uint32_t data_len, uint8_t *out,
                          uint32_t out_max) {
  uint8_t hashed[MY_DIGEST_MAX];
  int length = k->ec ? digest(hash, data, data_len, hashed) : 0;
  if (length == 0 || out_max < 2u * (uint32_t)k->order) return MY_CANNOT;
  ECDSA_SIG *sig = ECDSA_do_sign(hashed, length, k->ec);
  int done = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, k->order) == k->order &&
             BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + k->order, k->order) == k->order;
  ECDSA_SIG_free(sig);
  return done ? 2 * k->order : MY_CANNOT;
}

static int32_t verify_ecdsa(my_key *k, uint32_t hash, const uint8_t *data, uint32_t data_len,
                            const uint8_t *signature, uint32_t signature_len) {
  uint8_t hashed[MY_DIGEST_MAX];
  int length = k->ec ? digest(hash, data, data_len, hashed) : 0;
  if (length == 0) return MY_CANNOT;
  if (signature_len != 2u * (uint32_t)k->order) return 0;
  ECDSA_SIG *sig = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(signature, k->order, NULL), *s = BN_bin2bn(signature + k->order, k->order, NULL);
  int good = 0;
  if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
    r = s = NULL;
    good = ECDSA_do_verify(hashed, length, sig, k->ec) == 1;
  }
  BN_free(r);
  BN_free(s);
  ECDSA_SIG_free(sig);
  return good;
}

MY_EXPORT int32_t my_sign(const uint8_t address[8], uint32_t padding, uint32_t hash, uint32_t salt,
                          const uint8_t *data, uint32_t data_len, uint8_t *out, uint32_t out_max) {
  my_key *k = key_at(address);
  int32_t result = MY_CANNOT;
  if (data_len > MY_LENGTH_MAX) return MY_CANNOT;
  if (padding == MY_ECDSA) {
    result = sign_ecdsa(k, hash, data, data_len, out, out_max);
  } else {
    EVP_MD_CTX *ctx = begin(k, padding, hash, salt, 1);
    size_t length = out_max;
    if (ctx && EVP_DigestSign(ctx, out, &length, data, data_len) == 1) result = (int32_t)length;
    EVP_MD_CTX_free(ctx);
  }
  ERR_clear_error();
  return result;
}

MY_EXPORT int32_t my_verify(const uint8_t address[8], uint32_t padding, uint32_t hash, uint32_t salt,
                            const uint8_t *data, uint32_t data_len, const uint8_t *signature,
                            uint32_t signature_len) {
  my_key *k = key_at(address);
  int32_t result;
  if (data_len > MY_LENGTH_MAX || signature_len > MY_LENGTH_MAX) return MY_CANNOT;
  if (padding == MY_ECDSA) {
    result = verify_ecdsa(k, hash, data, data_len, signature, signature_len);
  } else {
    EVP_MD_CTX *ctx = begin(k, padding, hash, salt, 0);
    /* If EVP refuses for another reason than the signature, the result is the same. */
    result = ctx ? EVP_DigestVerify(ctx, signature, signature_len, data, data_len) == 1 : MY_CANNOT;
    EVP_MD_CTX_free(ctx);
  }
  ERR_clear_error();
  return result;
}

/* Writes the PKCS#8 encoding of a key to out; returns its length, or -1. */
static int32_t put_pkcs8(EVP_PKEY *key, uint8_t *out, uint32_t out_max) {
  PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
  int length = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
  if (length > 0 && (uint32_t)length <= out_max) length = i2d_PKCS8_PRIV_KEY_INFO(info, &out);
  else length = -1;
  PKCS8_PRIV_KEY_INFO_free(info);
  return length;
}

MY_EXPORT int32_t my_key_generate(uint32_t kind, uint32_t bits, uint8_t *pkcs8, uint32_t pkcs8_max) {
  EVP_PKEY *key = NULL;
  switch (kind) {
    case MY_KEY_RSA: key = EVP_RSA_gen(bits); break;
    case MY_KEY_EC: key = EVP_EC_gen(bits == 224 ? "P-224" : bits == 256 ? "P-256" : bits == 384 ? "P-384" : "P-521"); break;
    case MY_KEY_ED25519: key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); break;
    case MY_KEY_ED448: key = EVP_PKEY_Q_keygen(NULL, NULL, "ED448"); break;
    default: break;
  }
  int32_t result = key ? put_pkcs8(key, pkcs8, pkcs8_max) : MY_CANNOT;
  EVP_PKEY_free(key);
  ERR_clear_error();
  return result;
}

/* Writes the SubjectPublicKeyInfo of a private key. */
MY_EXPORT int32_t my_key_public(const uint8_t address[8], uint8_t *spki, uint32_t spki_max) {
  my_key *k = key_at(address);
  int length = k->ec ? i2d_EC_PUBKEY(k->ec, NULL) : i2d_PUBKEY(k->key, NULL);
  if (length <= 0 || (uint32_t)length > spki_max) length = -1;
  else length = k->ec ? i2d_EC_PUBKEY(k->ec, &spki) : i2d_PUBKEY(k->key, &spki);
  ERR_clear_error();
  return length > 0 ? length : MY_CANNOT;
}
