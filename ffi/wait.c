/* Waits for any of several sockets by an epoll, with an eventfd by which another thread ends the
 * wait. my_wait is the only function that blocks; it is called outside of the main thread. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The eventfd's tag; sockets have smaller ones. */
#define TAG_WAKE UINT32_MAX
/* The most sockets that are reported in one call. */
#define READY_MAX 256

/* Makes an epoll, with an eventfd for my_wait_wake in out[0]. */
MY_EXPORT int32_t my_wait_open(int32_t *out) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return -errno;
  int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event wake = {.events = EPOLLIN, .data.u64 = TAG_WAKE};
  if (event < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wake) < 0) {
    int error = errno;
    if (event >= 0) close(event);
    close(epoll);
    return -error;
  }
  out[0] = event;
  return epoll;
}

/* Adds a socket with a tag of the caller, which is below 2^32 - 1. */
MY_EXPORT int32_t my_wait_add(int32_t epoll, int32_t fd, uint32_t tag) {
  if (tag == TAG_WAKE) return -EINVAL;
  /* The file descriptor and the tag are stored together. */
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)(uint32_t)fd << 32 | tag};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Changes what a socket is waited for: bit 0, to receive; bit 1, room to send. */
MY_EXPORT int32_t my_wait_change(int32_t epoll, int32_t fd, uint32_t tag, uint32_t wanted) {
  uint32_t events = (wanted & 1 ? (uint32_t)EPOLLIN : 0u) | (wanted & 2 ? (uint32_t)EPOLLOUT : 0u);
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(uint32_t)fd << 32 | tag};
  return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

/* Writes the tags of sockets that are ready, without blocking; returns their number, at most
 * READY_MAX and `tags_max`. */
MY_EXPORT int32_t my_wait_ready(int32_t epoll, uint32_t *tags, uint32_t tags_max) {
  struct epoll_event ready[READY_MAX];
  int got = epoll_wait(epoll, ready, tags_max < READY_MAX ? (int)tags_max : READY_MAX, 0), count = 0;
  if (got < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < got; i++) {
    uint32_t tag = (uint32_t)ready[i].data.u64;
    if (tag != TAG_WAKE) tags[count++] = tag;
  }
  return count;
}

/* Blocks until a socket can be read, my_wait_wake was called, or the time is over (-1: never).
 * Reads nothing. */
MY_EXPORT int32_t my_wait(int32_t epoll, int32_t timeout_ms) {
  struct epoll_event event;
  int ready = epoll_wait(epoll, &event, 1, timeout_ms);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  return ready;
}

/* Ends my_wait, now and in the future. */
MY_EXPORT int32_t my_wait_wake(int32_t event) {
  return eventfd_write(event, 1) < 0 ? -errno : 0;
}

MY_EXPORT int32_t my_close(int32_t fd) {
  return close(fd) < 0 ? -errno : 0;
}
