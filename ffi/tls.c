/* TLS over memory, with records passed by value, for EAP-TLS, EAP-TTLS and PEAP. How records are
 * carried is described in lib/eap/tls/; here are only the objects of libssl. */
#include "shim.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 512

typedef struct {
  SSL *ssl;
  BIO *in, *out;
  int failed;
} my_tls;

/* The result of my_tls_step; lib/native/libssl.ts has the same order. */
typedef struct {
  uint32_t out, plain, established, more, text;
} my_tls_found;

/* Writes a text as far as there is room for it; returns the octets written. */
static uint32_t put(uint8_t *text, uint32_t room, const char *words, const char *reason) {
  char whole[TEXT_MAX];
  int length = snprintf(whole, sizeof whole, "%s%s%s", words, reason ? ": " : "", reason ? reason : "");
  if (length < 0) return 0;
  if ((uint32_t)length >= sizeof whole) length = sizeof whole - 1;
  if ((uint32_t)length > room) length = (int)room;
  memcpy(text, whole, (size_t)length);
  return (uint32_t)length;
}

/* Writes the last error of libssl, and that of the certificate check if that is what has failed. */
static uint32_t say(const SSL *ssl, uint8_t *text, uint32_t room) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  int chain = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  const char *verdict = chain ? X509_verify_cert_error_string(SSL_get_verify_result(ssl)) : NULL;
  ERR_clear_error();
  return put(text, room, reason ? reason : "the connection ends", verdict);
}

static BIO *reading(const uint8_t *octets, uint32_t length) {
  if (length > INT32_MAX) return NULL;
  return BIO_new_mem_buf(octets, (int)length);
}

/* Supplies no pass phrase, so that none is asked for at a terminal. */
static int no_phrase(char *room, int size, int writes, void *user) {
  (void)room, (void)size, (void)writes, (void)user;
  return 0;
}

/* Adds all certificates of a PEM text, which may contain other things too; returns their number, or
 * -1. */
static int add_anchors(SSL_CTX *context, const uint8_t *pem, uint32_t length) {
  BIO *bio = reading(pem, length);
  if (!bio) return -1;
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  int count = 0;
  for (X509 *found; (found = PEM_read_bio_X509(bio, NULL, no_phrase, NULL)); count++) {
    int added = X509_STORE_add_cert(store, found);
    /* Servers name the authorities that they trust, so that clients can choose a certificate. */
    added = added && SSL_CTX_add_client_CA(context, found);
    X509_free(found);
    if (!added) {
      count = -1;
      break;
    }
  }
  BIO_free(bio);
  if (count > 0) ERR_clear_error();
  return count;
}

/* Uses the own certificate and the chain that follows it. */
static int use_chain(SSL_CTX *context, const uint8_t *pem, uint32_t length) {
  BIO *bio = reading(pem, length);
  if (!bio) return 0;
  X509 *found = PEM_read_bio_X509(bio, NULL, no_phrase, NULL);
  int good = found && SSL_CTX_use_certificate(context, found);
  X509_free(found);
  while (good && (found = PEM_read_bio_X509(bio, NULL, no_phrase, NULL))) {
    good = SSL_CTX_add1_chain_cert(context, found) == 1;
    X509_free(found);
  }
  BIO_free(bio);
  if (good) ERR_clear_error();
  return good;
}

static int use_key(SSL_CTX *context, const uint8_t *pem, uint32_t length) {
  BIO *bio = reading(pem, length);
  EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_phrase, NULL) : NULL;
  int good = key && SSL_CTX_use_PrivateKey(context, key) && SSL_CTX_check_private_key(context);
  EVP_PKEY_free(key);
  BIO_free(bio);
  return good;
}

/* Makes a context from PEM: anchors (empty: any chain is accepted), the own certificate and its key
 * (empty: none). flags: 1 is a server, 2 asks clients for a certificate. NULL if the PEM cannot be
 * used; then text has the error and *text_len its length, of at most text_len. */
