/* Sends and receives datagrams in batches by recvmmsg(2) and sendmmsg(2), with the own address of
 * each (IP_PKTINFO). */
#define _GNU_SOURCE
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* How long to wait for room in a full send buffer, in ms, before a datagram is given up. */
#define SEND_WAIT_MS 5
/* The most sockets that are read in one call. */
#define READY_MAX 64
/* How often a datagram is sent again after an error that may concern another datagram. */
#define OFFERS_MAX 3
/* The most refused datagrams that one my_udp_send lists. */
#define LISTED_MAX 64u
/* The most octets of a buffer of records, so that offsets do not overflow. */
#define OCTETS_MAX (1u << 30)
/* The most octets of datagrams in one piece; the system also limits their number to 64. */
#define JOINED_MAX 64000u
/* The most messages of one recvmmsg, each of which may contain several datagrams. */
#define STEP 8u

typedef union {
  struct cmsghdr header;
  /* Room for the own address, the traffic class, and the octets of a segment. */
  uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int))];
} control_space;

typedef struct {
  struct mmsghdr messages[BATCH_MAX];
  struct iovec vectors[BATCH_MAX];
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } names[BATCH_MAX];
  control_space controls[BATCH_MAX];
} batch;

/* Prepares a message for one payload. */
static void prepare(batch *b, uint32_t i, struct iovec *vector, struct iovec payload) {
  struct msghdr *m = &b->messages[i].msg_hdr;
  *vector = payload;
  memset(m, 0, sizeof *m);
  m->msg_iov = vector;
  m->msg_iovlen = 1;
  m->msg_name = &b->names[i];
  m->msg_namelen = sizeof b->names[i];
  m->msg_control = &b->controls[i];
  m->msg_controllen = sizeof b->controls[i];
}

/* Fills in the record before a received payload. */
static void describe(batch *b, uint32_t i, udp_record *r, uint32_t tag) {
  struct msghdr *m = &b->messages[i].msg_hdr;
  int six = b->names[i].any.sa_family == AF_INET6;
  memset(r, 0, sizeof *r);
  r->length = b->messages[i].msg_len;
  r->socket = tag;
  r->family = six ? 16 : 4;
  r->flags = RECORD_NO_OWN | (m->msg_flags & MSG_TRUNC ? RECORD_TRUNCATED : 0);
  if (six) {
    r->peer_port = ntohs(b->names[i].in6.sin6_port);
    memcpy(r->peer, &b->names[i].in6.sin6_addr, 16);
    r->scope = b->names[i].in6.sin6_scope_id;
  } else {
    r->peer_port = ntohs(b->names[i].in.sin_port);
    memcpy(r->peer, &b->names[i].in.sin_addr, 4);
  }
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    if (!six && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
        c->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      memcpy(r->own, &info.ipi_addr, 4);
      r->flags &= ~RECORD_NO_OWN;
    } else if (six && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
               c->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      memcpy(r->own, &info.ipi6_addr, 16);
      r->flags &= ~RECORD_NO_OWN;
    } else if (!six && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
      r->traffic_class = *(const uint8_t *)CMSG_DATA(c);
    } else if (six && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS &&
               c->cmsg_len >= CMSG_LEN(sizeof(int))) {
      int value;
      memcpy(&value, CMSG_DATA(c), sizeof value);
      r->traffic_class = (uint32_t)value & 255;
    } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO &&
               c->cmsg_len >= CMSG_LEN(sizeof(int))) {
      int value;
      memcpy(&value, CMSG_DATA(c), sizeof value);
      if (value > 0 && (uint32_t)value < r->length) r->segment = (uint32_t)value;
    }
  }
}

/* Whether an error of a socket comes from the network or is temporary, so that the socket stays
 * usable. */
static int is_passing(int error) {
  switch (error) {
    case EAGAIN: case EINTR: case ECONNREFUSED: case ECONNRESET: case EHOSTUNREACH: case EHOSTDOWN:
    case ENETUNREACH: case ENETDOWN: case EMSGSIZE: case EPROTO: case ENOPROTOOPT: case ENOBUFS:
    case ENOMEM: case EOPNOTSUPP: case EACCES: case EPERM:
      return 1;
    default:
      return 0;
  }
}

