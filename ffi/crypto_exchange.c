/*
 * Key exchange by IANA transform number: MODP (RFC 2409, RFC 3526) by Montgomery exponentiation,
 * ECP (RFC 5903) and Brainpool (RFC 6954) by point multiplication, X25519 and X448 (RFC 8031). */
#include "crypto.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <string.h>

/* The arithmetic without the EVP_PKEY interface, which takes two to three times as long. These are
 * internal functions of libcrypto that exist in every release of 3.x; they can be called because
 * libcrypto is linked statically. */
int ossl_x25519(uint8_t out[32], const uint8_t private_key[32], const uint8_t peer[32]);
int ossl_x448(uint8_t out[56], const uint8_t private_key[56], const uint8_t peer[56]);
void ossl_x448_public_from_private(uint8_t out[56], const uint8_t private_key[56]);

/* The most octets of an exponent: those of the modulus of group 18. */
#define MY_EXPONENT_MAX 1024

typedef struct {
  uint32_t group;
  BIGNUM *(*prime)(BIGNUM *bn);
  uint32_t octets;
} my_modp;

static const my_modp modps[] = {
    {14, BN_get_rfc3526_prime_2048, 256},  {15, BN_get_rfc3526_prime_3072, 384},
    {16, BN_get_rfc3526_prime_4096, 512},  {17, BN_get_rfc3526_prime_6144, 768},
    {18, BN_get_rfc3526_prime_8192, 1024}, {5, BN_get_rfc3526_prime_1536, 192},
    {2, BN_get_rfc2409_prime_1024, 128},   {1, BN_get_rfc2409_prime_768, 96},
};

typedef struct {
  uint32_t group;
  int nid;
  uint32_t octets;
} my_curve;

static const my_curve curves[] = {
    {19, NID_X9_62_prime256v1, 32}, {20, NID_secp384r1, 48},       {21, NID_secp521r1, 66},
    {27, NID_brainpoolP224r1, 28},  {28, NID_brainpoolP256r1, 32}, {29, NID_brainpoolP384r1, 48},
    {30, NID_brainpoolP512r1, 64},
};

#define MY_MODPS (sizeof modps / sizeof *modps)
#define MY_CURVES (sizeof curves / sizeof *curves)

/* Precomputed values of a group: the prime, p - 1 and the Montgomery form for MODP, p and n for
 * curves. */
typedef struct {
  BIGNUM *prime, *last;
  BN_MONT_CTX *mont;
  EC_GROUP *curve;
} my_field;

static _Thread_local my_field modp_fields[MY_MODPS], curve_fields[MY_CURVES];
static _Thread_local BN_CTX *bn_context;

static void forget(my_field *f) {
  BN_free(f->prime);
  BN_free(f->last);
  BN_MONT_CTX_free(f->mont);
  EC_GROUP_free(f->curve);
  memset(f, 0, sizeof *f);
}

static int ready(void) {
  if (!bn_context) bn_context = BN_CTX_new();
  return bn_context != NULL;
}

static int is_zero(const uint8_t *octets, uint32_t length) {
  uint8_t any = 0;
  for (uint32_t i = 0; i < length; i++) any |= octets[i];
  return any == 0;
}

static const my_modp *find_modp(uint32_t group) {
  for (size_t i = 0; i < MY_MODPS; i++) {
    if (modps[i].group == group) return &modps[i];
  }
  return NULL;
}

static const my_curve *find_curve(uint32_t group) {
  for (size_t i = 0; i < MY_CURVES; i++) {
    if (curves[i].group == group) return &curves[i];
  }
  return NULL;
}

static uint32_t x_octets(uint32_t group) {
  return group == 31 ? 32 : group == 32 ? 56 : 0;
}

static my_field *modp_field(const my_modp *modp) {
  my_field *f = &modp_fields[modp - modps];
  if (f->mont) return f;
  if (!ready()) return NULL;
  f->prime = modp->prime(NULL);
  f->last = f->prime ? BN_dup(f->prime) : NULL;
  f->mont = BN_MONT_CTX_new();
  if (f->last && f->mont && BN_sub_word(f->last, 1) && BN_MONT_CTX_set(f->mont, f->prime, bn_context)) {
    return f;
  }
  forget(f);
  return NULL;
}

static my_field *curve_field(const my_curve *curve) {
  my_field *f = &curve_fields[curve - curves];
  if (f->curve) return f;
  if (!ready()) return NULL;
  EC_GROUP *group = EC_GROUP_new_by_curve_name(curve->nid);
  if (!group) return NULL;
  f->prime = BN_dup(EC_GROUP_get0_field(group));
  f->last = BN_dup(EC_GROUP_get0_order(group));
  if (f->prime && f->last && BN_sub_word(f->last, 1)) {
    f->curve = group;
    return f;
  }
  EC_GROUP_free(group);
  forget(f);
  return NULL;
}