MY_EXPORT void *my_tls_context(uint32_t flags, uint32_t version_max, const uint8_t *anchors,
                               uint32_t anchors_len, const uint8_t *chain, uint32_t chain_len,
                               const uint8_t *key, uint32_t key_len, uint8_t *text,
                               uint32_t *text_len) {
  uint32_t room = *text_len;
  int server = flags & 1, asks = flags & 2;
  *text_len = 0;
  ERR_clear_error();
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
  SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  const char *what = "libssl fails";
  if (!context) goto cannot;
  /* Servers without RFC 5746 are talked to (strongSwan's is one): nothing is renegotiated here, and EAP
   * carries one handshake, so that there is no other connection whose data could be taken for ours. */
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_LEGACY_SERVER_CONNECT);
  /* The chain that is sent is the given one, and not one made of the anchors. */
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_default_passwd_cb(context, no_phrase);
  if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) ||
      !SSL_CTX_set_max_proto_version(context, (int)version_max)) {
    goto cannot;
  }
  if (anchors_len > 0) {
    what = "no trust anchor can be read";
    if (add_anchors(context, anchors, anchors_len) <= 0) goto cannot;
  }
  if (chain_len > 0) {
    what = "the certificate cannot be read";
    if (!use_chain(context, chain, chain_len)) goto cannot;
    what = "the private key cannot be used";
    if (!use_key(context, key, key_len)) goto cannot;
  }
  int verifies = server ? asks : anchors_len > 0;
  int mode = verifies ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE;
  SSL_CTX_set_verify(context, mode, NULL);
  return context;
cannot:
  *text_len = put(text, room, what, ERR_reason_error_string(ERR_peek_last_error()));
  ERR_clear_error();
  SSL_CTX_free(context);
  return NULL;
}

MY_EXPORT void my_tls_context_free(void *context) {
  SSL_CTX_free(context);
}

/* Opens a connection. name is what a server's certificate must name; empty: anything. NULL: no
 * memory. */
MY_EXPORT void *my_tls_open(void *context, uint32_t server, const uint8_t *name,
                            uint32_t name_len) {
  char host[256];
  if (name_len >= sizeof host) return NULL;
  my_tls *tls = OPENSSL_zalloc(sizeof *tls);
  SSL *ssl = tls ? SSL_new(context) : NULL;
  BIO *in = ssl ? BIO_new(BIO_s_mem()) : NULL, *out = in ? BIO_new(BIO_s_mem()) : NULL;
  int named = 1;
  if (out && name_len > 0) {
    memcpy(host, name, name_len);
    host[name_len] = 0;
    named = SSL_set1_host(ssl, host);
  }
  if (!out || !named) {
    BIO_free(in);
    BIO_free(out);
    SSL_free(ssl);
    OPENSSL_free(tls);
    ERR_clear_error();
    return NULL;
  }
  BIO_set_mem_eof_return(in, -1);
  BIO_set_mem_eof_return(out, -1);
  SSL_set_bio(ssl, in, out);
  if (server) SSL_set_accept_state(ssl);
  else SSL_set_connect_state(ssl);
  tls->ssl = ssl;
  tls->in = in;
  tls->out = out;
  return tls;
}

MY_EXPORT void my_tls_free(void *handle) {
  my_tls *tls = handle;
  if (!tls) return;
  SSL_free(tls->ssl);
  OPENSSL_free(tls);
}