/* Calls recvmmsg once for slots from `arena` on; returns the messages, or -errno if the socket is
 * unusable. */
static int32_t receive_some(int fd, uint32_t tag, uint8_t *arena, uint32_t slot_octets, uint32_t slots) {
  batch b;
  if (slots > STEP) slots = STEP;
  for (uint32_t i = 0; i < slots; i++) {
    uint8_t *payload = arena + (size_t)i * slot_octets + sizeof(udp_record);
    prepare(&b, i, &b.vectors[i], (struct iovec){payload, slot_octets - sizeof(udp_record)});
  }
  int got = recvmmsg(fd, b.messages, slots, MSG_DONTWAIT, NULL);
  if (got < 0) return is_passing(errno) ? 0 : -errno;
  for (int i = 0; i < got; i++) {
    describe(&b, (uint32_t)i, (udp_record *)(void *)(arena + (size_t)i * slot_octets), tag);
  }
  return got;
}

static uint32_t datagrams_in(const uint8_t *slot) {
  const udp_record *r = (const udp_record *)(const void *)slot;
  return r->segment > 0 ? (r->length + r->segment - 1) / r->segment : 1;
}

/* Fills slots from `arena` on until the socket is empty or `wanted` datagrams were received. */
static int32_t receive_from(int fd, uint32_t tag, uint8_t *arena, uint32_t slot_octets, uint32_t slots) {
  uint32_t filled = 0, datagrams = 0;
  while (filled < slots && datagrams < slots) {
    uint8_t *at = arena + (size_t)filled * slot_octets;
    int32_t got = receive_some(fd, tag, at, slot_octets, slots - filled);
    if (got < 0) return filled > 0 ? (int32_t)filled : got;
    for (int32_t i = 0; i < got; i++) datagrams += datagrams_in(at + (size_t)i * slot_octets);
    filled += (uint32_t)got;
    if (got < (int32_t)STEP) break;
  }
  return (int32_t)filled;
}

/* Receives from the sockets of an epoll, without blocking. Returns the number of slots that were
 * filled from the start of the arena, each with a record and its payload; 0 if nothing waits.
 * Errors about datagrams that were sent come first, as records with RECORD_ERROR. A slot has
 * slot_octets, a multiple of 8. No socket gets more than its share of the slots in one call. */
MY_EXPORT int32_t my_udp_receive(int32_t epoll, uint8_t *arena, uint32_t arena_octets, uint32_t slot_octets) {
  struct epoll_event ready[READY_MAX];
  if (slot_octets <= sizeof(udp_record) || slot_octets % 8 != 0) return -EINVAL;
  uint32_t slots = arena_octets / slot_octets, filled = 0;
  if (slots == 0) return -EINVAL;
  int count = epoll_wait(epoll, ready, slots < READY_MAX ? (int)slots : READY_MAX, 0);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    uint32_t tag = (uint32_t)ready[i].data.u64;
    if (tag == UINT32_MAX) continue;
    int fd = (int)(ready[i].data.u64 >> 32);
    uint32_t share = (slots - filled) / (uint32_t)(count - i);
    if (ready[i].events & EPOLLERR) {
      uint32_t errors = udp_take_errors(fd, tag, arena + (size_t)filled * slot_octets, slot_octets, share);
      filled += errors;
      share -= errors;
    }
    int32_t got = receive_from(fd, tag, arena + (size_t)filled * slot_octets, slot_octets, share);
    /* What has arrived is returned first; the error will occur again. */
    if (got < 0) return filled > 0 ? (int32_t)filled : got;
    filled += (uint32_t)got;
  }
  return (int32_t)filled;
}

/* Appends the traffic class to the control octets of a datagram to be sent. */
static void add_class(struct msghdr *m, int level, int type, uint32_t traffic_class) {
  int value = (int)(traffic_class & 255);
  if (value == 0) return;
  struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)m->msg_control + m->msg_controllen);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof value);
  memcpy(CMSG_DATA(c), &value, sizeof value);
  m->msg_controllen += CMSG_SPACE(sizeof value);
}

