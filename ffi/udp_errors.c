/* Errors of the system and of ICMP about datagrams that were sent: the error queue of a socket
 * (ip(7)). */
#define _GNU_SOURCE
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>

/* Fills in the system's description of an error. */
static void describe_error(udp_record *r, const struct sock_extended_err *e) {
  int is_icmp = e->ee_origin == SO_EE_ORIGIN_ICMP || e->ee_origin == SO_EE_ORIGIN_ICMP6;
  const struct sockaddr *offender = SO_EE_OFFENDER(e);
  r->segment = e->ee_errno;
  if (!is_icmp) return;
  r->traffic_class = (uint32_t)e->ee_type << 8 | e->ee_code;
  if (r->family == 4 && offender->sa_family == AF_INET) {
    memcpy(r + 1, &((const struct sockaddr_in *)(const void *)offender)->sin_addr, 4);
    r->length = 4;
  } else if (r->family == 16 && offender->sa_family == AF_INET6) {
    memcpy(r + 1, &((const struct sockaddr_in6 *)(const void *)offender)->sin6_addr, 16);
    r->length = 16;
  }
}

/* Takes one error from the queue of a socket with OPEN_ERRORS, which keeps errors of ICMP and of
 * the system about datagrams that were sent: 1, or 0 if none waits. */
static int take_error(int fd, uint32_t tag, udp_record *r) {
  struct sockaddr_storage name;
  union {
    struct cmsghdr header;
    uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +
                   CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6))];
  } control;
  struct msghdr m = {.msg_name = &name, .msg_namelen = sizeof name, .msg_control = &control,
                     .msg_controllen = sizeof control};
  memset(&name, 0, sizeof name);
  if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return 0;
  const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&name;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&name;
  int six = name.ss_family == AF_INET6;
  memset(r, 0, sizeof *r);
  r->socket = tag;
  r->family = six ? 16 : 4;
  r->flags = RECORD_ERROR | RECORD_NO_OWN;
  r->peer_port = ntohs(six ? in6->sin6_port : in->sin_port);
  r->scope = six ? in6->sin6_scope_id : 0;
  if (six) memcpy(r->peer, &in6->sin6_addr, 16);
  else memcpy(r->peer, &in->sin_addr, 4);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    int is_v4 = c->cmsg_level == IPPROTO_IP, is_v6 = c->cmsg_level == IPPROTO_IPV6;
    if ((is_v4 && c->cmsg_type == IP_RECVERR) || (is_v6 && c->cmsg_type == IPV6_RECVERR)) {
      /* The address of the offender follows it, if there is one. */
      struct {
        struct sock_extended_err error;
        struct sockaddr_in6 offender;
      } report;
      size_t octets = c->cmsg_len - CMSG_LEN(0);
      memset(&report, 0, sizeof report);
      memcpy(&report, CMSG_DATA(c), octets < sizeof report ? octets : sizeof report);
      describe_error(r, &report.error);
    } else if (is_v4 && c->cmsg_type == IP_PKTINFO && c->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      memcpy(r->own, &info.ipi_addr, 4);
      r->flags &= ~RECORD_NO_OWN;
    } else if (is_v6 && c->cmsg_type == IPV6_PKTINFO &&
               c->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      memcpy(r->own, &info.ipi6_addr, 16);
      r->flags &= ~RECORD_NO_OWN;
    }
  }
  return 1;
}

uint32_t udp_take_errors(int fd, uint32_t tag, uint8_t *arena, uint32_t slot_octets, uint32_t slots) {
  uint32_t taken = 0, most = (slots + 1) / 2;
  while (taken < most) {
    udp_record *r = (udp_record *)(void *)(arena + (size_t)taken * slot_octets);
    if (!take_error(fd, tag, r)) break;
    taken++;
  }
  return taken;
}