/* Whether libssl only waits for more records. */
static int waits(my_tls *tls, int result) {
  int error = SSL_get_error(tls->ssl, result);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* Takes records, continues the handshake, reads plaintext, and returns what has to be sent, as much
 * as fits: `more` says that there is more of either, for a call without records. Returns 0, or
 * MY_PEER_IS_WRONG if TLS has failed: then text has the error, and what has to be sent (an alert)
 * is returned all the same. */
MY_EXPORT int32_t my_tls_step(void *handle, const uint8_t *records, uint32_t records_len,
                              uint8_t *out, uint32_t out_room, uint8_t *plain, uint32_t plain_room,
                              uint8_t *text, uint32_t text_room, my_tls_found *found) {
  my_tls *tls = handle;
  memset(found, 0, sizeof *found);
  ERR_clear_error();
  if (records_len > INT32_MAX || out_room > INT32_MAX || plain_room > INT32_MAX) return MY_CANNOT;
  if (records_len > 0 && BIO_write(tls->in, records, (int)records_len) != (int)records_len) {
    return MY_CANNOT;
  }
  int result = 1;
  if (!tls->failed && !SSL_is_init_finished(tls->ssl)) {
    result = SSL_do_handshake(tls->ssl);
    if (result <= 0 && !waits(tls, result)) tls->failed = 1;
  }
  while (!tls->failed && SSL_is_init_finished(tls->ssl) && found->plain < plain_room) {
    result = SSL_read(tls->ssl, plain + found->plain, (int)(plain_room - found->plain));
    if (result > 0) {
      found->plain += (uint32_t)result;
      continue;
    }
    int closed = SSL_get_error(tls->ssl, result) == SSL_ERROR_ZERO_RETURN;
    if (!closed && !waits(tls, result)) tls->failed = 1;
    break;
  }
  if (tls->failed && result <= 0) {
    found->text = say(tls->ssl, text, text_room);
  }
  if (out_room > 0) {
    int sent = BIO_read(tls->out, out, (int)out_room);
    if (sent > 0) found->out = (uint32_t)sent;
  }
  found->established = SSL_is_init_finished(tls->ssl) ? 1 : 0;
  found->more = BIO_ctrl_pending(tls->out) > 0 || SSL_pending(tls->ssl) > 0;
  ERR_clear_error();
  return tls->failed ? MY_PEER_IS_WRONG : 0;
}

/* Encrypts data. What has to be sent is returned by my_tls_step without records. */
MY_EXPORT int32_t my_tls_write(void *handle, const uint8_t *plain, uint32_t length) {
  my_tls *tls = handle;
  ERR_clear_error();
  if (tls->failed || length > INT32_MAX) return MY_CANNOT;
  int written = length > 0 ? SSL_write(tls->ssl, plain, (int)length) : 0;
  ERR_clear_error();
  return written == (int)length ? written : MY_CANNOT;
}

/* Exports keying material (RFC 5705, RFC 8446 §7.5). */
MY_EXPORT int32_t my_tls_export(void *handle, const uint8_t *label, uint32_t label_len,
                                const uint8_t *context, uint32_t context_len, uint32_t has_context,
                                uint8_t *out, uint32_t out_len) {
  my_tls *tls = handle;
  ERR_clear_error();
  int good = SSL_export_keying_material(tls->ssl, out, out_len, (const char *)label, label_len,
                                        context, context_len, has_context ? 1 : 0);
  ERR_clear_error();
  return good == 1 ? (int32_t)out_len : MY_CANNOT;
}

/* The version, 0x0303 or 0x0304, once the handshake has negotiated it. */
MY_EXPORT int32_t my_tls_version(void *handle) {
  my_tls *tls = handle;
  return SSL_version(tls->ssl);
}

/* The subject of the other end's certificate (RFC 2253); 0 if it has sent none. */
MY_EXPORT int32_t my_tls_peer(void *handle, uint8_t *text, uint32_t room) {
  my_tls *tls = handle;
  X509 *peer = SSL_get1_peer_certificate(tls->ssl);
  if (!peer) return 0;
  BIO *bio = BIO_new(BIO_s_mem());
  int length = 0;
  if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(peer), 0, XN_FLAG_RFC2253) >= 0) {
    length = BIO_read(bio, text, room > TEXT_MAX ? TEXT_MAX : (int)room);
  }
  BIO_free(bio);
  X509_free(peer);
  ERR_clear_error();
  return length > 0 ? length : 0;
}
