/*
 * Cutting large TCP segments into packets and joining packets, through a pair of sockets in the place
 * of a TUN device. Checksums are judged by the plain sum of RFC 1071. Part of shim_check.c.
 */
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../../ffi/tun_offload.h"

int32_t my_tun_read(int32_t fd, uint8_t *held, uint8_t *arena, uint32_t slot_octets, uint32_t slots,
                    uint32_t *lengths);
int32_t my_tun_write(int32_t fd, const uint8_t *buffer, const uint32_t *places, uint32_t count);

enum { ROOM = 2048, PIECE = 1001, OPTIONS = 12, PACKETS_MAX = 8, HEAD = sizeof(struct virtio_net_hdr) };

static uint32_t sum_words(const uint8_t *from, uint32_t octets, uint32_t sum) {
  for (uint32_t i = 0; i < octets; i++) sum += i % 2 ? from[i] : (uint32_t)from[i] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/* All ones where the checksum is right; with the checksum 0, its complement. */
static uint32_t tcp_sum(const uint8_t *packet, uint32_t octets) {
  uint32_t header = packet[0] >> 4 == 4 ? 20 : 40, at = header == 20 ? 12 : 8;
  uint32_t sum = sum_words(packet + at, header - at, octets - header + 6);
  return sum_words(packet + header, octets - header, sum);
}

/* A segment as the system hands it over: the sum of the pseudo-header alone. */
static uint32_t make_segment(uint8_t *packet, int six, uint32_t payload, uint8_t flags) {
  uint32_t header = six ? 40 : 20, headers = header + 20 + OPTIONS, octets = headers + payload;
  static const uint8_t v4[] = {0x45, 2, 0, 0, 0xff, 0xfe, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  static const uint8_t v6[] = {0x60, 0x21, 2, 3, 0, 0, 6, 64, 0xfd, 1};
  static const uint8_t tcp[] = {4, 1, 4, 2, 0xff, 0xff, 0xf0, 0, 1, 2, 3, 4, (20 + OPTIONS) * 4, 0, 9, 9,
                                0, 0, 0, 0, 1, 1, 8, 10, 5, 6, 7, 8, 9, 1, 2, 3};
  memset(packet, 0, headers);
  memcpy(packet, six ? v6 : v4, six ? sizeof v6 : sizeof v4);
  memcpy(packet + header, tcp, sizeof tcp);
  packet[header + 13] = flags;
  uint32_t length = six ? octets - 40 : octets;
  packet[six ? 4 : 2] = (uint8_t)(length >> 8), packet[six ? 5 : 3] = (uint8_t)length;
  uint32_t sum = sum_words(packet + (six ? 8 : 12), six ? 32 : 8, octets - header + 6);
  packet[header + 16] = (uint8_t)(sum >> 8), packet[header + 17] = (uint8_t)sum;
  for (uint32_t i = 0; i < payload; i++) packet[headers + i] = (uint8_t)(i * 7 + (i >> 8));
  return octets;
}

static void hand_over(int fd, struct virtio_net_hdr told, uint8_t *packet, uint32_t octets) {
  struct iovec parts[] = {{&told, sizeof told}, {packet, octets}};
  CHECK(writev(fd, parts, 2) == (ssize_t)(sizeof told + octets), "%s", strerror(errno));
}

static struct virtio_net_hdr told_of(int six) {
  return (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                 .gso_type = six ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
                                 .gso_size = PIECE, .csum_start = six ? 40 : 20, .csum_offset = 16};
}

/* All packets that come of what was handed over, two slots at a time. */
static uint32_t cut(int fd, uint8_t *packets, uint32_t *lengths) {
  uint8_t *held = block(sizeof(tun_held), 0);
  uint32_t count = 0;
  int32_t got;
  while (count < PACKETS_MAX && (got = my_tun_read(fd, held, packets + count * ROOM, ROOM, 2, lengths + count)) > 0) {
    count += (uint32_t)got;
  }
  free(held);
  return count;
}

static void check_packet(const uint8_t *packet, uint32_t octets, uint32_t i, uint32_t rest) {
  uint32_t header = packet[0] >> 4 == 4 ? 20 : 40, headers = header + 20 + OPTIONS;
  uint32_t flags = 16u | (i == 0 ? 128u : 0) | (rest <= PIECE ? 9u : 0);
  uint32_t sequence = 0xfffff000u + i * PIECE;
  const uint8_t *tcp = packet + header;
  CHECK(octets == headers + (rest < PIECE ? rest : PIECE), "%u octets in packet %u", octets, i);
  CHECK(tcp_sum(packet, octets) == 0xffff, "checksum of packet %u", i);
  CHECK(tcp[13] == flags, "flags %u of packet %u", tcp[13], i);
  CHECK(((uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7]) == sequence, "%u", i);
  for (uint32_t at = i * PIECE, k = headers; k < octets; k++, at++) {
    CHECK(packet[k] == (uint8_t)(at * 7 + (at >> 8)), "octet %u of packet %u", k, i);
  }
  if (header == 40) {
    CHECK((uint32_t)(packet[4] << 8 | packet[5]) == octets - 40, "length of packet %u", i);
    return;
  }
  CHECK(sum_words(packet, 20, 0) == 0xffff, "header of packet %u", i);
  CHECK((uint32_t)(packet[2] << 8 | packet[3]) == octets, "length of packet %u", i);
  CHECK((uint32_t)(packet[4] << 8 | packet[5]) == ((0xfffe + i) & 0xffff), "identification of %u", i);
}

static void check_cut(int ends[2], int six, uint32_t payload) {
  uint8_t *segment = block(8192, 0), *packets = block(PACKETS_MAX * ROOM, 0);
  uint32_t lengths[PACKETS_MAX + 2], octets = make_segment(segment, six, payload, 1 | 8 | 16 | 128);
  hand_over(ends[0], told_of(six), segment, octets);
  uint32_t count = cut(ends[1], packets, lengths);
  CHECK(count == (payload + PIECE - 1) / PIECE, "%u packets of %u octets", count, payload);
  for (uint32_t i = 0; i < count; i++) check_packet(packets + i * ROOM, lengths[i], i, payload - i * PIECE);
  free(segment), free(packets);
}

/* Writes packets to the device; how many writes it took. */
static uint32_t writes(int ends[2], const uint8_t *packets, const uint32_t *lengths, uint32_t count) {
  uint32_t places[2 * PACKETS_MAX], number = 0;
  static uint8_t taken[TUN_PACKET_MAX];
  for (uint32_t i = 0; i < count; i++) places[2 * i] = i * ROOM, places[2 * i + 1] = lengths[i];
  CHECK(my_tun_write(ends[1], packets, places, count) == (int32_t)count, "taken");
  while (read(ends[0], taken, sizeof taken) > 0) number++;
  return number;
}

/* Puts the right checksum of TCP, or one that is wrong by so much. */
static void set_checksum(uint8_t *packet, uint32_t octets, uint32_t wrong) {
  uint8_t *at = packet + (packet[0] >> 4 == 4 ? 36 : 56);
  at[0] = at[1] = 0;
  uint32_t sum = ~tcp_sum(packet, octets) + wrong;
  at[0] = (uint8_t)(sum >> 8), at[1] = (uint8_t)sum;
}

/* A change in the third of five packets, by which it is of another kind, and the writes it then takes. */
static void check_apart(int ends[2], int six, const uint8_t *packets, const uint32_t *lengths) {
  uint32_t tcp = six ? 40 : 20;
  const struct { uint32_t at; uint8_t to; uint32_t wrong, writes; } changes[] = {
      {tcp + 7, 0x33, 0, 3}, {tcp + 1, 7, 0, 3},  {tcp + 11, 9, 0, 3}, {tcp + 14, 7, 0, 3},
      {tcp + 13, 17, 0, 3},  {tcp + 25, 1, 0, 3}, {1, six ? 0x31 : 1, 0, 3},
      {tcp + 13, 24, 0, 2},  {tcp + 15, 9, 1, 3}, {tcp + 15, 9, 0, 1}};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    uint8_t *copy = block(PACKETS_MAX * ROOM, 0), *third = copy + 2 * ROOM;
    memcpy(copy, packets, PACKETS_MAX * ROOM);
    third[changes[i].at] = changes[i].to;
    if (!six) {
      third[10] = third[11] = 0;
      uint32_t sum = ~sum_words(third, 20, 0);
      third[10] = (uint8_t)(sum >> 8), third[11] = (uint8_t)sum;
    }
    set_checksum(third, lengths[2], changes[i].wrong);
    uint32_t number = writes(ends, copy, lengths, 5);
    CHECK(number == changes[i].writes, "%u writes with change %zu of IPv%d", number, i, six ? 6 : 4);
    free(copy);
  }
}

/* Five packets are joined to one segment, which cut again gives the same packets. */
static void check_joined(int ends[2], int six) {
  uint8_t *segment = block(8192, 0), *packets = block(PACKETS_MAX * ROOM, 0);
  uint8_t *again = block(PACKETS_MAX * ROOM, 0), *joined = block(HEAD + 8192, 0);
  uint32_t lengths[PACKETS_MAX + 2], same[PACKETS_MAX + 2], places[10];
  uint32_t octets = make_segment(segment, six, 4 * PIECE + 3, 8 | 16);
  hand_over(ends[0], told_of(six), segment, octets);
  CHECK(cut(ends[1], packets, lengths) == 5, "cut");
  for (uint32_t i = 0; i < 5; i++) places[2 * i] = i * ROOM, places[2 * i + 1] = lengths[i];
  CHECK(my_tun_write(ends[1], packets, places, 5) == 5, "written");
  ssize_t got = read(ends[0], joined, HEAD + 8192);
  CHECK(got == (ssize_t)(HEAD + octets), "%zd octets of %u", got, octets);
  CHECK(write(ends[0], joined, (size_t)got) == got && cut(ends[1], again, same) == 5, "cut again");
  for (uint32_t i = 0; i < 5; i++) {
    CHECK(same[i] == lengths[i] && !memcmp(packets + i * ROOM, again + i * ROOM, lengths[i]), "packet %u", i);
  }
  check_apart(ends, six, packets, lengths);
  free(segment), free(packets), free(again), free(joined);
}

/* What the system could not have told is not handed on. */
static void check_nonsense(int ends[2]) {
  uint8_t *segment = block(8192, 0), *packets = block(PACKETS_MAX * ROOM, 0);
  uint32_t lengths[PACKETS_MAX + 2], octets = make_segment(segment, 0, 3000, 16);
  struct virtio_net_hdr told[6];
  for (int i = 0; i < 6; i++) told[i] = told_of(0);
  told[0].gso_size = 0, told[1].gso_size = ROOM, told[2].csum_start = 65535, told[3].csum_start = 19;
  told[4].gso_type = VIRTIO_NET_HDR_GSO_TCPV6, told[5].gso_type = VIRTIO_NET_HDR_GSO_UDP;
  for (int i = 0; i < 6; i++) {
    hand_over(ends[0], told[i], segment, octets);
    CHECK(cut(ends[1], packets, lengths) == 1 && lengths[0] == 0, "nonsense %d", i);
  }
  struct virtio_net_hdr beyond = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 99, .csum_offset = 16};
  hand_over(ends[0], beyond, segment, 100);
  CHECK(cut(ends[1], packets, lengths) == 1 && lengths[0] == 0, "a checksum beyond the packet");
  CHECK(write(ends[0], segment, 1) == 1, "write");
  CHECK(cut(ends[1], packets, lengths) == 1 && lengths[0] == 0, "less than the header");
  hand_over(ends[0], (struct virtio_net_hdr){0}, segment, 3000);
  CHECK(cut(ends[1], packets, lengths) == 1 && lengths[0] == ROOM, "more than a slot");
  beyond.csum_start = 20;
  octets = make_segment(segment, 0, 77, 16);
  hand_over(ends[0], beyond, segment, octets);
  CHECK(cut(ends[1], packets, lengths) == 1 && lengths[0] == octets, "a packet");
  CHECK(tcp_sum(packets, octets) == 0xffff, "its checksum");
  free(segment), free(packets);
}

static void check_tun(void) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0, "socketpair");
  for (int six = 0; six < 2; six++) {
    static const uint32_t sizes[] = {1, PIECE, PIECE + 1, 2 * PIECE, 5 * PIECE + 500};
    for (int i = 0; i < 5; i++) check_cut(ends, six, sizes[i]);
    check_joined(ends, six);
  }
  check_nonsense(ends);
  close(ends[0]), close(ends[1]);
}
