/*
 * TCP sockets as IKE wants them (RFC 9329): bound to an own address and port at both ends, no IPsec
 * for IKE itself, and where the kernel has the data path it splits the stream into frames too.
 */
#define _GNU_SOURCE
#include "sockets.h"

#include "netns.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

/* Connections that wait to be accepted. */
#define BACKLOG 1024
/* Connections that one my_tcp_accept passes over because they have ended already. */
#define ACCEPT_TRIES 64

typedef struct {
  socket_wish own, peer;
} tcp_wish;

static int set_options(int fd, int six, uint32_t flags, uint32_t *told) {
  int mark = TUNNEL_MARK;
  int error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) : 0;
  /* What an earlier connection of the same port left in TIME_WAIT does not hold the port. */
  if (!error) error = socket_on(fd, SOL_SOCKET, SO_REUSEADDR);
  if (!error) error = socket_on(fd, IPPROTO_TCP, TCP_NODELAY);
  if (!error) error = socket_on(fd, SOL_SOCKET, SO_KEEPALIVE);
  if (!error && flags & OPEN_FREEBIND) {
    error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_FREEBIND) : socket_on(fd, IPPROTO_IP, IP_FREEBIND);
  }
  if (error) return error;
  /* Who may not mark may not make rules either. */
  if (flags & OPEN_MARK) setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  if (flags & OPEN_BYPASS) told[TOLD_BYPASS_ERRNO] = (uint32_t)socket_bypass(fd, six);
  return 0;
}

/* Begins to listen, or to connect. */
static int begin(int fd, const tcp_wish *wish, uint32_t *told) {
  struct sockaddr_storage name;
  if (wish->peer.port == 0) {
    told[TOLD_STEP] = STEP_LISTEN;
    return listen(fd, BACKLOG) < 0 ? -errno : 0;
  }
  told[TOLD_STEP] = STEP_CONNECT;
  socklen_t length = socket_name(&wish->peer, &name);
  /* A link-local peer is on the link of the own address, which alone is on an interface here. */
  if (wish->peer.address_len == 16) {
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&name;
    struct sockaddr_storage own;
    socket_name(&wish->own, &own);
    if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) {
      in6->sin6_scope_id = ((const struct sockaddr_in6 *)(const void *)&own)->sin6_scope_id;
    }
  }
  if (connect(fd, (struct sockaddr *)&name, length) < 0 && errno != EINPROGRESS) return -errno;
  /* With port 0 it is the connection that chooses. */
  length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length) < 0) return -errno;
  told[TOLD_PORT] = socket_port(&name);
  return 0;
}

static int open_here(const tcp_wish *wish, uint32_t *told) {
  int six = wish->own.address_len == 16;
  told[TOLD_STEP] = STEP_SOCKET;
  int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  told[TOLD_STEP] = STEP_OPTION;
  int error = set_options(fd, six, wish->own.flags, told);
  if (!error) {
    told[TOLD_STEP] = STEP_BIND;
    error = socket_bind(fd, &wish->own, told);
  }
  if (!error) error = begin(fd, wish, told);
  if (error) {
    close(fd);
    return error;
  }
  told[TOLD_STEP] = STEP_NONE;
  return fd;
}

/*
 * A bound socket that listens, where peer_port is 0, or begins to connect to the peer's address, of as
 * many octets as the own one: its file descriptor, or -errno. The path names a network namespace, as
 * in my_udp_open; told: 4 words, as TOLD_* counts them.
 */
MY_EXPORT int32_t my_tcp_open(const uint8_t *ns_path, uint32_t ns_path_len, const uint8_t *own,
                              uint32_t address_len, uint32_t own_port, const uint8_t *peer,
                              uint32_t peer_port, uint32_t flags, uint32_t *told) {
  tcp_wish wish = {{own, address_len, own_port, flags, 0}, {peer, address_len, peer_port, 0, 0}};
  memset(told, 0, TOLD_WORDS * sizeof *told);
  if ((address_len != 4 && address_len != 16) || own_port > 65535 || peer_port > 65535) return -EINVAL;
  int home;
  told[TOLD_STEP] = STEP_NAMESPACE;
  int error = netns_enter(ns_path, ns_path_len, &home);
  if (error) return error;
  int fd = open_here(&wish, told);
  error = netns_leave(home);
  if (error) {
    if (fd >= 0) close(fd);
    told[TOLD_STEP] = STEP_RETURN;
    return error;
  }
  return fd;
}

