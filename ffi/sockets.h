/* What opening a UDP socket and a TCP socket have in common. */
#ifndef MYIKEV2_SOCKETS_H
#define MYIKEV2_SOCKETS_H

#include "shim.h"

#include <sys/socket.h>

/* Bits of the flags of my_udp_open and my_tcp_open. */
#define OPEN_FREEBIND 1u
#define OPEN_BYPASS 2u
#define OPEN_ESP_IN_UDP 4u
#define OPEN_TRAFFIC_CLASS 8u
#define OPEN_MARK 16u
#define OPEN_ERRORS 32u
/* Above them: the IP protocol of a raw socket; 0: UDP. */
#define OPEN_RAW_SHIFT 8

/* What is sent is marked so: rules of routing that lead into a tunnel pass it over. */
#define TUNNEL_MARK 330

/* What they tell, in words of uint32_t. */
enum { TOLD_STEP, TOLD_PORT, TOLD_BUFFER, TOLD_BYPASS_ERRNO, TOLD_WORDS };
/* Which step failed. */
enum { STEP_NONE, STEP_NAMESPACE, STEP_SOCKET, STEP_OPTION, STEP_BIND, STEP_RETURN, STEP_LISTEN, STEP_CONNECT };

typedef struct {
  const uint8_t *address;
  uint32_t address_len, port, flags, receive_octets;
} socket_wish;

/* Sets an option to 1: 0 or -errno. */
int socket_on(int fd, int level, int option);
/* IPsec policies of the machine do not hold for the socket: 0 or errno. */
int socket_bypass(int fd, int six);
/* The address and port of a wish as the system wants them, and how long that is. */
socklen_t socket_name(const socket_wish *wish, struct sockaddr_storage *name);
/* The port of such a name. */
uint32_t socket_port(const struct sockaddr_storage *name);
/* Binds, and tells the port that it has then: 0 or -errno. */
int socket_bind(int fd, const socket_wish *wish, uint32_t *told);

#endif
