/*
 * UDP sockets: opened in any network namespace, with a large receive buffer, the own address of every
 * datagram told, and past the IPsec policies of the host.
 */
#define _GNU_SOURCE
#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/xfrm.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Missing from <linux/in6.h> where <netinet/in.h> is not asked. */
#ifndef IPV6_XFRM_POLICY
#define IPV6_XFRM_POLICY 35
#endif

static void set(int fd, int level, int name, int value) {
  /* What the system does not grant is done without. */
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* What this socket sends and receives passes no IPsec policy; needs CAP_NET_ADMIN. */
static void bypass_ipsec(int fd, int family) {
  int v6 = family == AF_INET6;
  int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, name = v6 ? IPV6_XFRM_POLICY : IP_XFRM_POLICY;
  struct xfrm_userpolicy_info policy;
  memset(&policy, 0, sizeof policy);
  policy.action = XFRM_POLICY_ALLOW;
  policy.sel.family = (uint16_t)family;
  policy.dir = XFRM_POLICY_IN;
  (void)setsockopt(fd, level, name, &policy, sizeof policy);
  policy.dir = XFRM_POLICY_OUT;
  (void)setsockopt(fd, level, name, &policy, sizeof policy);
}

static void prepare(int fd, int family, uint32_t receive_octets) {
  if (family == AF_INET6) {
    set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  } else {
    set(fd, IPPROTO_IP, IP_PKTINFO, 1);
  }
  int wanted = (int)receive_octets;
  /* Beyond net.core.rmem_max only with CAP_NET_ADMIN, up to it without. */
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted)) {
    set(fd, SOL_SOCKET, SO_RCVBUF, wanted);
  }
  set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  /* A full send buffer is waited for, but not for long. */
  struct timeval patience = {0, 50000};
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  bypass_ipsec(fd, family);
}

/* The file descriptor, or -errno. */
static int open_bound(const uint8_t *address, uint32_t length, uint16_t port, uint32_t receive) {
  int family = length == 16 ? AF_INET6 : AF_INET;
  int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
  if (fd < 0) return -errno;
  prepare(fd, family, receive);
  int failed;
  if (length == 16) {
    struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&own.sin6_addr, address, 16);
    failed = bind(fd, (struct sockaddr *)&own, sizeof own);
  } else {
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&own.sin_addr, address, 4);
    failed = bind(fd, (struct sockaddr *)&own, sizeof own);
  }
  if (!failed) return fd;
  int error = errno;
  close(fd);
  return -error;
}

typedef struct {
  const char *path;
  const uint8_t *address;
  uint32_t length, receive;
  uint16_t port;
  int result, entered;
} visit;

/* Runs on a thread of its own, which alone moves to the namespace, and ends there. */
static void *open_there(void *data) {
  visit *v = data;
  int ns = open(v->path, O_RDONLY | O_CLOEXEC);
  if (ns < 0 || setns(ns, CLONE_NEWNET)) {
    v->result = -errno;
  } else {
    v->entered = 1;
    v->result = open_bound(v->address, v->length, v->port, v->receive);
  }
  if (ns >= 0) close(ns);
  return NULL;
}

/*
 * A UDP socket bound to an address (4 or 16 octets; all zeros: any) and a port (0: a free one). The
 * namespace is the path of a network namespace, ended by a zero octet; empty: the caller's own. The
 * buffer is asked for in octets; the kernel doubles them for its own needs. The file descriptor, or
 * -errno; *stage is 1 where the namespace is what failed, else 0.
 */
MY_EXPORT int32_t my_udp_open(const uint8_t *address, uint32_t address_len, uint32_t port,
                              uint32_t receive_octets, const char *ns, uint32_t *stage) {
  *stage = 0;
  if ((address_len != 4 && address_len != 16) || port > 65535 || receive_octets > INT32_MAX) {
    return -EINVAL;
  }
  if (!*ns) return open_bound(address, address_len, (uint16_t)port, receive_octets);
  visit v = {ns, address, address_len, receive_octets, (uint16_t)port, -EAGAIN, 0};
  pthread_t thread;
  int error = pthread_create(&thread, NULL, open_there, &v);
  if (error) return -error;
  pthread_join(thread, NULL);
  *stage = v.result < 0 && !v.entered;
  return v.result;
}

/* The port a socket is bound to, or -errno. */
MY_EXPORT int32_t my_udp_port(int32_t fd) {
  struct sockaddr_storage own;
  socklen_t length = sizeof own;
  if (getsockname(fd, (struct sockaddr *)&own, &length)) return -errno;
  if (own.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&own)->sin6_port);
  return ntohs(((struct sockaddr_in *)&own)->sin_port);
}

/* Octets of memory, its own needs counted, that a socket's unread datagrams may take, or -errno. */
MY_EXPORT int32_t my_udp_receive_buffer(int32_t fd) {
  int octets = 0;
  socklen_t length = sizeof octets;
  return getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, &length) ? -errno : octets;
}
