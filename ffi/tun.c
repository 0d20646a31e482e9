/* A TUN device: IP packets that the system routes into it are read here, and written ones arrive. */
#define _GNU_SOURCE
#include "tun_offload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * Makes a device that lasts as long as its file descriptor. name: 16 octets, NUL-terminated, may have
 * a %d that the kernel fills; the name it has then stands there. The descriptor, or -errno.
 */
MY_EXPORT int32_t my_tun_open(uint8_t *name) {
  struct ifreq wish;
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  memset(&wish, 0, sizeof wish);
  memcpy(wish.ifr_name, name, sizeof wish.ifr_name - 1);
  wish.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(fd, TUNSETIFF, &wish) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  /* A system that does not hand over large segments hands over packets. */
  (void)ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
  memcpy(name, wish.ifr_name, sizeof wish.ifr_name);
  return fd;
}

/*
 * One read: a packet into the slot, 1 and its octets in length; or a large segment into held, 0; or
 * -errno. What does not fit, or is told of wrongly, comes as its first octets, for the caller to count.
 */
static int32_t read_one(int fd, tun_held *held, uint8_t *slot, uint32_t slot_octets, uint32_t *length) {
  struct virtio_net_hdr told;
  struct iovec parts[] = {
      {&told, sizeof told},
      {slot, slot_octets},
      {held->segment + slot_octets, TUN_PACKET_MAX - slot_octets},
  };
  ssize_t got;
  do got = readv(fd, parts, 3);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  if (got < (ssize_t)sizeof told) {
    /* Not even the header that says what the packet is: it comes as one of no octets. */
    *length = 0;
    return 1;
  }
  uint32_t octets = (uint32_t)got - (uint32_t)sizeof told;
  *length = octets < slot_octets ? octets : slot_octets;
  if (told.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
    /* An incomplete packet must not leave: without octets it is malformed. */
    if (octets <= slot_octets && !my_tun_complete(slot, octets, &told)) *length = 0;
    return 1;
  }
  memcpy(held->segment, slot, *length);
  if (my_tun_hold(held, octets, &told, slot_octets)) return 0;
  *length = 0;
  return 1;
}

/*
 * Reads the packets that wait, without blocking, each to a slot of the arena: how many; 0 where none
 * waits. lengths gets the octets of each. Segments of TCP come large and are cut into packets with
 * checksums; held, all zeros at first, keeps for the next call what there were no slots for. A slot
 * has TUN_PACKET_MAX octets at most.
 */
MY_EXPORT int32_t my_tun_read(int32_t fd, uint8_t *held_octets, uint8_t *arena, uint32_t slot_octets,
                              uint32_t slots, uint32_t *lengths) {
  tun_held *held = (tun_held *)(void *)held_octets;
  uint32_t filled = 0;
  if (slot_octets > TUN_PACKET_MAX) return -EINVAL;
  while (filled < slots) {
    uint8_t *slot = arena + (size_t)filled * slot_octets;
    if (held->next < held->octets) {
      lengths[filled++] = my_tun_cut(held, slot);
      continue;
    }
    int32_t got = read_one(fd, held, slot, slot_octets, &lengths[filled]);
    if (got < 0) return filled > 0 || got == -EAGAIN ? (int32_t)filled : got;
    filled += (uint32_t)got;
  }
  return (int32_t)filled;
}

static int put(int fd, const struct iovec *parts, int count) {
  ssize_t written;
  do written = writev(fd, parts, count);
  while (written < 0 && errno == EINTR);
  return written >= 0;
}

static int32_t put_each(int fd, const uint8_t *buffer, const uint32_t *places, uint32_t count) {
  struct virtio_net_hdr told = {0};
  int32_t taken = 0;
  for (uint32_t i = 0; i < count; i++) {
    struct iovec parts[] = {
        {&told, sizeof told},
        {(void *)(uintptr_t)(buffer + places[2 * i]), places[2 * i + 1]},
    };
    taken += put(fd, parts, 2);
  }
  return taken;
}

/*
 * Writes packets: places has the offset and the octets of each. Those of one TCP connection that
 * follow each other are joined and written at once. How many the device took.
 */
MY_EXPORT int32_t my_tun_write(int32_t fd, const uint8_t *buffer, const uint32_t *places,
                               uint32_t count) {
  tun_run run;
  int32_t taken = 0;
  for (uint32_t i = 0, next; i < count; i = next) {
    const uint32_t *place = places + 2 * i;
    next = i + 1;
    if (next < count && my_tun_begin(&run, buffer + place[0], place[1])) {
      while (next < count && my_tun_join(&run, buffer + places[2 * next], places[2 * next + 1])) next++;
    }
    if (next - i > 1 && put(fd, run.parts, my_tun_parts(&run))) taken += (int32_t)(next - i);
    else taken += put_each(fd, buffer, place, next - i);
  }
  return taken;
}
