/*
 * Drives the shim's functions with buffers of exactly the size they need, and with what they must
 * refuse, so that sanitizers see every octet read or written beside them. Built and run by
 * sanitizer_test.ts; says what is wrong, and ends with 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../ffi/udp.h"

int32_t my_crypto_has(uint32_t type, uint32_t id, uint32_t key_bits);
int32_t my_prf(uint32_t prf, const uint8_t *key, uint32_t key_len, const uint8_t *data,
               uint32_t data_len, uint8_t *out);
int32_t my_prf_plus(uint32_t prf, const uint8_t *key, uint32_t key_len, const uint8_t *seed,
                    uint32_t seed_len, uint8_t *out, uint32_t out_len);
int32_t my_mac(uint32_t integ, const uint8_t *key, uint32_t key_len, const uint8_t *data,
               uint32_t data_len, uint8_t *out);
int32_t my_seal(uint32_t encr, const uint8_t *key, uint32_t key_len, const uint8_t *iv,
                const uint8_t *aad, uint32_t aad_len, const uint8_t *plain, uint32_t plain_len,
                uint8_t *out);
int32_t my_open(uint32_t encr, const uint8_t *key, uint32_t key_len, const uint8_t *iv,
                const uint8_t *aad, uint32_t aad_len, const uint8_t *sealed, uint32_t sealed_len,
                uint8_t *out);
int32_t my_ke_generate(uint32_t group, uint32_t fresh, uint8_t *priv, uint32_t priv_len,
                       uint8_t *pub);
int32_t my_ke_derive(uint32_t group, const uint8_t *priv, uint32_t priv_len, const uint8_t *peer,
                     uint32_t peer_len, uint8_t *shared);
int32_t my_udp_open(const uint8_t *ns_path, uint32_t ns_path_len, const uint8_t *address,
                    uint32_t address_len, uint32_t port, uint32_t flags, uint32_t receive_octets,
                    uint32_t *told);
int32_t my_udp_send(uint8_t *records, uint32_t octets, uint32_t *told);
int32_t my_udp_receive(int32_t epoll, uint8_t *arena, uint32_t arena_octets, uint32_t slot_octets);
int32_t my_netlink_receive(int32_t fd, uint8_t *out, uint32_t capacity);
int32_t my_wait_open(int32_t *out);
int32_t my_wait_add(int32_t epoll, int32_t fd, uint32_t tag);
int32_t my_wait(int32_t epoll, int32_t timeout_ms);
int32_t my_wait_change(int32_t epoll, int32_t fd, uint32_t tag, uint32_t wanted);
int32_t my_wait_ready(int32_t epoll, uint32_t *tags, uint32_t tags_max);
int32_t my_tcp_open(const uint8_t *ns_path, uint32_t ns_path_len, const uint8_t *own,
                    uint32_t address_len, uint32_t own_port, const uint8_t *peer, uint32_t peer_port,
                    uint32_t flags, uint32_t *told);
int32_t my_tcp_accept(int32_t listener, uint8_t *ends);
int32_t my_tcp_outcome(int32_t fd);
int32_t my_tcp_receive(int32_t fd, uint8_t *buffer, uint32_t at, uint32_t octets);
int32_t my_tcp_send(int32_t fd, const uint8_t *buffer, uint32_t at, uint32_t octets);
int32_t my_wait_wake(int32_t event);
int32_t my_close(int32_t fd);

static int faults;

#define CHECK(holds, ...)                       \
  do {                                          \
    if (!(holds)) {                             \
      printf("line %d: %s: ", __LINE__, #holds); \
      printf(__VA_ARGS__);                      \
      printf("\n");                             \
      faults++;                                 \
    }                                           \
  } while (0)

/* A block of exactly n octets; of none, a pointer that must not be followed. */
static uint8_t *block(uint32_t n, uint8_t octet) {
  uint8_t *octets = malloc(n ? n : 1);
  memset(octets, octet, n);
  if (n) return octets;
  free(octets);
  return malloc(0);
}

typedef struct {
  uint32_t id, bits, key, iv, icv, unit;
} cipher;

