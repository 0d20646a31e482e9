/*
 * What a TUN device with IFF_VNET_HDR hands over and takes (linux/virtio_net.h): packets whose
 * checksum is not complete yet, and TCP segments of up to 64 KiB that stand for many packets.
 */
#ifndef MYIKEV2_TUN_OFFLOAD_H
#define MYIKEV2_TUN_OFFLOAD_H

#include "shim.h"

#include <linux/virtio_net.h>
#include <sys/uio.h>

/* The largest packet of IP. */
#define TUN_PACKET_MAX 65536u
/* Packets that one write may join. */
#define TUN_RUN_MAX 64u
/* An IP header without options, or one of IPv6, and the longest of TCP. */
#define TUN_HEADERS_MAX 100u

/* A large segment that was read and is cut into packets, over as many calls as it takes. */
typedef struct {
  /* Octets of the segment, of its headers, of payload in a packet; where the next payload begins. */
  uint32_t octets, headers, payload, next;
  /* Where the TCP header begins, packets given out, and what fills the record to 32 octets. */
  uint32_t upper, given, reserved[2];
  uint8_t segment[TUN_PACKET_MAX];
} tun_held;

_Static_assert(sizeof(tun_held) == 65568, "the octets that lib/native/tun.ts has");

/* Packets of one flow that follow each other, for one write. */
typedef struct {
  uint32_t count, upper, headers, payload, total;
  int closed;
  uint8_t header[TUN_HEADERS_MAX];
  struct iovec parts[2 + TUN_RUN_MAX];
  struct virtio_net_hdr told;
} tun_run;

/* Completes the checksum of a packet; 0 where what was told of it cannot be. */
int my_tun_complete(uint8_t *packet, uint32_t octets, const struct virtio_net_hdr *told);
/* Takes the segment in held up for cutting; 0 where it cannot be cut into slots of so many octets. */
int my_tun_hold(tun_held *held, uint32_t octets, const struct virtio_net_hdr *told, uint32_t slot_octets);
/* The next packet of the segment; its octets. */
uint32_t my_tun_cut(tun_held *held, uint8_t *packet);
/* Begins a run with a packet; 0 where nothing can be joined to it. */
int my_tun_begin(tun_run *run, const uint8_t *packet, uint32_t octets);
/* Joins a packet to the run; 0 where it does not follow. */
int my_tun_join(tun_run *run, const uint8_t *packet, uint32_t octets);
/* What a run of two packets and more is written by. */
int my_tun_parts(tun_run *run);

#endif
