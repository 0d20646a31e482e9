/*
 * The C shim: what TypeScript cannot do by itself, which is system calls and libcrypto. No protocol
 * and no policy lives here. Only functions marked MY_EXPORT leave the library.
 *
 * Conventions: lengths are octets in uint32_t; a result >= 0 is a count or a file descriptor, a
 * negative one is -errno (sockets) or MY_CANNOT / MY_PEER_IS_WRONG (crypto). Nothing is kept between
 * calls but caches of libcrypto objects, one set for each thread, and what a pointer was given out for.
 */
#ifndef MYIKEV2_SHIM_H
#define MYIKEV2_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define MY_EXPORT __attribute__((visibility("default")))

/* Moves with every change of a function or of a record: lib/native/load.ts holds the same number. */
#define MY_SHIM_ABI 9

/* libcrypto does not do that. */
#define MY_CANNOT (-1)
/* What the peer sent is wrong. */
#define MY_PEER_IS_WRONG (-2)

#endif