/* Sets the addresses of a datagram to be sent; 0 if those of the record are invalid. */
static int address(batch *b, uint32_t i, const udp_record *r) {
  struct msghdr *m = &b->messages[i].msg_hdr;
  memset(&b->names[i], 0, sizeof b->names[i]);
  memset(&b->controls[i], 0, sizeof b->controls[i]);
  struct cmsghdr *c = &b->controls[i].header;
  if ((r->peer_port == 0 && !(r->flags & RECORD_RAW)) || r->peer_port > 65535) return 0;
  if (r->family == 4) {
    struct in_pktinfo info = {0};
    b->names[i].in.sin_family = AF_INET;
    b->names[i].in.sin_port = htons((uint16_t)r->peer_port);
    memcpy(&b->names[i].in.sin_addr, r->peer, 4);
    memcpy(&info.ipi_spec_dst, r->own, 4);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
    m->msg_namelen = sizeof b->names[i].in;
    m->msg_controllen = CMSG_SPACE(sizeof info);
    add_class(m, IPPROTO_IP, IP_TOS, r->traffic_class);
    return 1;
  }
  if (r->family != 16) return 0;
  struct in6_pktinfo info = {0};
  b->names[i].in6.sin6_family = AF_INET6;
  b->names[i].in6.sin6_port = htons((uint16_t)r->peer_port);
  memcpy(&b->names[i].in6.sin6_addr, r->peer, 16);
  b->names[i].in6.sin6_scope_id = r->scope;
  memcpy(&info.ipi6_addr, r->own, 16);
  info.ipi6_ifindex = r->scope;
  c->cmsg_level = IPPROTO_IPV6;
  c->cmsg_type = IPV6_PKTINFO;
  c->cmsg_len = CMSG_LEN(sizeof info);
  memcpy(CMSG_DATA(c), &info, sizeof info);
  m->msg_namelen = sizeof b->names[i].in6;
  m->msg_controllen = CMSG_SPACE(sizeof info);
  add_class(m, IPPROTO_IPV6, IPV6_TCLASS, r->traffic_class);
  return 1;
}

/* Words of uint32_t that my_udp_send reports, followed by two for each refused datagram that is
 * listed. */
enum { REPORT_SENT, REPORT_REFUSED, REPORT_LISTED, REPORT_WORDS };

/* The words that my_udp_send fills in. */
typedef struct {
  const uint8_t *records;
  uint32_t *report;
} account;

/* Counts the datagrams of a message that the system refused, and lists the first of them. */
static void refused(const account *a, const void *payload, uint32_t datagrams, int error) {
  uint32_t *listed = &a->report[REPORT_LISTED];
  a->report[REPORT_REFUSED] += datagrams;
  if (*listed == LISTED_MAX) return;
  a->report[REPORT_WORDS + 2 * *listed] = (uint32_t)((const uint8_t *)payload - a->records - sizeof(udp_record));
  a->report[REPORT_WORDS + 2 * *listed + 1] = (uint32_t)error;
  ++*listed;
}

static void send_messages(int fd, struct mmsghdr *messages, uint32_t count, const account *a);

/* Sends each datagram of a message by itself; one that is too large is then fragmented. */
static void send_apart(int fd, const struct msghdr *joined, const account *a) {
  for (size_t i = 0; i < joined->msg_iovlen; i++) {
    struct mmsghdr one = {.msg_hdr = *joined};
    one.msg_hdr.msg_iov += i;
    one.msg_hdr.msg_iovlen = 1;
    one.msg_hdr.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    send_messages(fd, &one, 1, a);
  }
}

/* Whether an error may mean that this route, or packets of this length, cannot be sent in one
 * piece. */
static int is_about_joining(int error) {
  return error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP;
}