/* Octets and words of what my_tcp_accept tells: octets of an address, own port, peer's port, 0. */
enum { ENDS_FAMILY, ENDS_OWN_PORT, ENDS_PEER_PORT, ENDS_OWN = 16, ENDS_PEER = 32, ENDS_OCTETS = 48 };

static void put_end(uint8_t *ends, uint32_t port_word, uint32_t at, const struct sockaddr_storage *name) {
  uint32_t port = socket_port(name);
  memcpy(ends + 4 * port_word, &port, sizeof port);
  if (name->ss_family == AF_INET6) {
    memcpy(ends + at, &((const struct sockaddr_in6 *)name)->sin6_addr, 16);
  } else {
    memcpy(ends + at, &((const struct sockaddr_in *)name)->sin_addr, 4);
  }
}

/*
 * Errors of a connection that ended before it was taken (accept(2)): the next may be good. EPERM is not
 * among them: a firewall or a security module that refuses one connection may refuse all of them.
 */
static int is_of_one(int error) {
  switch (error) {
    case EINTR: case ECONNABORTED: case EPROTO: case ENOPROTOOPT: case EHOSTDOWN: case ENONET:
    case EHOSTUNREACH: case EOPNOTSUPP: case ENETUNREACH: case ENETDOWN:
      return 1;
    default:
      return 0;
  }
}

/*
 * Takes a connection from a socket that listens, and fills 48 octets with its ends: a file descriptor,
 * or -errno; -EAGAIN: there is none.
 */
MY_EXPORT int32_t my_tcp_accept(int32_t listener, uint8_t *ends) {
  struct sockaddr_storage own, peer;
  socklen_t own_length = sizeof own, length = sizeof peer;
  int fd, tries = 0;
  do {
    length = sizeof peer;
    fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (fd < 0 && is_of_one(errno) && ++tries < ACCEPT_TRIES);
  if (fd < 0) return -errno;
  if (getsockname(fd, (struct sockaddr *)&own, &own_length) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  uint32_t family = own.ss_family == AF_INET6 ? 16 : 4;
  memset(ends, 0, ENDS_OCTETS);
  memcpy(ends, &family, sizeof family);
  put_end(ends, ENDS_OWN_PORT, ENDS_OWN, &own);
  put_end(ends, ENDS_PEER_PORT, ENDS_PEER, &peer);
  return fd;
}

/* What became of a connection that was begun: 0, or -errno. */
MY_EXPORT int32_t my_tcp_outcome(int32_t fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
  return -error;
}

/* The kernel splits the stream into frames from now on, and takes ESP out of it: 0, or -errno. */
MY_EXPORT int32_t my_tcp_frames(int32_t fd) {
  static const char name[] = "espintcp";
  return setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof name - 1) < 0 ? -errno : 0;
}

/* Octets taken, from `at` on; -EAGAIN: none wait; -ENODATA: the stream is at its end; else -errno. */
MY_EXPORT int32_t my_tcp_receive(int32_t fd, uint8_t *buffer, uint32_t at, uint32_t octets) {
  ssize_t got;
  if (octets > INT32_MAX) return -EINVAL;
  do got = recv(fd, buffer + at, octets, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  return got == 0 ? -ENODATA : (int32_t)got;
}

/* Octets sent, from `at` on; -EAGAIN: there is no room; else -errno. */
MY_EXPORT int32_t my_tcp_send(int32_t fd, const uint8_t *buffer, uint32_t at, uint32_t octets) {
  ssize_t sent;
  if (octets > INT32_MAX) return -EINVAL;
  /* A socket with frames knows no MSG_NOSIGNAL; the runtime ignores SIGPIPE. */
  do sent = send(fd, buffer + at, octets, MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : (int32_t)sent;
}
