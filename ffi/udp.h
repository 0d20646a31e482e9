/*
 * The record of one datagram, both ways, in a buffer shared with lib/native/udp.ts. Numbers are in
 * host byte order, addresses as on the wire; records begin at multiples of 8.
 *
 *      0  length     octets of payload
 *      4  socket     received: the tag of my_wait_add; to be sent: the file descriptor
 *      8  peer_port
 *     12  family     octets of an address: 4 or 16
 *     16  own[16]    received: where it was sent to; to be sent: the source address
 *     32  peer[16]
 *     48  scope      interface index of link-local addresses (RFC 4007), else 0
 *     52  flags      RECORD_TRUNCATED, RECORD_NO_OWN, RECORD_RAW, RECORD_JOINS, RECORD_ERROR
 *     56  class      DSCP and ECN of the IP header, uint8; received: where the socket tells it
 *     60  segment    received: the payload is of many datagrams, each of so many octets, the last
 *                    of the rest; 0: of one
 *     64  payload
 *
 * A record with RECORD_ERROR says that a datagram which was sent from `own` to `peer` came to nothing:
 * `segment` is the errno, `class` the type (bits 8 to 15) and code (bits 0 to 7) of the ICMP message that
 * said so, or 0 where the system said so itself, and the payload the address of who sent that message.
 */
#ifndef MYIKEV2_UDP_H
#define MYIKEV2_UDP_H

#include "shim.h"

typedef struct {
  uint32_t length, socket, peer_port, family;
  uint8_t own[16], peer[16];
  uint32_t scope, flags, traffic_class, segment;
} udp_record;

_Static_assert(sizeof(udp_record) == 64, "the layout that lib/native/udp.ts has");

/* The payload was longer than the slot. */
#define RECORD_TRUNCATED 1u
/* The system did not report the own address. */
#define RECORD_NO_OWN 2u
/* The record is sent by a raw socket, which has no port. */
#define RECORD_RAW 4u
/* The record may be sent in one piece with others of equal length and ends (UDP_SEGMENT of udp(7)). */
#define RECORD_JOINS 8u
/* The record is an error about a datagram that was sent (IP_RECVERR of ip(7)). */
#define RECORD_ERROR 16u

/* The largest UDP payload that the length field allows. */
#define PAYLOAD_MAX 65535u
/* The most datagrams of one system call. */
#define BATCH_MAX 64u

/* Writes the errors of a socket as records with RECORD_ERROR, one for each slot; returns their
 * number. They get at most half of the slots, so that ICMP messages of anybody do not delay
 * datagrams. */
uint32_t udp_take_errors(int fd, uint32_t tag, uint8_t *arena, uint32_t slot_octets, uint32_t slots);

#endif
