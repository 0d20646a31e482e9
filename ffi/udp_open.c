/* UDP sockets for IKE: with packet info, a large receive buffer, and exempt from IPsec. Raw sockets
 * of an IP protocol are opened in the same way. */
#define _GNU_SOURCE
#include "sockets.h"

#include "netns.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/sock_diag.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_XFRM_POLICY
#define IP_XFRM_POLICY 17
#endif
#ifndef IPV6_XFRM_POLICY
#define IPV6_XFRM_POLICY 35
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

int socket_on(int fd, int level, int option) {
  int one = 1;
  return setsockopt(fd, level, option, &one, sizeof one) < 0 ? -errno : 0;
}

/* Exempts both directions of IKE itself from all policies, so that it does not use its own tunnels. */
int socket_bypass(int fd, int six) {
  struct xfrm_userpolicy_info policy;
  memset(&policy, 0, sizeof policy);
  policy.action = XFRM_POLICY_ALLOW;
  policy.sel.family = six ? AF_INET6 : AF_INET;
  int level = six ? IPPROTO_IPV6 : IPPROTO_IP, option = six ? IPV6_XFRM_POLICY : IP_XFRM_POLICY;
  for (int direction = XFRM_POLICY_IN; direction <= XFRM_POLICY_OUT; direction++) {
    policy.dir = (uint8_t)direction;
    if (setsockopt(fd, level, option, &policy, sizeof policy) < 0) return errno;
  }
  return 0;
}

/* Sets the receive buffer to the wanted size if permitted, otherwise to the system's maximum. */
static uint32_t enlarge(int fd, uint32_t wanted) {
  int size = wanted > INT32_MAX / 2 ? INT32_MAX / 2 : (int)wanted, got = 0;
  socklen_t length = sizeof got;
  if (size > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  if (size > 0 && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  return getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &length) < 0 || got < 0 ? 0 : (uint32_t)got;
}

/* The interface that has a link-local address; 0 if none has (RFC 4007 §6). */
static uint32_t scope_of(const struct in6_addr *address) {
  struct ifaddrs *all, *one;
  uint32_t scope = 0;
  int link_local = address->s6_addr[0] == 0xfe && (address->s6_addr[1] & 0xc0) == 0x80;
  if (!link_local || getifaddrs(&all) < 0) return 0;
  for (one = all; one && scope == 0; one = one->ifa_next) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET6) continue;
    const struct sockaddr_in6 *has = (const struct sockaddr_in6 *)(const void *)one->ifa_addr;
    if (memcmp(&has->sin6_addr, address, sizeof *address) == 0) scope = has->sin6_scope_id;
  }
  freeifaddrs(all);
  return scope;
}

static int set_options(int fd, int six, const socket_options *options, uint32_t *report) {
  int is_raw = options->flags >> OPEN_RAW_SHIFT != 0, mark = TUNNEL_MARK;
  int error = six && !is_raw ? socket_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) : 0;
  if (!error) error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) : socket_on(fd, IPPROTO_IP, IP_PKTINFO);
  if (!error && options->flags & OPEN_FREEBIND) {
    error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_FREEBIND) : socket_on(fd, IPPROTO_IP, IP_FREEBIND);
  }
  if (!error && options->flags & OPEN_ESP_IN_UDP) {
    /* The kernel takes ESP out of UDP and leaves messages with a non-ESP marker (RFC 3948). */
    int kind = UDP_ENCAP_ESPINUDP;
    if (setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &kind, sizeof kind) < 0) error = -errno;
  }
  if (!error && options->flags & OPEN_SHARED) error = socket_on(fd, SOL_SOCKET, SO_REUSEPORT);
  if (!error && options->flags & OPEN_TRAFFIC_CLASS) {
    error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS) : socket_on(fd, IPPROTO_IP, IP_RECVTOS);
    /* A system or a protocol without this delivers each datagram by itself. Datagrams that are joined go
     * by the SPI of the first one to a worker, so that those of several workers are not joined. */
    if (!(options->flags & OPEN_SHARED)) (void)socket_on(fd, IPPROTO_UDP, UDP_GRO);
  }
  if (!error && options->flags & OPEN_ERRORS) {
    error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_RECVERR) : socket_on(fd, IPPROTO_IP, IP_RECVERR);
  }
  /* Without it Linux takes no path MTU from Packet Too Big for an unconnected raw socket. */
  if (!error && six && is_raw) error = socket_on(fd, IPPROTO_IPV6, IPV6_RECVERR);
  if (error) return error;
  /* A process that may not set marks may not make rules either, so that an error is ignored. */
  if (options->flags & OPEN_MARK) setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  if (options->flags & OPEN_BYPASS) report[REPORT_BYPASS_ERRNO] = (uint32_t)socket_bypass(fd, six);
  report[REPORT_BUFFER] = enlarge(fd, options->receive_octets);
  return 0;
}