static void check_cipher(const cipher *c) {
  for (uint32_t n = 0; n <= 96; n += c->unit) {
    uint8_t *key = block(c->key, 1), *iv = block(c->iv, 2), *aad = block(13, 3);
    uint8_t *plain = block(n, 4), *sealed = block(n + c->icv, 0), *opened = block(n, 0);
    int32_t got = my_seal(c->id, key, c->key, iv, aad, 13, plain, n, sealed);
    CHECK(got == (int32_t)(n + c->icv), "cipher %u seals %u: %d", c->id, n, got);
    got = my_open(c->id, key, c->key, iv, aad, 13, sealed, n + c->icv, opened);
    CHECK(got == (int32_t)n && !memcmp(opened, plain, n), "cipher %u opens %u: %d", c->id, n, got);
    if (c->icv) {
      sealed[n] ^= 1;
      got = my_open(c->id, key, c->key, iv, aad, 13, sealed, n + c->icv, opened);
      CHECK(got == MY_PEER_IS_WRONG, "cipher %u, ICV changed at %u: %d", c->id, n, got);
      got = my_open(c->id, key, c->key, iv, aad, 13, sealed, c->icv - 1, opened);
      CHECK(got == MY_PEER_IS_WRONG, "cipher %u, less than an ICV: %d", c->id, got);
    }
    CHECK(my_seal(c->id, key, c->key + 1, iv, aad, 13, plain, n, sealed) == MY_CANNOT, "key");
    free(key), free(iv), free(aad), free(plain), free(sealed), free(opened);
  }
}

static void check_prfs(void) {
  static const uint32_t prfs[][2] = {{1, 16}, {2, 20}, {4, 16}, {5, 32}, {6, 48}, {7, 64}, {8, 16}};
  for (size_t i = 0; i < sizeof prfs / sizeof *prfs; i++) {
    uint32_t prf = prfs[i][0], out_len = prfs[i][1];
    for (uint32_t n = 0; n <= 140; n += 7) {
      uint8_t *key = block(n, 5), *data = block(n, 6), *out = block(out_len, 0);
      int32_t got = my_prf(prf, key, n, data, n, out);
      CHECK(got == (int32_t)out_len, "prf %u of %u: %d", prf, n, got);
      uint8_t *more = block(3 * out_len - 1, 0);
      got = my_prf_plus(prf, key, n, data, n, more, 3 * out_len - 1);
      CHECK(got == (int32_t)(3 * out_len - 1), "prf+ %u of %u: %d", prf, n, got);
      free(key), free(data), free(out), free(more);
    }
    uint8_t key[16] = {0};
    CHECK(my_prf_plus(prf, key, 16, key, 16, key, 255 * out_len + 1) == MY_CANNOT, "256 blocks");
  }
  static const uint32_t macs[][3] = {{1, 16, 12},  {2, 20, 12},  {5, 16, 12}, {8, 16, 12},
                                     {12, 32, 16}, {13, 48, 24}, {14, 64, 32}};
  for (size_t i = 0; i < sizeof macs / sizeof *macs; i++) {
    for (uint32_t n = 0; n <= 140; n += 7) {
      uint8_t *key = block(macs[i][1], 7), *data = block(n, 8), *out = block(macs[i][2], 0);
      int32_t got = my_mac(macs[i][0], key, macs[i][1], data, n, out);
      CHECK(got == (int32_t)macs[i][2], "mac %u of %u: %d", macs[i][0], n, got);
      CHECK(my_mac(macs[i][0], key, macs[i][1] - 1, data, n, out) == MY_CANNOT, "short key");
      free(key), free(data), free(out);
    }
  }
}

