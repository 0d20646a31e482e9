/* Packets of a TUN device with IFF_VNET_HDR (linux/virtio_net.h): some lack a complete checksum,
 * and TCP segments of up to 64 KiB stand for many packets. */
#ifndef MYIKEV2_TUN_OFFLOAD_H
#define MYIKEV2_TUN_OFFLOAD_H

#include "shim.h"

#include <linux/virtio_net.h>
#include <sys/uio.h>

/* Octets of the largest IP packet. */
#define TUN_PACKET_MAX 65536u
/* The most packets that one write joins. */
#define TUN_RUN_MAX 64u
/* Octets of an IPv4 header without options or an IPv6 header, with the longest TCP header. */
#define TUN_HEADERS_MAX 100u

/* A large segment that is being cut into packets, over as many calls as it takes. */
typedef struct {
  /* Octets of the segment, of its headers, of the payload of a packet; offset of the next payload. */
  uint32_t octets, headers, payload, next;
  /* Offset of the TCP header, number of packets cut, and padding of the record to 32 octets. */
  uint32_t upper, given, reserved[2];
  uint8_t segment[TUN_PACKET_MAX];
} tun_held;

_Static_assert(sizeof(tun_held) == 65568, "the octets that lib/native/tun.ts has");

/* Successive packets of one flow, for one write. */
typedef struct {
  uint32_t count, upper, headers, payload, total;
  int closed;
  uint8_t header[TUN_HEADERS_MAX];
  struct iovec parts[2 + TUN_RUN_MAX];
  struct virtio_net_hdr vnet;
} tun_run;

/* Completes the checksum of a packet; 0 if its description is impossible. */
int my_tun_complete(uint8_t *packet, uint32_t octets, const struct virtio_net_hdr *vnet);
/* Prepares the segment in held for cutting; 0 if it cannot be cut into slots of `slot_octets`. */
int my_tun_hold(tun_held *held, uint32_t octets, const struct virtio_net_hdr *vnet, uint32_t slot_octets);
/* Cuts the next packet of the segment; returns its octets. */
uint32_t my_tun_cut(tun_held *held, uint8_t *packet);
/* Begins a run with a packet; 0 if nothing can be joined to it. */
int my_tun_begin(tun_run *run, const uint8_t *packet, uint32_t octets);
/* Joins a packet to the run; 0 if it does not continue it. */
int my_tun_join(tun_run *run, const uint8_t *packet, uint32_t octets);
/* Prepares the vector by which a run of two or more packets is written. */
int my_tun_parts(tun_run *run);

#endif
