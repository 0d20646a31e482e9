/*
 * UDP sockets as IKE wants them: packet info, a large receive buffer, no IPsec for IKE itself. Raw
 * sockets of an IP protocol are opened the same way.
 */
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

/* IKE itself never goes through the tunnels it makes: both directions pass, whatever policies say. */
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

/* As much as is wanted where we are permitted to, else as much as the system lets anybody have. */
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

/* The interface that has a link-local address; 0 where none has (RFC 4007 §6). */
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

static int set_options(int fd, int six, const socket_wish *wish, uint32_t *told) {
  int is_raw = wish->flags >> OPEN_RAW_SHIFT != 0, mark = TUNNEL_MARK;
  int error = six && !is_raw ? socket_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) : 0;
  if (!error) error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) : socket_on(fd, IPPROTO_IP, IP_PKTINFO);
  if (!error && wish->flags & OPEN_FREEBIND) {
    error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_FREEBIND) : socket_on(fd, IPPROTO_IP, IP_FREEBIND);
  }
  if (!error && wish->flags & OPEN_ESP_IN_UDP) {
    /* The kernel takes ESP out of UDP and leaves messages behind a non-ESP marker (RFC 3948). */
    int kind = UDP_ENCAP_ESPINUDP;
    if (setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &kind, sizeof kind) < 0) error = -errno;
  }
  if (!error && wish->flags & OPEN_TRAFFIC_CLASS) {
    error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS) : socket_on(fd, IPPROTO_IP, IP_RECVTOS);
    /* A system or a protocol without this gives each datagram by itself. */
    (void)socket_on(fd, IPPROTO_UDP, UDP_GRO);
  }
  if (!error && wish->flags & OPEN_ERRORS) {
    error = six ? socket_on(fd, IPPROTO_IPV6, IPV6_RECVERR) : socket_on(fd, IPPROTO_IP, IP_RECVERR);
  }
  /* Without it Linux takes no path MTU from Packet Too Big where a raw socket is not connected. */
  if (!error && six && is_raw) error = socket_on(fd, IPPROTO_IPV6, IPV6_RECVERR);
  if (error) return error;
  /* Who may not mark may not make rules either. */
  if (wish->flags & OPEN_MARK) setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  if (wish->flags & OPEN_BYPASS) told[TOLD_BYPASS_ERRNO] = (uint32_t)socket_bypass(fd, six);
  told[TOLD_BUFFER] = enlarge(fd, wish->receive_octets);
  return 0;
}

socklen_t socket_name(const socket_wish *wish, struct sockaddr_storage *name) {
  memset(name, 0, sizeof *name);
  if (wish->address_len == 16) {
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)name;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((uint16_t)wish->port);
    memcpy(&in6->sin6_addr, wish->address, 16);
    in6->sin6_scope_id = scope_of(&in6->sin6_addr);
    return sizeof *in6;
  }
  struct sockaddr_in *in = (struct sockaddr_in *)name;
  in->sin_family = AF_INET;
  in->sin_port = htons((uint16_t)wish->port);
  memcpy(&in->sin_addr, wish->address, 4);
  return sizeof *in;
}

uint32_t socket_port(const struct sockaddr_storage *name) {
  return ntohs(name->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)name)->sin6_port
                                           : ((const struct sockaddr_in *)name)->sin_port);
}

int socket_bind(int fd, const socket_wish *wish, uint32_t *told) {
  struct sockaddr_storage name;
  socklen_t length = socket_name(wish, &name);
  if (bind(fd, (struct sockaddr *)&name, length) < 0) return -errno;
  length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length) < 0) return -errno;
  told[TOLD_PORT] = socket_port(&name);
  return 0;
}

static int open_here(const socket_wish *wish, uint32_t *told) {
  int six = wish->address_len == 16, protocol = (int)(wish->flags >> OPEN_RAW_SHIFT);
  told[TOLD_STEP] = STEP_SOCKET;
  int fd = socket(six ? AF_INET6 : AF_INET,
                  (protocol ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return -errno;
  told[TOLD_STEP] = STEP_OPTION;
  int error = set_options(fd, six, wish, told);
  if (!error) {
    told[TOLD_STEP] = STEP_BIND;
    error = socket_bind(fd, wish, told);
  }
  if (error) {
    close(fd);
    return error;
  }
  told[TOLD_STEP] = STEP_NONE;
  return fd;
}

/*
 * A bound socket: its file descriptor, or -errno. The path names a network namespace (empty: this
 * one); the address has 4 or 16 octets and may be all zeros; port 0 takes a free one. told: 4 words,
 * as TOLD_* counts them; the buffer is what SO_RCVBUF then says, twice the octets asked for.
 */
MY_EXPORT int32_t my_udp_open(const uint8_t *ns_path, uint32_t ns_path_len, const uint8_t *address,
                           uint32_t address_len, uint32_t port, uint32_t flags,
                           uint32_t receive_octets, uint32_t *told) {
  socket_wish wish = {address, address_len, port, flags, receive_octets};
  memset(told, 0, TOLD_WORDS * sizeof *told);
  if ((address_len != 4 && address_len != 16) || port > 65535) return -EINVAL;
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

/* Datagrams that the full receive buffer of a socket has lost so far. */
MY_EXPORT int32_t my_udp_drops(int32_t fd) {
  uint32_t words[SK_MEMINFO_VARS] = {0};
  socklen_t length = sizeof words;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, words, &length) < 0) return -errno;
  return (int32_t)(words[SK_MEMINFO_DROPS] & INT32_MAX);
}

/* The largest packet that goes whole to an address, by what the system knows of the way; or -errno. */
MY_EXPORT int32_t my_path_mtu(const uint8_t *address, uint32_t address_len) {
  socket_wish wish = {address, address_len, 9, 0, 0};
  if (address_len != 4 && address_len != 16) return -EINVAL;
  int six = address_len == 16, mark = TUNNEL_MARK, mtu = 0;
  int fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct sockaddr_storage name;
  socklen_t name_length = socket_name(&wish, &name), length = sizeof mtu;
  setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  int error = connect(fd, (struct sockaddr *)&name, name_length) < 0 ||
                      getsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &mtu, &length) < 0
                  ? -errno
                  : 0;
  close(fd);
  return error ? error : mtu;
}