/* Sends messages of one socket; those that the system refuses are counted and skipped. */
static void send_messages(int fd, struct mmsghdr *messages, uint32_t count, const account *a) {
  uint32_t at = 0, offers = 1;
  int waited = 0;
  while (at < count) {
    int sent = sendmmsg(fd, messages + at, count - at, MSG_DONTWAIT);
    if (sent > 0) {
      for (int i = 0; i < sent; i++) a->report[REPORT_SENT] += (uint32_t)messages[at++].msg_hdr.msg_iovlen;
      waited = 0;
      offers = 1;
      continue;
    }
    int error = sent < 0 ? errno : EAGAIN;
    if (error == EINTR) continue;
    if (error == EAGAIN && !waited) {
      struct pollfd room = {.fd = fd, .events = POLLOUT};
      poll(&room, 1, SEND_WAIT_MS);
      waited = 1;
      continue;
    }
    const struct msghdr *message = &messages[at].msg_hdr;
    int is_joined = message->msg_iovlen > 1 && is_about_joining(error);
    /* A socket with IP_RECVERR reports an ICMP error about an earlier datagram in the next call,
     * once. */
    if (!is_joined && error != EAGAIN && offers++ < OFFERS_MAX) continue;
    at++;
    waited = 0;
    offers = 1;
    if (is_joined) send_apart(fd, message, a);
    else refused(a, message->msg_iov->iov_base, (uint32_t)message->msg_iovlen, error);
  }
}

/* Whether a datagram may be sent in one piece with those that begin with `first`. */
static int goes_with(const udp_record *first, const udp_record *r, const struct msghdr *message) {
  if (!(first->flags & r->flags & RECORD_JOINS) || r->length == 0 || r->length > first->length) return 0;
  if (message->msg_iov[message->msg_iovlen - 1].iov_len != first->length) return 0;
  if ((message->msg_iovlen + 1) * first->length > JOINED_MAX) return 0;
  return r->peer_port == first->peer_port && r->family == first->family && r->scope == first->scope &&
         r->traffic_class == first->traffic_class && !memcmp(r->own, first->own, sizeof r->own) &&
         !memcmp(r->peer, first->peer, sizeof r->peer);
}

/* Tells the system the length of the datagrams in a message. */
static void add_segment(struct msghdr *m) {
  uint16_t octets = (uint16_t)m->msg_iov->iov_len;
  struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)m->msg_control + m->msg_controllen);
  c->cmsg_level = IPPROTO_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof octets);
  memcpy(CMSG_DATA(c), &octets, sizeof octets);
  m->msg_controllen += CMSG_SPACE(sizeof octets);
}

static void send_batch(int fd, batch *b, uint32_t count, const account *a) {
  for (uint32_t i = 0; i < count; i++) {
    if (b->messages[i].msg_hdr.msg_iovlen > 1) add_segment(&b->messages[i].msg_hdr);
  }
  send_messages(fd, b->messages, count, a);
}

/* Sends consecutive records, each with its payload, padded to a multiple of 8. report receives the
 * datagrams sent, those refused by the system, and the number of listed ones, at most LISTED_MAX;
 * then for each of these the offset of its record and the errno. Of a refused piece of several
 * datagrams the first is listed. Returns 0, or -EINVAL at a record that does not fit, after which
 * nothing is sent. */
MY_EXPORT int32_t my_udp_send(uint8_t *records, uint32_t octets, uint32_t *report) {
  batch b;
  uint32_t at = 0, count = 0, vectors = 0;
  const udp_record *first = NULL;
  int fd = -1;
  account a = {records, report};
  memset(report, 0, REPORT_WORDS * sizeof *report);
  if (octets > OCTETS_MAX) return -EINVAL;
  while (at < octets) {
    udp_record *r = (udp_record *)(void *)(records + at);
    if (octets - at < sizeof *r || r->length > PAYLOAD_MAX || r->length > octets - at - sizeof *r) break;
    if (vectors == BATCH_MAX || (count > 0 && (int)r->socket != fd)) {
      send_batch(fd, &b, count, &a);
      count = vectors = 0;
    }
    fd = (int)r->socket;
    if (count > 0 && goes_with(first, r, &b.messages[count - 1].msg_hdr)) {
      b.messages[count - 1].msg_hdr.msg_iovlen++;
      b.vectors[vectors++] = (struct iovec){r + 1, r->length};
    } else if (prepare(&b, count, &b.vectors[vectors], (struct iovec){r + 1, r->length}), address(&b, count, r)) {
      first = r;
      count++;
      vectors++;
    } else {
      refused(&a, r + 1, 1, EINVAL);
    }
    uint32_t next = at + (uint32_t)sizeof *r + ((r->length + 7u) & ~7u);
    at = next < octets ? next : octets;
  }
  if (count > 0) send_batch(fd, &b, count, &a);
  return at < octets ? -EINVAL : 0;
}
