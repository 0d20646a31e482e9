/* Large TCP segments and incomplete checksums of a TUN device: cuts segments into packets as the
 * system would (RFC 9293 §3.1, RFC 791 §3.1, RFC 8200 §3), and joins packets to large segments. */
#include "tun_offload.h"

#include <arpa/inet.h>
#include <string.h>

#define TCP 6u
#define TCP_HEADER 20u
#define TCP_CHECKSUM 16u
#define TCP_FLAGS 13u
enum { FIN = 1, PSH = 8, ACK = 16, CWR = 128 };

/* One's complement sums are kept in host byte order, as they are the same in any (RFC 1071 §2). */
static uint64_t add_octets(uint64_t sum, const uint8_t *from, uint32_t octets) {
  uint64_t other = 0;
  uint32_t word, more;
  for (; octets >= 8; from += 8, octets -= 8) {
    memcpy(&word, from, 4);
    memcpy(&more, from + 4, 4);
    sum += word;
    other += more;
  }
  sum += other;
  if (octets >= 4) {
    memcpy(&word, from, 4);
    sum += word;
    from += 4;
    octets -= 4;
  }
  word = 0;
  memcpy(&word, from, octets);
  return sum + word;
}

static uint16_t fold(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at) {
  return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at) {
  return get16(at) << 16 | get16(at + 2);
}

static int is_v4(const uint8_t *packet) {
  return packet[0] >> 4 == 4;
}

/* Writes the lengths of the IP header, and for IPv4 its checksum. */
static void write_lengths(uint8_t *packet, uint32_t octets) {
  if (!is_v4(packet)) return put16(packet + 4, octets - 40);
  uint16_t sum;
  put16(packet + 2, octets);
  memset(packet + 10, 0, 2);
  sum = (uint16_t)~fold(add_octets(0, packet, 4u * (packet[0] & 15)));
  memcpy(packet + 10, &sum, 2);
}

