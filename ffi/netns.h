/* Inside of the socket part: work done by the calling thread in another network namespace. */
#ifndef MYIKEV2_NETNS_H
#define MYIKEV2_NETNS_H

#include "shim.h"

/*
 * Moves the calling thread into the namespace of a path (/run/netns/NAME); an empty path moves
 * nothing. 0, or -errno with the thread where it was. `home` leads back.
 */
int netns_enter(const uint8_t *path, uint32_t path_len, int *home);
/* Moves the thread back. -errno: it stands in the wrong namespace, and must not go on. */
int netns_leave(int home);

#endif
