/* TUN devices: packets that the system routes into a device are read here, and written ones arrive. */
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

/* Makes a device that exists as long as its file descriptor. name has 16 octets, is NUL-terminated,
 * and may contain a %d for which the kernel puts a number; it receives the final name. Returns the
 * descriptor, or -errno. */
MY_EXPORT int32_t my_tun_open(uint8_t *name) {
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  /* A system that does not deliver large segments delivers packets. */
  (void)ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
  memcpy(name, request.ifr_name, sizeof request.ifr_name);
  return fd;
}

/* Reads once: returns 1 after a packet into the slot, with its octets in length; 0 after a large
 * segment into held; or -errno. A packet that does not fit, or is described wrongly, comes as its
 * first octets, for the caller to count. */
static int32_t read_one(int fd, tun_held *held, uint8_t *slot, uint32_t slot_octets, uint32_t *length) {
  struct virtio_net_hdr vnet;
  struct iovec parts[] = {
      {&vnet, sizeof vnet},
      {slot, slot_octets},
      {held->segment + slot_octets, TUN_PACKET_MAX - slot_octets},
  };
  ssize_t got;
  do got = readv(fd, parts, 3);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  if (got < (ssize_t)sizeof vnet) {
    /* It was too short for the header that describes it, and counts as a packet of no octets. */
    *length = 0;
    return 1;
  }
  uint32_t octets = (uint32_t)got - (uint32_t)sizeof vnet;
  *length = octets < slot_octets ? octets : slot_octets;
  if (vnet.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
    /* A packet without its checksum must not leave; without octets it counts as malformed. */
    if (octets <= slot_octets && !my_tun_complete(slot, octets, &vnet)) *length = 0;
    return 1;
  }
  memcpy(held->segment, slot, *length);
  if (my_tun_hold(held, octets, &vnet, slot_octets)) return 0;
  *length = 0;
  return 1;
}

/* Reads the packets that wait, without blocking, each into a slot of the arena; returns their
 * number, 0 if none waits. lengths receives the octets of each. Large TCP segments are cut into
 * packets with checksums; held, all zeros at first, keeps those for which there were no slots until
 * the next call. A slot has at most TUN_PACKET_MAX octets. */
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
  struct virtio_net_hdr vnet = {0};
  int32_t taken = 0;
  for (uint32_t i = 0; i < count; i++) {
    struct iovec parts[] = {
        {&vnet, sizeof vnet},
        {(void *)(uintptr_t)(buffer + places[2 * i]), places[2 * i + 1]},
    };
    taken += put(fd, parts, 2);
  }
  return taken;
}

/* Writes packets; places has the offset and the octets of each. Successive packets of one TCP
 * connection are joined and written at once. Returns how many the device took. */
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
