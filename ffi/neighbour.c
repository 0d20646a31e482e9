/* Packet sockets that receive the neighbour solicitations of an Ethernet interface, and send answers. */
#define _GNU_SOURCE
#include "shim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Offsets in a frame: of its type, and of the next header, the hop limit and the type of ICMPv6. */
enum { AT_TYPE = 12, AT_NEXT = 20, AT_HOPS = 21, AT_ICMP = 54 };

/* Lets neighbour solicitations pass alone (RFC 4861 §7.1.1), so that others do not wake the process. */
static const struct sock_filter SOLICITATIONS[] = {
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_TYPE), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 7),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_NEXT), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 5),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_HOPS), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 255, 0, 3),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_ICMP), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 135, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, UINT16_MAX),       BPF_STMT(BPF_RET | BPF_K, 0),
};

static int prepare(int fd, const char *name, uint8_t *mac) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) return -errno;
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) return -EOPNOTSUPP;
  memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
  if (ioctl(fd, SIOCGIFINDEX, &request) < 0) return -errno;
  struct sock_fprog program = {sizeof SOLICITATIONS / sizeof *SOLICITATIONS,
                               (struct sock_filter *)(uintptr_t)SOLICITATIONS};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) return -errno;
  /* Solicitations go to multicast addresses of the wanted ones (RFC 4861 §7.2.2), one for each of them. */
  struct packet_mreq all = {.mr_ifindex = request.ifr_ifindex, .mr_type = PACKET_MR_ALLMULTI};
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0) return -errno;
  struct sockaddr_ll place = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6), .sll_ifindex = request.ifr_ifindex};
  return bind(fd, (struct sockaddr *)&place, sizeof place) < 0 ? -errno : 0;
}

/* Opens a socket for the solicitations of an interface. name has 16 octets and ends with NUL; mac receives
 * the 6 octets of its link layer address. Returns the file descriptor, or -errno: EOPNOTSUPP where the
 * interface is none of Ethernet. */
MY_EXPORT int32_t my_neighbour_open(const uint8_t *name, uint8_t *mac) {
  char text[IFNAMSIZ];
  memcpy(text, name, sizeof text);
  text[sizeof text - 1] = 0;
  /* Without a protocol it receives nothing before it is bound, when its filter is there. */
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int error = prepare(fd, text, mac);
  if (error) {
    close(fd);
    return error;
  }
  return fd;
}

/* Receives a frame: its octets, 0 if none waits, or -errno. */
MY_EXPORT int32_t my_neighbour_receive(int32_t fd, uint8_t *frame, uint32_t frame_max) {
  ssize_t got;
  do got = recv(fd, frame, frame_max, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got >= 0) return (int32_t)got;
  /* The interface was set down: it may be set up again. */
  return errno == EAGAIN || errno == ENETDOWN ? 0 : -errno;
}

/* Sends a frame: 0, or -errno. */
MY_EXPORT int32_t my_neighbour_send(int32_t fd, const uint8_t *frame, uint32_t octets) {
  return send(fd, frame, octets, MSG_DONTWAIT) < 0 ? -errno : 0;
}
