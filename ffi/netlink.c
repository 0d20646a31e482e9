/* Netlink sockets: sends requests, and receives answers and events. Messages are encoded and
 * decoded in TypeScript (lib/datapath); only the socket and its calls are here. */
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_here(uint32_t protocol, uint32_t groups, uint32_t receive_octets) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, (int)protocol);
  if (fd < 0) return -errno;
  int one = 1, size = receive_octets > INT32_MAX / 2 ? INT32_MAX / 2 : (int)receive_octets;
  /* An acknowledgement has a text if a request fails, and no copy of the request. */
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  if (size > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  struct sockaddr_nl name;
  memset(&name, 0, sizeof name);
  name.nl_family = AF_NETLINK;
  name.nl_groups = groups;
  if (bind(fd, (struct sockaddr *)&name, sizeof name) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

/* Opens a netlink socket of a protocol (NETLINK_XFRM, NETLINK_ROUTE) that receives the multicast
 * groups of a bit mask. Returns its file descriptor, or -errno. The path names a network namespace
 * (empty: that of the thread). */
MY_EXPORT int32_t my_netlink_open(const uint8_t *ns_path, uint32_t ns_path_len, uint32_t protocol,
                               uint32_t groups, uint32_t receive_octets) {
  int home;
  int error = netns_enter(ns_path, ns_path_len, &home);
  if (error) return error;
  int fd = open_here(protocol, groups, receive_octets);
  error = netns_leave(home);
  if (!error) return fd;
  if (fd >= 0) close(fd);
  return error;
}

/* Sends messages to the kernel, which handles all of them before the call returns. 0 or -errno. */
MY_EXPORT int32_t my_netlink_send(int32_t fd, const uint8_t *messages, uint32_t length) {
  struct sockaddr_nl kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = sendto(fd, messages, length, 0, (struct sockaddr *)&kernel, sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : 0;
}

/* Receives one datagram of messages from the kernel. Returns its octets, 0 if none waits, or -errno
 * (ENOBUFS: some were lost; EMSGSIZE: it does not fit). */
MY_EXPORT int32_t my_netlink_receive(int32_t fd, uint8_t *out, uint32_t capacity) {
  for (;;) {
    struct sockaddr_nl from;
    struct iovec part = {out, capacity};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part,
                             .msg_iovlen = 1};
    memset(&from, 0, sizeof from);
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN ? 0 : -errno;
    if (message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
    /* Another process may send to the socket too; only messages of the kernel are accepted. */
    if (message.msg_namelen == sizeof from && from.nl_pid == 0) return (int32_t)got;
  }
}