int my_tun_complete(uint8_t *packet, uint32_t octets, const struct virtio_net_hdr *vnet) {
  uint32_t start = vnet->csum_start, at = start + vnet->csum_offset;
  if (!(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) return 1;
  if (start > octets || at + 2 > octets) return 0;
  /* The checksum field has the sum of the pseudo-header. For UDP a result of 0 would mean no
   * checksum. */
  uint16_t sum = (uint16_t)~fold(add_octets(0, packet + start, octets - start));
  if (sum == 0) sum = 0xffff;
  memcpy(packet + at, &sum, 2);
  return 1;
}

int my_tun_hold(tun_held *held, uint32_t octets, const struct virtio_net_hdr *vnet, uint32_t slot_octets) {
  uint32_t kind = vnet->gso_type & ~(uint32_t)VIRTIO_NET_HDR_GSO_ECN, upper = vnet->csum_start;
  uint8_t *segment = held->segment;
  held->octets = held->next = 0;
  if (octets < 20 || kind != (is_v4(segment) ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6)) return 0;
  uint32_t header = is_v4(segment) ? 4u * (segment[0] & 15) : 40;
  if (header < 20 || upper < header || upper + TCP_HEADER > octets) return 0;
  uint32_t headers = upper + 4u * (segment[upper + 12] >> 4);
  if (headers < upper + TCP_HEADER || headers >= octets || vnet->gso_size == 0) return 0;
  if (headers + vnet->gso_size > slot_octets) return 0;
  held->octets = octets;
  held->headers = held->next = headers;
  held->payload = vnet->gso_size;
  held->upper = upper;
  held->given = 0;
  return 1;
}

uint32_t my_tun_cut(tun_held *held, uint8_t *packet) {
  uint32_t rest = held->octets - held->next, upper = held->upper;
  uint32_t payload = rest < held->payload ? rest : held->payload, octets = held->headers + payload;
  uint8_t *tcp = packet + upper;
  memcpy(packet, held->segment, held->headers);
  memcpy(packet + held->headers, held->segment + held->next, payload);
  if (is_v4(packet)) put16(packet + 4, get16(packet + 4) + held->given);
  write_lengths(packet, octets);
  uint32_t sequence = htonl(get32(tcp + 4) + (held->next - held->headers));
  memcpy(tcp + 4, &sequence, 4);
  if (held->given > 0) tcp[TCP_FLAGS] &= (uint8_t)~CWR;
  if (payload < rest) tcp[TCP_FLAGS] &= (uint8_t) ~(FIN | PSH);
  /* The sum of the pseudo-header has the length of the segment, which that of the packet replaces. */
  uint64_t length = (uint64_t)(uint16_t)~htons((uint16_t)(held->octets - upper)) +
                    htons((uint16_t)(octets - upper));
  uint16_t sum = (uint16_t)~fold(add_octets(length, tcp, octets - upper));
  memcpy(tcp + TCP_CHECKSUM, &sum, 2);
  held->next += payload;
  held->given++;
  return octets;
}

static uint64_t pseudo_header(const uint8_t *packet, uint32_t upper_octets) {
  uint64_t sum = (uint64_t)htons((uint16_t)upper_octets) + htons(TCP);
  return is_v4(packet) ? add_octets(sum, packet + 12, 8) : add_octets(sum, packet + 8, 32);
}

/* Offset of the TCP header in a packet that may be joined with others; 0: it may not. */
static uint32_t upper_of(const uint8_t *packet, uint32_t octets, uint32_t *headers) {
  uint32_t upper = octets > 0 && is_v4(packet) ? 20 : 40;
  if (octets < upper + TCP_HEADER) return 0;
  if (upper == 20) {
    /* Packets with options and fragments are not joined. */
    if (packet[0] != 0x45 || packet[9] != TCP || get16(packet + 2) != octets) return 0;
    if ((get16(packet + 6) & 0xbfff) != 0) return 0;
    if (fold(add_octets(0, packet, 20)) != 0xffff) return 0;
  } else if (packet[0] >> 4 != 6 || packet[6] != TCP || get16(packet + 4) != octets - 40) {
    return 0;
  }
  *headers = upper + 4u * (packet[upper + 12] >> 4);
  if (*headers < upper + TCP_HEADER || *headers >= octets) return 0;
  if ((packet[upper + TCP_FLAGS] & ~PSH) != ACK) return 0;
  /* The receiver accepts a joined segment without verifying checksums, so a wrong one is not
   * joined. */
  uint64_t sum = pseudo_header(packet, octets - upper);
  return fold(add_octets(sum, packet + upper, octets - upper)) == 0xffff ? upper : 0;
}

static void add_payload(tun_run *run, const uint8_t *packet, uint32_t octets) {
  run->parts[2 + run->count++] =
      (struct iovec){(void *)(uintptr_t)(packet + run->headers), octets - run->headers};
  run->total += octets - run->headers;
  run->closed = octets - run->headers < run->payload || (packet[run->upper + TCP_FLAGS] & PSH) != 0;
}

int my_tun_begin(tun_run *run, const uint8_t *packet, uint32_t octets) {
  uint32_t headers, upper = upper_of(packet, octets, &headers);
  run->count = 0;
  if (upper == 0) return 0;
  memcpy(run->header, packet, headers);
  run->upper = upper;
  run->headers = run->total = headers;
  run->payload = octets - headers;
  add_payload(run, packet, octets);
  return !run->closed;
}

/* Whether all fields agree but lengths, identification, checksums, sequence number and PSH. */
static int is_alike(const tun_run *run, const uint8_t *packet) {
  const uint8_t *first = run->header, *tcp = packet + run->upper, *first_tcp = first + run->upper;
  if (is_v4(first)) {
    /* Without fragmentation the identification has no meaning (RFC 6864 §4.1). */
    int counts = !(first[6] & 0x40) && get16(packet + 4) != ((get16(first + 4) + run->count) & 0xffff);
    if (counts || memcmp(first, packet, 2) || memcmp(first + 6, packet + 6, 4)) return 0;
    if (memcmp(first + 12, packet + 12, 8)) return 0;
  } else if (memcmp(first, packet, 4) || memcmp(first + 6, packet + 6, 34)) {
    return 0;
  }
  return !memcmp(first_tcp, tcp, 4) && !memcmp(first_tcp + 8, tcp + 8, 5) &&
         !memcmp(first_tcp + 14, tcp + 14, 2) &&
         !memcmp(first_tcp + 18, tcp + 18, run->headers - run->upper - 18);
}

int my_tun_join(tun_run *run, const uint8_t *packet, uint32_t octets) {
  uint32_t headers, upper, sent = run->total - run->headers;
  if (run->closed || run->count == TUN_RUN_MAX || octets <= run->headers) return 0;
  if (octets - run->headers > run->payload || run->total + octets - run->headers >= TUN_PACKET_MAX) return 0;
  if (packet[0] >> 4 != run->header[0] >> 4) return 0;
  if (get32(packet + run->upper + 4) != get32(run->header + run->upper + 4) + sent) return 0;
  upper = upper_of(packet, octets, &headers);
  if (upper != run->upper || headers != run->headers || !is_alike(run, packet)) return 0;
  run->header[upper + TCP_FLAGS] |= packet[upper + TCP_FLAGS];
  add_payload(run, packet, octets);
  return 1;
}

int my_tun_parts(tun_run *run) {
  uint16_t sum;
  write_lengths(run->header, run->total);
  sum = fold(pseudo_header(run->header, run->total - run->upper));
  memcpy(run->header + run->upper + TCP_CHECKSUM, &sum, 2);
  run->vnet = (struct virtio_net_hdr){
      .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
      .gso_type = is_v4(run->header) ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
      .hdr_len = (uint16_t)run->headers,
      .gso_size = (uint16_t)run->payload,
      .csum_start = (uint16_t)run->upper,
      .csum_offset = TCP_CHECKSUM,
  };
  run->parts[0] = (struct iovec){&run->vnet, sizeof run->vnet};
  run->parts[1] = (struct iovec){run->header, run->headers};
  return 2 + (int)run->count;
}
