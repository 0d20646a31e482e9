/* A TUN device: IP packets that the system routes into it are read here, and written ones arrive. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
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
  wish.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &wish) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  memcpy(name, wish.ifr_name, sizeof wish.ifr_name);
  return fd;
}

/*
 * Reads the packets that wait, without blocking, each to a slot of the arena: how many; 0 where none
 * waits. lengths gets the octets of each.
 */
MY_EXPORT int32_t my_tun_read(int32_t fd, uint8_t *arena, uint32_t slot_octets, uint32_t slots,
                              uint32_t *lengths) {
  uint32_t filled = 0;
  while (filled < slots) {
    ssize_t got = read(fd, arena + (size_t)filled * slot_octets, slot_octets);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return filled > 0 || errno == EAGAIN ? (int32_t)filled : -errno;
    lengths[filled++] = (uint32_t)got;
  }
  return (int32_t)filled;
}

/* Writes packets: places has the offset and the octets of each. How many the device took. */
MY_EXPORT int32_t my_tun_write(int32_t fd, const uint8_t *buffer, const uint32_t *places,
                               uint32_t count) {
  int32_t taken = 0;
  for (uint32_t i = 0; i < count; i++) {
    ssize_t put;
    do put = write(fd, buffer + places[2 * i], places[2 * i + 1]);
    while (put < 0 && errno == EINTR);
    if (put >= 0) taken++;
  }
  return taken;
}