static void check_groups(void) {
  static const uint32_t groups[][4] = {
      /* group, private, public, shared */
      {1, 96, 96, 96},   {2, 128, 128, 128}, {5, 192, 192, 192}, {14, 32, 256, 256},
      {15, 40, 384, 384}, {16, 48, 512, 512}, {17, 56, 768, 768}, {18, 64, 1024, 1024},
      {19, 32, 64, 32},  {20, 48, 96, 48},   {21, 66, 132, 66},  {27, 28, 56, 28},
      {28, 32, 64, 32},  {29, 48, 96, 48},   {30, 64, 128, 64},  {31, 32, 32, 32},
      {32, 56, 56, 56}};
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    uint32_t group = groups[i][0], priv_len = groups[i][1], pub_len = groups[i][2];
    uint8_t *priv = block(priv_len, 0), *pub = block(pub_len, 0), *shared = block(groups[i][3], 0);
    int32_t got = my_ke_generate(group, 1, priv, priv_len, pub);
    CHECK(got == (int32_t)pub_len, "group %u: public value %d", group, got);
    got = my_ke_derive(group, priv, priv_len, pub, pub_len, shared);
    CHECK(got == (int32_t)groups[i][3], "group %u: shared value %d", group, got);
    got = my_ke_derive(group, priv, priv_len, pub, pub_len - 1, shared);
    CHECK(got == MY_PEER_IS_WRONG, "group %u, short public value: %d", group, got);
    memset(pub, 0, pub_len);
    got = my_ke_derive(group, priv, priv_len, pub, pub_len, shared);
    CHECK(got == MY_PEER_IS_WRONG, "group %u, zero: %d", group, got);
    memset(pub, 0xff, pub_len);
    got = my_ke_derive(group, priv, priv_len, pub, pub_len, shared);
    CHECK(group > 30 || got == MY_PEER_IS_WRONG, "group %u, ones: %d", group, got);
    free(priv), free(pub), free(shared);
  }
  uint8_t octets[64] = {1};
  CHECK(my_ke_generate(33, 1, octets, 32, octets) == MY_CANNOT, "group 33");
  CHECK(my_ke_generate(0xffffffff, 1, octets, 32, octets) == MY_CANNOT, "group 2^32 - 1");
}

#define SLOT (64 + 2048)
#define SENT 150

/* Appends a record; returns where the next one begins. */
static uint32_t record(uint8_t *at, uint32_t length, int fd, uint32_t port) {
  udp_record r = {.length = length, .socket = (uint32_t)fd, .peer_port = port, .family = 4};
  memcpy(r.own, "\x7f\0\0\1", 4);
  memcpy(r.peer, "\x7f\0\0\1", 4);
  memcpy(at, &r, sizeof r);
  return (uint32_t)sizeof r + ((length + 7) & ~7u);
}

/* Words of the account of my_udp_send: sent, refused, listed, and two for each that is listed. */
enum { LISTED = 64, ACCOUNT = 3 + 2 * LISTED };

/* What the system refuses is listed by the place of its record, up to a limit; what is good goes. */
static void check_refused(void) {
  enum { RECORDS = LISTED + 10 };
  uint32_t *told = (uint32_t *)(void *)block(ACCOUNT * sizeof *told, 0);
  static const uint8_t any[16];
  int32_t fd = my_udp_open(any, 0, any, 4, 0, 2, 0, told);
  uint8_t *records = block(RECORDS * 72, 0), *end = records;
  uint32_t port = told[1];
  for (uint32_t i = 0; i < RECORDS; i++) end += record(end, 5, fd, i % 2 ? port : 0);
  CHECK(my_udp_send(records, RECORDS * 72, told) == 0, "send");
  CHECK(told[0] == RECORDS / 2 && told[1] == RECORDS / 2 && told[2] == told[1], "%u sent", told[0]);
  for (uint32_t i = 0; i < told[2]; i++) {
    CHECK(told[3 + 2 * i] == 2 * i * 72 && told[4 + 2 * i] == EINVAL, "listed %u", i);
  }
  for (uint32_t i = 0; i < RECORDS; i++) record(records + i * 72, 5, fd, 0);
  CHECK(my_udp_send(records, RECORDS * 72, told) == 0, "send");
  CHECK(told[1] == RECORDS && told[2] == LISTED, "%u refused, %u listed", told[1], told[2]);
  /* A socket without a route out: the system itself refuses, and says why. */
  record(records, 5, fd, port);
  memcpy(((udp_record *)(void *)records)->peer, "\xff\xff\xff\xff", 4);
  CHECK(my_udp_send(records, 72, told) == 0 && told[1] == 1 && told[2] == 1, "broadcast");
  CHECK(told[3] == 0 && told[4] != 0, "errno %u", told[4]);
  my_close(fd);
  free(records), free(told);
}

