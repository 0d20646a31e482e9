/* Network namespaces. A socket belongs to the namespace of the thread that opens it (setns(2)). */
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

int netns_enter(const uint8_t *path, uint32_t path_len, int *home) {
  char text[PATH_MAX];
  *home = -1;
  if (path_len == 0) return 0;
  if (path_len >= sizeof text) return -ENAMETOOLONG;
  memcpy(text, path, path_len);
  text[path_len] = 0;
  int there = open(text, O_RDONLY | O_CLOEXEC);
  if (there < 0) return -errno;
  int result = 0;
  *home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (*home < 0 || setns(there, CLONE_NEWNET) < 0) {
    result = -errno;
    if (*home >= 0) close(*home);
    *home = -1;
  }
  close(there);
  return result;
}

int netns_leave(int home) {
  if (home < 0) return 0;
  int result = setns(home, CLONE_NEWNET) < 0 ? -errno : 0;
  close(home);
  return result;
}
