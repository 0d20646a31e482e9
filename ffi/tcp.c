/* TCP sockets for IKE (RFC 9329): with an own address and port at both ends, exempt from IPsec, and
 * split into frames by the kernel if the kernel has the data path. */
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

/* The most connections that wait to be accepted. */
#define BACKLOG 1024
/* The most connections that one my_tcp_accept skips because they have ended already. */
#define ACCEPT_TRIES 64

typedef struct {
  socket_options own, peer;
} tcp_options;

static int set_options(int fd, int six, uint32_t flags, uint32_t *report) {
  int mark = TUNNEL_MARK;
  int error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) : 0;
  /* An earlier connection of the same port in TIME_WAIT does not block the port. */
  if (!error) error = socket_on(fd, SOL_SOCKET, SO_REUSEADDR);
  if (!error) error = socket_on(fd, IPPROTO_TCP, TCP_NODELAY);
  if (!error) error = socket_on(fd, SOL_SOCKET, SO_KEEPALIVE);
  if (!error && flags & OPEN_FREEBIND) {
    error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_FREEBIND) : socket_on(fd, IPPROTO_IP, IP_FREEBIND);
  }
  if (error) return error;
  /* A process that may not set marks may not make rules either, so that an error is ignored. */
  if (flags & OPEN_MARK) setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  if (flags & OPEN_BYPASS) report[REPORT_BYPASS_ERRNO] = (uint32_t)socket_bypass(fd, six);
  return 0;
}

/* Begins to listen, or to connect. */
static int begin(int fd, const tcp_options *options, uint32_t *report) {
  struct sockaddr_storage name;
  if (options->peer.port == 0) {
    report[REPORT_STEP] = STEP_LISTEN;
    return listen(fd, BACKLOG) < 0 ? -errno : 0;
  }
  report[REPORT_STEP] = STEP_CONNECT;
  socklen_t length = socket_name(&options->peer, &name);
  /* A link-local peer is on the link of the own address, whose interface is known. */
  if (options->peer.address_len == 16) {
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&name;
    struct sockaddr_storage own;
    socket_name(&options->own, &own);
    if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) {
      in6->sin6_scope_id = ((const struct sockaddr_in6 *)(const void *)&own)->sin6_scope_id;
    }
  }
  if (connect(fd, (struct sockaddr *)&name, length) < 0 && errno != EINPROGRESS) return -errno;
  /* If the port is 0, it is chosen by connect(2). */
  length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length) < 0) return -errno;
  report[REPORT_PORT] = socket_port(&name);
  return 0;
}

static int open_here(const tcp_options *options, uint32_t *report) {
  int six = options->own.address_len == 16;
  report[REPORT_STEP] = STEP_SOCKET;
  int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  report[REPORT_STEP] = STEP_OPTION;
  int error = set_options(fd, six, options->own.flags, report);
  if (!error) {
    report[REPORT_STEP] = STEP_BIND;
    error = socket_bind(fd, &options->own, report);
  }
  if (!error) error = begin(fd, options, report);
  if (error) {
    close(fd);
    return error;
  }
  report[REPORT_STEP] = STEP_NONE;
  return fd;
}

/* Opens a bound socket that listens, if peer_port is 0, or begins to connect to the peer's address,
 * which has as many octets as the own one. Returns its file descriptor, or -errno. The path names a
 * network namespace as in my_udp_open; report receives 4 words, indexed by REPORT_*. */
MY_EXPORT int32_t my_tcp_open(const uint8_t *ns_path, uint32_t ns_path_len, const uint8_t *own,
                              uint32_t address_len, uint32_t own_port, const uint8_t *peer,
                              uint32_t peer_port, uint32_t flags, uint32_t *report) {
  tcp_options options = {{own, address_len, own_port, flags, 0}, {peer, address_len, peer_port, 0, 0}};
  memset(report, 0, REPORT_WORDS * sizeof *report);
  if ((address_len != 4 && address_len != 16) || own_port > 65535 || peer_port > 65535) return -EINVAL;
  int home;
  report[REPORT_STEP] = STEP_NAMESPACE;
  int error = netns_enter(ns_path, ns_path_len, &home);
  if (error) return error;
  int fd = open_here(&options, report);
  error = netns_leave(home);
  if (error) {
    if (fd >= 0) close(fd);
    report[REPORT_STEP] = STEP_RETURN;
    return error;
  }
  return fd;
}

/* Layout of what my_tcp_accept reports: octets of an address, own port, peer's port, 0, both
 * addresses. */
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

/* Whether an error is that of a connection which ended before it was accepted (accept(2)), so that
 * the next one may be good. EPERM is not: a firewall or a security module that refuses one
 * connection may refuse all of them. */
static int is_of_one(int error) {
  switch (error) {
    case EINTR: case ECONNABORTED: case EPROTO: case ENOPROTOOPT: case EHOSTDOWN: case ENONET:
    case EHOSTUNREACH: case EOPNOTSUPP: case ENETUNREACH: case ENETDOWN:
      return 1;
    default:
      return 0;
  }
}

/* Accepts a connection from a listening socket and fills 48 octets with its ends. Returns a file
 * descriptor, or -errno; -EAGAIN: none waits. */
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

/* The outcome of a connection that was begun: 0, or -errno. */
MY_EXPORT int32_t my_tcp_outcome(int32_t fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
  return -error;
}

/* Lets the kernel split the stream into frames from now on and take the ESP: 0, or -errno. */
MY_EXPORT int32_t my_tcp_frames(int32_t fd) {
  static const char name[] = "espintcp";
  return setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof name - 1) < 0 ? -errno : 0;
}

/* Receives octets to `at`. Returns their number; -EAGAIN: none wait; -ENODATA: the stream has
 * ended; otherwise -errno. */
MY_EXPORT int32_t my_tcp_receive(int32_t fd, uint8_t *buffer, uint32_t at, uint32_t octets) {
  ssize_t got;
  if (octets > INT32_MAX) return -EINVAL;
  do got = recv(fd, buffer + at, octets, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  return got == 0 ? -ENODATA : (int32_t)got;
}

/* Sends octets from `at` on. Returns their number; -EAGAIN: there is no room; otherwise -errno. */
MY_EXPORT int32_t my_tcp_send(int32_t fd, const uint8_t *buffer, uint32_t at, uint32_t octets) {
  ssize_t sent;
  if (octets > INT32_MAX) return -EINVAL;
  /* A socket with frames does not know MSG_NOSIGNAL; the runtime ignores SIGPIPE. */
  do sent = send(fd, buffer + at, octets, MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : (int32_t)sent;
}