/* What ICMP says of a datagram to a port where nobody is comes as a record, once. */
static void check_errors(void) {
  uint32_t *told = (uint32_t *)(void *)block(ACCOUNT * sizeof *told, 0);
  static const uint8_t any[16];
  int32_t wake[1], epoll = my_wait_open(wake);
  int32_t gone = my_udp_open(any, 0, any, 4, 0, 2, 0, told);
  uint32_t port = told[1];
  int32_t fd = my_udp_open(any, 0, any, 4, 0, 2 | 32, 0, told);
  uint8_t *records = block(72, 0), *arena = block(4 * SLOT, 0);
  CHECK(fd >= 0 && my_wait_add(epoll, fd, 9) == 0, "open");
  my_close(gone);
  record(records, 5, fd, port);
  /* The system tells the second call of the first datagram's error: it goes all the same. */
  for (int i = 0; i < 3; i++) {
    CHECK(my_udp_send(records, 72, told) == 0 && told[0] == 1 && told[1] == 0, "send %d", i);
  }
  int32_t taken = 0;
  while (taken < 3 && my_wait(epoll, 1000) > 0) {
    int32_t got = my_udp_receive(epoll, arena, 4 * SLOT, SLOT);
    CHECK(got >= 0 && got <= 2, "half of the slots at most: %d", got);
    for (int32_t i = 0; i < got; i++, taken++) {
      udp_record r;
      memcpy(&r, arena + i * SLOT, sizeof r);
      CHECK(r.flags == RECORD_ERROR && r.socket == 9 && r.family == 4, "flags %u", r.flags);
      CHECK(r.segment == ECONNREFUSED && r.traffic_class == (3 << 8 | 3), "errno %u", r.segment);
      CHECK(r.peer_port == port && !memcmp(r.peer, "\x7f\0\0\1", 4), "peer");
      CHECK(!memcmp(r.own, "\x7f\0\0\1", 4), "own address");
      CHECK(r.length == 4 && !memcmp(arena + i * SLOT + 64, "\x7f\0\0\1", 4), "offender");
    }
  }
  CHECK(taken == 3, "%d errors", taken);
  CHECK(my_udp_receive(epoll, arena, 4 * SLOT, SLOT) == 0, "each once");
  my_close(fd), my_close(epoll), my_close(wake[0]);
  free(records), free(arena), free(told);
}

/* What another process sends to a netlink socket is not believed, nor what has no sender. */
static void check_netlink(void) {
  int ends[2];
  uint8_t *out = block(64, 0);
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0, "socketpair");
  CHECK(write(ends[0], out, 16) == 16, "write");
  CHECK(my_netlink_receive(ends[1], out, 64) == 0, "no sender");
  CHECK(write(ends[0], out, 64) == 64, "write");
  CHECK(my_netlink_receive(ends[1], out, 63) == -EMSGSIZE, "longer than the room");
  close(ends[0]), close(ends[1]);
  free(out);
}