/* out = base^priv mod p, padded on the left to the length of the modulus (RFC 7296 §2.14). */
static int32_t modp_power(const my_modp *modp, my_field *f, const BIGNUM *base, const uint8_t *priv,
                          uint32_t priv_len, uint8_t *out) {
  int32_t result = MY_CANNOT;
  BIGNUM *exponent = BN_new(), *power = BN_new();
  if (exponent && power && BN_bin2bn(priv, (int)priv_len, exponent)) {
    BN_set_flags(exponent, BN_FLG_CONSTTIME);
    if (BN_mod_exp_mont_consttime(power, base, exponent, f->prime, bn_context, f->mont)) {
      result = BN_bn2binpad(power, out, (int)modp->octets);
    }
  }
  BN_clear_free(exponent);
  BN_clear_free(power);
  return result;
}

static int32_t modp_generate(const my_modp *modp, uint32_t fresh, uint8_t *priv, uint32_t priv_len,
                             uint8_t *pub) {
  my_field *f = modp_field(modp);
  if (!f || priv_len == 0 || priv_len > MY_EXPONENT_MAX) return MY_CANNOT;
  if (fresh && RAND_priv_bytes(priv, (int)priv_len) != 1) return MY_CANNOT;
  if (is_zero(priv, priv_len)) return MY_CANNOT;
  BIGNUM *two = BN_new();
  int32_t result = two && BN_set_word(two, 2) ? modp_power(modp, f, two, priv, priv_len, pub) : MY_CANNOT;
  BN_free(two);
  return result;
}

static int32_t modp_derive(const my_modp *modp, const uint8_t *priv, uint32_t priv_len,
                           const uint8_t *peer, uint32_t peer_len, uint8_t *shared) {
  my_field *f = modp_field(modp);
  if (!f || priv_len == 0 || priv_len > MY_EXPONENT_MAX) return MY_CANNOT;
  if (peer_len != modp->octets) return MY_PEER_IS_WRONG;
  int32_t result = MY_CANNOT;
  BIGNUM *base = BN_bin2bn(peer, (int)peer_len, NULL);
  if (base) {
    /* A public value must satisfy 1 < r < p - 1 (RFC 6989 §2.1). */
    int refused = BN_cmp(base, BN_value_one()) <= 0 || BN_cmp(base, f->last) >= 0;
    result = refused ? MY_PEER_IS_WRONG : modp_power(modp, f, base, priv, priv_len, shared);
  }
  BN_free(base);
  return result;
}

/* Writes affine coordinates in the form of RFC 5903 §7, padded on the left; y may be omitted. */
static int put_point(const my_curve *curve, my_field *f, const EC_POINT *point, uint8_t *out, int with_y) {
  int octets = (int)curve->octets, done = 0;
  BIGNUM *x = BN_new(), *y = BN_new();
  if (x && y && EC_POINT_get_affine_coordinates(f->curve, point, x, y, bn_context)) {
    done = BN_bn2binpad(x, out, octets) == octets &&
           (!with_y || BN_bn2binpad(y, out + octets, octets) == octets);
  }
  BN_clear_free(x);
  BN_clear_free(y);
  return done;
}

/* A private value from 1 to n-1, or NULL if it is outside of that. */
static BIGNUM *scalar_of(my_field *f, const uint8_t *priv, uint32_t priv_len) {
  BIGNUM *scalar = BN_secure_new();
  if (scalar && BN_bin2bn(priv, (int)priv_len, scalar) && !BN_is_zero(scalar) &&
      BN_cmp(scalar, f->last) <= 0) {
    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    return scalar;
  }
  BN_clear_free(scalar);
  return NULL;
}

/* Fills priv with a uniformly random value from 1 to n-1. */
static int draw_scalar(my_field *f, uint8_t *priv, uint32_t priv_len) {
  BIGNUM *scalar = BN_secure_new();
  int done = scalar && BN_priv_rand_range(scalar, f->last) && BN_add_word(scalar, 1) &&
             BN_bn2binpad(scalar, priv, (int)priv_len) == (int)priv_len;
  BN_clear_free(scalar);
  return done;
}

static int32_t curve_generate(const my_curve *curve, uint32_t fresh, uint8_t *priv, uint32_t priv_len,
                              uint8_t *pub) {
  my_field *f = curve_field(curve);
  if (!f || priv_len != curve->octets) return MY_CANNOT;
  if (fresh && !draw_scalar(f, priv, priv_len)) return MY_CANNOT;
  BIGNUM *scalar = scalar_of(f, priv, priv_len);
  EC_POINT *point = scalar ? EC_POINT_new(f->curve) : NULL;
  int done = point && EC_POINT_mul(f->curve, point, scalar, NULL, NULL, bn_context) &&
             put_point(curve, f, point, pub, 1);
  EC_POINT_free(point);
  BN_clear_free(scalar);
  return done ? (int32_t)(2 * curve->octets) : MY_CANNOT;
}

