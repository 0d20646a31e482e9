/* Declarations that UDP and TCP sockets share. */
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
/* The port is shared by the sockets of several workers: see ffi/udp_steer.c. */
#define OPEN_SHARED 64u
/* The bits above are the IP protocol of a raw socket; 0 is UDP. */
#define OPEN_RAW_SHIFT 8

/* Mark of packets that a socket sends: routing rules that lead into tunnels skip packets with it. */
#define TUNNEL_MARK 330

/* Words of uint32_t that my_udp_open and my_tcp_open report. */
enum { REPORT_STEP, REPORT_PORT, REPORT_BUFFER, REPORT_BYPASS_ERRNO, REPORT_WORDS };
/* The step that failed. */
enum { STEP_NONE, STEP_NAMESPACE, STEP_SOCKET, STEP_OPTION, STEP_BIND, STEP_RETURN, STEP_LISTEN, STEP_CONNECT };

typedef struct {
  const uint8_t *address;
  uint32_t address_len, port, flags, receive_octets;
} socket_options;

/* Sets an option to 1: 0 or -errno. */
int socket_on(int fd, int level, int option);
/* Exempts a socket from the IPsec policies of the machine: 0 or errno. */
int socket_bypass(int fd, int six);
/* The address and port of the options as the system takes them; returns their length. */
socklen_t socket_name(const socket_options *options, struct sockaddr_storage *name);
/* The port of such an address. */
uint32_t socket_port(const struct sockaddr_storage *name);
/* Binds a socket and reports its port: 0 or -errno. */
int socket_bind(int fd, const socket_options *options, uint32_t *report);

#endif
