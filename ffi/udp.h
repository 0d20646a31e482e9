/*
 * UDP in batches. The caller's buffers have a fixed layout, which lib/native/udp_socket.ts holds as well;
 * numbers are of the machine's byte order, addresses and payloads of the network's.
 *
 * A record, for either direction:
 *    0  uint32  octets of payload
 *    4  uint32  where it begins: in the payloads (sending), in the record (receiving)
 *    8  uint16  the peer's port
 *   10  uint8   octets of an address: 4 or 16
 *   11  uint8   receiving: 1 where the payload was cut, else 0
 *   12  uint32  receiving: datagrams that the full buffer has lost so far; 0: not told
 *   16  uint8[16] the peer's address
 *   32  uint8[16] the own address
 * When receiving, the payload follows in the record, which is MY_UDP_SLOT long.
 */
#ifndef MYIKEV2_UDP_H
#define MYIKEV2_UDP_H

#include "shim.h"

/* Datagrams of a batch at most. */
#define MY_UDP_BATCH 64
#define MY_UDP_RECORD 48
#define MY_UDP_PAYLOAD_MAX 65535
#define MY_UDP_SLOT (MY_UDP_RECORD + 65536)

typedef struct {
  uint32_t length, offset;
  uint16_t peer_port;
  uint8_t address_length, cut;
  uint32_t lost;
  uint8_t peer[16], own[16];
} my_udp_record;

_Static_assert(sizeof(my_udp_record) == MY_UDP_RECORD, "the layout above");

#endif