/* The peer's point; NULL if a coordinate is not below p, or the point is not on the curve. */
static EC_POINT *take_point(const my_curve *curve, my_field *f, const uint8_t *peer) {
  int octets = (int)curve->octets, good = 0;
  BIGNUM *x = BN_bin2bn(peer, octets, NULL), *y = BN_bin2bn(peer + octets, octets, NULL);
  EC_POINT *point = EC_POINT_new(f->curve);
  if (x && y && point && BN_cmp(x, f->prime) < 0 && BN_cmp(y, f->prime) < 0) {
    good = EC_POINT_set_affine_coordinates(f->curve, point, x, y, bn_context) &&
           EC_POINT_is_on_curve(f->curve, point, bn_context) == 1;
  }
  BN_free(x);
  BN_free(y);
  if (good) return point;
  EC_POINT_free(point);
  return NULL;
}

static int32_t curve_derive(const my_curve *curve, const uint8_t *priv, uint32_t priv_len,
                            const uint8_t *peer, uint32_t peer_len, uint8_t *shared) {
  my_field *f = curve_field(curve);
  if (!f || priv_len != curve->octets) return MY_CANNOT;
  if (peer_len != 2 * curve->octets) return MY_PEER_IS_WRONG;
  BIGNUM *scalar = scalar_of(f, priv, priv_len);
  if (!scalar) return MY_CANNOT;
  int32_t result = MY_PEER_IS_WRONG;
  EC_POINT *point = take_point(curve, f, peer);
  if (point) {
    /* The shared secret is only x (RFC 5903 §9). All these curves have the cofactor 1. */
    int done = EC_POINT_mul(f->curve, point, NULL, point, scalar, bn_context) &&
               put_point(curve, f, point, shared, 0);
    result = done ? (int32_t)curve->octets : MY_CANNOT;
  }
  EC_POINT_clear_free(point);
  BN_clear_free(scalar);
  return result;
}

static int32_t x_generate(uint32_t group, uint32_t fresh, uint8_t *priv, uint32_t priv_len, uint8_t *pub) {
  if (!ready() || priv_len != x_octets(group)) return MY_CANNOT;
  if (fresh && RAND_priv_bytes(priv, (int)priv_len) != 1) return MY_CANNOT;
  if (is_zero(priv, priv_len)) return MY_CANNOT;
  /* The ladder from the base point is faster than libcrypto's own way, which uses Ed25519. */
  static const uint8_t base[32] = {9};
  if (group == 32) ossl_x448_public_from_private(pub, priv);
  else if (!ossl_x25519(pub, priv, base)) return MY_CANNOT;
  return (int32_t)priv_len;
}

static int32_t x_derive(uint32_t group, const uint8_t *priv, uint32_t priv_len, const uint8_t *peer,
                        uint32_t peer_len, uint8_t *shared) {
  if (!ready() || priv_len != x_octets(group)) return MY_CANNOT;
  if (peer_len != priv_len) return MY_PEER_IS_WRONG;
  /* 0 means that the result is all zeros, which is refused (RFC 8031 §4). */
  int good = group == 31 ? ossl_x25519(shared, priv, peer) : ossl_x448(shared, priv, peer);
  return good ? (int32_t)priv_len : MY_PEER_IS_WRONG;
}

MY_EXPORT int32_t my_ke_generate(uint32_t group, uint32_t fresh, uint8_t *priv, uint32_t priv_len,
                                 uint8_t *pub) {
  const my_modp *modp = find_modp(group);
  if (modp) return modp_generate(modp, fresh, priv, priv_len, pub);
  const my_curve *curve = find_curve(group);
  if (curve) return curve_generate(curve, fresh, priv, priv_len, pub);
  return x_octets(group) ? x_generate(group, fresh, priv, priv_len, pub) : MY_CANNOT;
}

MY_EXPORT int32_t my_ke_derive(uint32_t group, const uint8_t *priv, uint32_t priv_len,
                               const uint8_t *peer, uint32_t peer_len, uint8_t *shared) {
  const my_modp *modp = find_modp(group);
  if (modp) return modp_derive(modp, priv, priv_len, peer, peer_len, shared);
  const my_curve *curve = find_curve(group);
  if (curve) return curve_derive(curve, priv, priv_len, peer, peer_len, shared);
  return x_octets(group) ? x_derive(group, priv, priv_len, peer, peer_len, shared) : MY_CANNOT;
}

int my_has_group(uint32_t group) {
  const my_modp *modp = find_modp(group);
  if (modp) return modp_field(modp) != NULL;
  const my_curve *curve = find_curve(group);
  if (curve) return curve_field(curve) != NULL;
  return x_octets(group) != 0 && ready();
}
