/*
 * Drives the shim's TLS with buffers of exactly the size it is told, over two connections in memory:
 * whole handshakes by small pieces, refusals, garbage. Part of shim_check.c.
 */
typedef struct {
  uint32_t out, plain, established, more, text;
} tls_found;

void *my_tls_context(uint32_t flags, uint32_t version_max, const uint8_t *anchors,
                     uint32_t anchors_len, const uint8_t *chain, uint32_t chain_len,
                     const uint8_t *key, uint32_t key_len, uint8_t *text, uint32_t *text_len);
void my_tls_context_free(void *context);
void *my_tls_open(void *context, uint32_t server, const uint8_t *name, uint32_t name_len);
void my_tls_free(void *handle);
int32_t my_tls_step(void *handle, const uint8_t *records, uint32_t records_len, uint8_t *out,
                    uint32_t out_room, uint8_t *plain, uint32_t plain_room, uint8_t *text,
                    uint32_t text_room, tls_found *found);
int32_t my_tls_write(void *handle, const uint8_t *plain, uint32_t length);
int32_t my_tls_export(void *handle, const uint8_t *label, uint32_t label_len,
                      const uint8_t *context, uint32_t context_len, uint32_t has_context,
                      uint8_t *out, uint32_t out_len);
int32_t my_tls_version(void *handle);
int32_t my_tls_peer(void *handle, uint8_t *text, uint32_t room);

/* A file as a buffer of its exact size. */
static uint8_t *file(const char *path, uint32_t *length) {
  FILE *stream = fopen(path, "rb");
  CHECK(stream != NULL, "%s", path);
  fseek(stream, 0, SEEK_END);
  *length = (uint32_t)ftell(stream);
  rewind(stream);
  uint8_t *octets = malloc(*length);
  CHECK(fread(octets, 1, *length, stream) == *length, "%s", path);
  fclose(stream);
  return octets;
}

static void *tls_context(int server, uint32_t version, const char *name) {
  char path[64];
  uint32_t anchors_len, chain_len, key_len, text_len = 16;
  uint8_t *anchors = file("tests/api/tls/authority.pem", &anchors_len), *text = malloc(16);
  snprintf(path, sizeof path, "tests/api/tls/%s.pem", name);
  uint8_t *chain = file(path, &chain_len);
  snprintf(path, sizeof path, "tests/api/tls/%s.key", name);
  uint8_t *key = file(path, &key_len);
  void *context = my_tls_context(server ? 3 : 0, version, anchors, anchors_len, chain, chain_len, key,
                                 key_len, text, &text_len);
  CHECK(context != NULL && text_len == 0, "a context of %s", name);
  /* What cannot be used is told in no more octets than there is room for. */
  text_len = 16;
  CHECK(my_tls_context(0, version, anchors, anchors_len, key, key_len, chain, chain_len, text,
                       &text_len) == NULL && text_len == 16, "a key as certificate");
  text_len = 0;
  CHECK(my_tls_context(0, version, key, 9, NULL, 0, NULL, 0, text, &text_len) == NULL &&
        text_len == 0, "no room for words");
  free(anchors), free(chain), free(key), free(text);
  return context;
}

/* Carries what one end says to the other, by pieces of 100 octets; how many calls that took. */
static int carry(void *from, void *to, uint8_t *plain, uint32_t plain_room, tls_found *at) {
  uint8_t *piece = malloc(100), *nothing = malloc(1), *text = malloc(32);
  int calls = 0;
  tls_found found;
  do {
    if (my_tls_step(from, nothing, 0, piece, 100, nothing, 0, text, 32, &found) != 0) break;
    if (my_tls_step(to, piece, found.out, nothing, 0, plain, plain_room, text, 32, at) != 0) break;
  } while (++calls < 200 && found.more);
  free(piece), free(nothing), free(text);
  return calls;
}

static void check_tls_version(uint32_t version) {
  void *server_context = tls_context(1, version, "server");
  void *client_context = tls_context(0, version, "client");
  void *server = my_tls_open(server_context, 1, NULL, 0);
  void *client = my_tls_open(client_context, 0, (const uint8_t *)"myikev2.test", 12);
  CHECK(server && client, "two connections");
  tls_found at_server = {0}, at_client = {0};
  uint8_t *plain = malloc(50), *key = malloc(128), *text = malloc(4), told[8];
  for (int i = 0; i < 6; i++) {
    carry(client, server, plain, 50, &at_server);
    carry(server, client, plain, 50, &at_client);
  }
  CHECK(at_server.established && at_client.established, "TLS %x stands", version);
  CHECK(my_tls_version(client) == (int32_t)version, "version");
  CHECK(my_tls_peer(client, text, 4) == 4 && memcmp(text, "CN=s", 4) == 0, "subject, cut");
  CHECK(my_tls_export(client, (const uint8_t *)"label", 5, told, 1, 1, key, 128) == 128, "export");
  uint8_t *said = calloc(1, 120);
  CHECK(my_tls_write(client, said, 120) == 120, "write");
  carry(client, server, plain, 50, &at_server);
  CHECK(at_server.plain == 50 && at_server.more, "plaintext in pieces");
  CHECK(my_tls_write(client, said, 0) == 0, "nothing to write");
  my_tls_free(server), my_tls_free(client), my_tls_free(NULL);
  /* A connection that hears garbage says no, and goes on saying so. */
  for (uint32_t length = 1; length < 40; length += 3) {
    uint8_t *garbage = malloc(length), *out = malloc(7);
    memset(garbage, 0x41, length);
    void *deaf = my_tls_open(server_context, 1, NULL, 0);
    int32_t first = my_tls_step(deaf, garbage, length, out, 7, plain, 50, text, 4, &at_server);
    int32_t second = my_tls_step(deaf, garbage, length, out, 0, plain, 0, text, 0, &at_server);
    CHECK(length < 5 || (first == -2 && second == -2), "garbage of %u octets", length);
    CHECK(my_tls_write(deaf, garbage, length) == -1, "write without a handshake");
    CHECK(my_tls_peer(deaf, text, 4) == 0, "no certificate");
    my_tls_free(deaf), free(garbage), free(out);
  }
  CHECK(my_tls_open(client_context, 0, said, 256) == NULL, "a name of 256 octets");
  my_tls_context_free(server_context), my_tls_context_free(client_context);
  free(plain), free(key), free(text), free(said);
}

static void check_tls(void) {
  check_tls_version(0x0303);
  check_tls_version(0x0304);
}