static void check_udp(void) {
  uint32_t told[ACCOUNT];
  int32_t wake[1];
  static const uint8_t any[16];
  int32_t to = my_udp_open(any, 0, any, 4, 0, 2, 4u << 20, told);
  CHECK(to >= 0, "open: %d", to);
  uint32_t port = told[1];
  int32_t from = my_udp_open(any, 0, any, 4, 0, 2, 1u << 20, told);
  int32_t epoll = my_wait_open(wake);
  CHECK(from >= 0 && epoll >= 0, "open: %d, %d", from, epoll);
  CHECK(my_wait_add(epoll, to, 7) == 0, "add");
  CHECK(my_wait(epoll, 0) == 0, "nothing there");
  /* More than a batch, of lengths that end at every place within a word. */
  uint32_t room = 0;
  for (uint32_t i = 0; i < SENT; i++) room += 64 + ((i * 3 + 7) & ~7u);
  uint8_t *records = block(room, 9), *end = records;
  for (uint32_t i = 0; i < SENT; i++) end += record(end, i * 3, from, port);
  CHECK((uint32_t)(end - records) == room, "room");
  CHECK(my_udp_send(records, room, told) == 0, "send");
  CHECK(told[0] == SENT && told[1] == 0, "%u sent, %u refused", told[0], told[1]);
  uint8_t *arena = block(8 * SLOT, 0);
  uint32_t taken = 0;
  while (taken < SENT && my_wait(epoll, 1000) > 0) {
    int32_t got = my_udp_receive(epoll, arena, 8 * SLOT, SLOT);
    CHECK(got > 0 && got <= 8, "receive: %d", got);
    for (int32_t i = 0; i < got; i++, taken++) {
      udp_record r;
      memcpy(&r, arena + i * SLOT, sizeof r);
      CHECK(r.length == taken * 3 && r.socket == 7 && r.family == 4 && r.flags == 0, "record %u", taken);
      CHECK(!memcmp(r.own, "\x7f\0\0\1", 4) && !memcmp(r.peer, r.own, 4), "addresses %u", taken);
    }
  }
  CHECK(taken == SENT, "%u received", taken);
  /* A slot too small for the payload. */
  record(records, 149, from, port);
  CHECK(my_udp_send(records, 64 + 152, told) == 0 && told[0] == 1, "send");
  CHECK(my_udp_receive(epoll, arena, 72, 72) == 1, "one slot");
  CHECK(((udp_record *)(void *)arena)->flags & RECORD_TRUNCATED, "cut");
  /* What is no record, or does not fit, or no slot at all. */
  record(records, 149, from, port);
  CHECK(my_udp_send(records, 64 + 148, told) == -EINVAL && told[0] == 0, "longer than the buffer");
  CHECK(my_udp_send(records, 63, told) == -EINVAL, "half a record");
  record(records, 0xffffffff, from, port);
  CHECK(my_udp_send(records, room, told) == -EINVAL && told[0] == 0, "length 2^32 - 1");
  record(records, 0, from, port);
  ((udp_record *)(void *)records)->family = 5;
  CHECK(my_udp_send(records, 64, told) == 0 && told[0] == 0 && told[1] == 1, "family 5");
  CHECK(my_udp_receive(epoll, arena, 8 * SLOT, 64) == -EINVAL, "slots without room");
  CHECK(my_udp_receive(epoll, arena, 100, SLOT) == -EINVAL, "no slot");
  CHECK(my_udp_open(any, 0, any, 5, 0, 0, 0, told) == -EINVAL, "address of 5 octets");
  CHECK(my_udp_open((const uint8_t *)"/nowhere", 8, any, 4, 0, 0, 0, told) == -ENOENT, "namespace");
  CHECK(my_wait_wake(wake[0]) == 0 && my_wait(epoll, -1) == 1, "woken");
  CHECK(my_udp_receive(epoll, arena, 8 * SLOT, SLOT) == 0, "woken, nothing there");
  my_close(to), my_close(from), my_close(epoll), my_close(wake[0]);
  free(records), free(arena);
}

static int32_t tcp_open(uint32_t port, uint32_t peer_port, uint32_t *told) {
  uint8_t *here = block(4, 0);
  memcpy(here, "\x7f\0\0\1", 4);
  int32_t fd = my_tcp_open(here, 0, here, 4, port, here, peer_port, 0, told);
  free(here);
  return fd;
}

