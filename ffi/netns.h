/* Internal declarations of the socket part: lets the calling thread work in another network
 * namespace. */
#ifndef MYIKEV2_NETNS_H
#define MYIKEV2_NETNS_H

#include "shim.h"

/* Moves the calling thread into the namespace of a path (/run/netns/NAME); an empty path changes
 * nothing. Returns 0, or -errno and the thread stays. `home` is for the way back. */
int netns_enter(const uint8_t *path, uint32_t path_len, int *home);
/* Moves the thread back. After -errno it is in the wrong namespace, and must not continue. */
int netns_leave(int home);

#endif