socklen_t socket_name(const socket_options *options, struct sockaddr_storage *name) {
  memset(name, 0, sizeof *name);
  if (options->address_len == 16) {
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)name;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((uint16_t)options->port);
    memcpy(&in6->sin6_addr, options->address, 16);
    in6->sin6_scope_id = scope_of(&in6->sin6_addr);
    return sizeof *in6;
  }
  struct sockaddr_in *in = (struct sockaddr_in *)name;
  in->sin_family = AF_INET;
  in->sin_port = htons((uint16_t)options->port);
  memcpy(&in->sin_addr, options->address, 4);
  return sizeof *in;
}

uint32_t socket_port(const struct sockaddr_storage *name) {
  return ntohs(name->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)name)->sin6_port
                                           : ((const struct sockaddr_in *)name)->sin_port);
}

int socket_bind(int fd, const socket_options *options, uint32_t *report) {
  struct sockaddr_storage name;
  socklen_t length = socket_name(options, &name);
  if (bind(fd, (struct sockaddr *)&name, length) < 0) return -errno;
  length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length) < 0) return -errno;
  report[REPORT_PORT] = socket_port(&name);
  return 0;
}

static int open_here(const socket_options *options, uint32_t *report) {
  int six = options->address_len == 16, protocol = (int)(options->flags >> OPEN_RAW_SHIFT);
  report[REPORT_STEP] = STEP_SOCKET;
  int fd = socket(six ? AF_INET6 : AF_INET,
                  (protocol ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return -errno;
  report[REPORT_STEP] = STEP_OPTION;
  int error = set_options(fd, six, options, report);
  if (!error) {
    report[REPORT_STEP] = STEP_BIND;
    error = socket_bind(fd, options, report);
  }
  if (error) {
    close(fd);
    return error;
  }
  report[REPORT_STEP] = STEP_NONE;
  return fd;
}

/* Opens a bound socket; returns its file descriptor, or -errno. The path names a network namespace
 * (empty: that of the thread); the address has 4 or 16 octets and may be all zeros; port 0 takes a
 * free one. report receives 4 words, indexed by REPORT_*; the buffer is what SO_RCVBUF then says, twice
 * the octets asked for. */
MY_EXPORT int32_t my_udp_open(const uint8_t *ns_path, uint32_t ns_path_len, const uint8_t *address,
                           uint32_t address_len, uint32_t port, uint32_t flags,
                           uint32_t receive_octets, uint32_t *report) {
  socket_options options = {address, address_len, port, flags, receive_octets};
  memset(report, 0, REPORT_WORDS * sizeof *report);
  if ((address_len != 4 && address_len != 16) || port > 65535) return -EINVAL;
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

/* Number of datagrams that a socket has lost because its receive buffer was full. */
MY_EXPORT int32_t my_udp_drops(int32_t fd) {
  uint32_t words[SK_MEMINFO_VARS] = {0};
  socklen_t length = sizeof words;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, words, &length) < 0) return -errno;
  return (int32_t)(words[SK_MEMINFO_DROPS] & INT32_MAX);
}

/* The largest packet that reaches an address without fragmentation, as far as the system knows; or
 * -errno. */
MY_EXPORT int32_t my_path_mtu(const uint8_t *address, uint32_t address_len) {
  socket_options options = {address, address_len, 9, 0, 0};
  if (address_len != 4 && address_len != 16) return -EINVAL;
  int six = address_len == 16, mark = TUNNEL_MARK, mtu = 0;
  int fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct sockaddr_storage name;
  socklen_t name_length = socket_name(&options, &name), length = sizeof mtu;
  setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  int error = connect(fd, (struct sockaddr *)&name, name_length) < 0 ||
                      getsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &mtu, &length) < 0
                  ? -errno
                  : 0;
  close(fd);
  return error ? error : mtu;
}
