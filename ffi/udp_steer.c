/* Steers datagrams among sockets that share a port (SO_REUSEPORT) by the SPI that is ours, so that all
 * messages of an IKE SA reach one worker. lib/base/shard.ts has the same arithmetic. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

/* The I flag of an IKE header: the sender is the original initiator (RFC 7296 section 3.1). */
#define FLAG_INITIATOR 0x08
/* Octets of the non-ESP marker (RFC 3948). */
#define MARKER 4
/* Multiplier of Knuth's multiplicative hash. */
#define SPREAD 2654435761u
/* The most instructions of a program. */
#define PROGRAM_MAX 48

typedef struct {
  struct sock_filter code[PROGRAM_MAX];
  uint16_t length;
} program;

static void put(program *to, struct sock_filter instruction) { to->code[to->length++] = instruction; }

#define PUT(code, value) put(to, (struct sock_filter)BPF_STMT(code, value))
#define SKIP(code, value, yes, no) put(to, (struct sock_filter)BPF_JUMP(code, value, yes, no))

/* The accumulator modulo the number of workers is the socket. */
static void choose(program *to, uint32_t shards) {
  PUT(BPF_ALU | BPF_MOD | BPF_K, shards);
  PUT(BPF_RET | BPF_A, 0);
}

/* An IKE message that begins at an offset. From the original initiator our SPI is SPIr, else SPIi. An
 * IKE_SA_INIT request has no SPIr yet, and goes by a hash of SPIi, as its repetitions do. */
static void steer_ike(program *to, uint32_t at, uint32_t shards) {
  PUT(BPF_LD | BPF_B | BPF_ABS, at + 19);
  SKIP(BPF_JMP | BPF_JSET | BPF_K, FLAG_INITIATOR, 3, 0);
  PUT(BPF_LD | BPF_W | BPF_ABS, at + 4);
  choose(to, shards);
  PUT(BPF_LD | BPF_W | BPF_ABS, at + 8);
  PUT(BPF_MISC | BPF_TAX, 0);
  PUT(BPF_LD | BPF_W | BPF_ABS, at + 12);
  PUT(BPF_ALU | BPF_OR | BPF_X, 0);
  SKIP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0);
  PUT(BPF_LD | BPF_W | BPF_ABS, at + 12);
  choose(to, shards);
  PUT(BPF_LD | BPF_W | BPF_ABS, at);
  PUT(BPF_MISC | BPF_TAX, 0);
  PUT(BPF_LD | BPF_W | BPF_ABS, at + 4);
  PUT(BPF_ALU | BPF_XOR | BPF_X, 0);
  PUT(BPF_ALU | BPF_MUL | BPF_K, SPREAD);
  PUT(BPF_ALU | BPF_RSH | BPF_K, 16);
  choose(to, shards);
}

/* Number of instructions of steer_ike. */
#define STEER_IKE 21

/* Lets the sockets that share the port of `fd`, which are `shards` and were bound in the order of their
 * workers, receive what is for their worker. At the NAT-T port (`natt`) what has no non-ESP marker is ESP,
 * and goes by its SPI. What is too short for that goes to the first one. Returns 0 or -errno. */
MY_EXPORT int32_t my_udp_steer(int32_t fd, uint32_t shards, uint32_t natt) {
  program made = {.length = 0}, *to = &made;
  if (shards == 0) return -EINVAL;
  PUT(BPF_LD | BPF_W | BPF_ABS, 0);
  /* Without a marker: at the NAT-T port the next two instructions, else the message begins here. */
  if (natt) {
    SKIP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
    choose(to, shards);
    steer_ike(to, MARKER, shards);
  } else {
    SKIP(BPF_JMP | BPF_JEQ | BPF_K, 0, STEER_IKE, 0);
    steer_ike(to, 0, shards);
    steer_ike(to, MARKER, shards);
  }
  struct sock_fprog attached = {to->length, to->code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &attached, sizeof attached) < 0 ? -errno : 0;
}

/* Lets a raw socket receive only what is for one of `shards` workers, by the SPI at an offset of its protocol's
 * header: 0 of ESP, 4 of AH. Without this each worker would get the packets of all. The filter of a raw IPv4
 * socket (`four`) sees the IP header too. Returns 0 or -errno. */
MY_EXPORT int32_t my_raw_filter(int32_t fd, uint32_t shards, uint32_t number, uint32_t offset, uint32_t four) {
  program made = {.length = 0}, *to = &made;
  if (shards == 0) return -EINVAL;
  if (four) {
    PUT(BPF_LDX | BPF_B | BPF_MSH, 0);
    PUT(BPF_LD | BPF_W | BPF_IND, offset);
  } else {
    PUT(BPF_LD | BPF_W | BPF_ABS, offset);
  }
  PUT(BPF_ALU | BPF_MOD | BPF_K, shards);
  SKIP(BPF_JMP | BPF_JEQ | BPF_K, number, 1, 0);
  PUT(BPF_RET | BPF_K, 0);
  PUT(BPF_RET | BPF_K, UINT32_MAX);
  struct sock_fprog attached = {to->length, to->code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) < 0 ? -errno : 0;
}
