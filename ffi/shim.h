/* The C shim does what TypeScript cannot do by itself: system calls and libcrypto. It has no
 * protocol and no policy. Only functions marked MY_EXPORT are visible outside of the library.
 *
 * Lengths are octets in uint32_t. A result >= 0 is a count or a file descriptor, a negative one is
 * -errno (sockets) or MY_CANNOT / MY_PEER_IS_WRONG (crypto). Between calls the shim keeps only
 * caches of libcrypto objects, one set for each thread, and objects whose addresses were returned. */
#ifndef MYIKEV2_SHIM_H
#define MYIKEV2_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define MY_EXPORT __attribute__((visibility("default")))

/* Increases with every change of a function or a record; lib/native/load.ts has the same number. */
#define MY_SHIM_ABI 12

/* libcrypto does not support the request. */
#define MY_CANNOT (-1)
/* What the peer sent is invalid. */
#define MY_PEER_IS_WRONG (-2)

#endif