static void check_tcp(void) {
  enum { OCTETS = 300 };
  uint32_t told[4];
  int32_t wake[1], epoll = my_wait_open(wake), listener = tcp_open(0, 0, told);
  uint32_t port = told[1], *tags = (uint32_t *)(void *)block(2 * sizeof *tags, 0);
  uint8_t *ends = block(48, 0), *sent = block(OCTETS, 7), *got = block(OCTETS, 0);
  CHECK(epoll >= 0 && listener >= 0 && port > 0, "open");
  CHECK(my_tcp_accept(listener, ends) == -EAGAIN, "nobody yet");
  CHECK(my_wait_add(epoll, listener, 5) == 0 && my_wait_ready(epoll, tags, 2) == 0, "nothing ready");
  int32_t near = tcp_open(0, port, told);
  CHECK(near >= 0 && told[1] > 0, "connect: %d", near);
  CHECK(my_wait(epoll, 1000) == 1 && my_wait_ready(epoll, tags, 2) == 1 && tags[0] == 5, "ready");
  int32_t far = my_tcp_accept(listener, ends);
  uint32_t words[4];
  memcpy(words, ends, sizeof words);
  CHECK(far >= 0 && words[0] == 4 && words[1] == port && words[2] == told[1], "accept: %d", far);
  CHECK(!memcmp(ends + 16, "\x7f\0\0\1", 4) && !memcmp(ends + 32, ends + 16, 4), "ends");
  CHECK(my_tcp_outcome(near) == 0, "connected");
  CHECK(my_tcp_receive(far, got, 0, OCTETS) == -EAGAIN, "nothing sent");
  CHECK(my_tcp_send(near, sent, 100, OCTETS - 100) == OCTETS - 100, "send");
  CHECK(my_wait_add(epoll, far, 6) == 0 && my_wait_change(epoll, far, 6, 3) == 0, "change");
  CHECK(my_tcp_receive(far, got, 200, 100) == 100 && got[299] == 7 && got[199] == 0, "receive");
  CHECK(my_tcp_receive(far, got, 0, OCTETS) == 100, "the rest");
  CHECK(my_wait_ready(epoll, tags, 2) == 1 && tags[0] == 6, "room");
  my_close(near);
  CHECK(my_wait(epoll, 1000) > 0 && my_tcp_receive(far, got, 0, OCTETS) == -ENODATA, "the end");
  CHECK(my_tcp_send(far, sent, 0, 0x80000000u) == -EINVAL, "2^31 octets");
  CHECK(my_tcp_receive(far, got, 0, 0xffffffffu) == -EINVAL, "2^32 - 1 octets");
  CHECK(my_tcp_open(ends, 0, ends, 5, 0, ends, 0, 0, told) == -EINVAL, "address of 5 octets");
  CHECK(my_tcp_open(ends, 0, ends, 4, 65536, ends, 0, 0, told) == -EINVAL, "port 65536");
  my_close(far), my_close(listener), my_close(epoll), my_close(wake[0]);
  free(tags), free(ends), free(sent), free(got);
}

#include "tls_check.c"
#include "tun_check.c"

int main(void) {
  static const cipher ciphers[] = {
      {3, 0, 24, 8, 0, 8},     {11, 0, 0, 0, 0, 1},     {12, 128, 16, 16, 0, 16},
      {12, 192, 24, 16, 0, 16}, {12, 256, 32, 16, 0, 16}, {13, 128, 20, 8, 0, 1},
      {14, 128, 19, 8, 8, 1},  {15, 192, 27, 8, 12, 1}, {16, 256, 35, 8, 16, 1},
      {18, 128, 20, 8, 8, 1},  {19, 192, 28, 8, 12, 1}, {20, 256, 36, 8, 16, 1},
      {28, 0, 36, 8, 16, 1}};
  for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++) {
    CHECK(my_crypto_has(1, ciphers[i].id, ciphers[i].bits) == 1, "cipher %u", ciphers[i].id);
    check_cipher(&ciphers[i]);
  }
  CHECK(my_crypto_has(1, 20, 64) == 0 && my_crypto_has(9, 1, 0) == 0, "what is not there");
  check_prfs();
  check_groups();
  check_udp();
  check_refused();
  check_errors();
  check_netlink();
  check_tcp();
  check_tun();
  check_tls();
  printf("%d faults\n", faults);
  return faults ? 1 : 0;
}
