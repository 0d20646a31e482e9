/**
 * Finds out which user is at the far end of a Unix socket, by SO_PEERCRED (unix(7)), which the kernel
 * recorded when the connection was made.
 * @module
 */

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Octets of `struct ucred`: process, user and group, each of 32 bits. */
const UCRED_OCTETS = 12;

const LIBC = {
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
} as const;

let libc: Deno.DynamicLibrary<typeof LIBC> | undefined;

/** The number of the user who connected this socket; undefined if it is unknown. */
export function peerUser(fd: number): number | undefined {
  const credentials = new Uint8Array(UCRED_OCTETS);
  const length = new Uint8Array(new Uint32Array([UCRED_OCTETS]).buffer);
  try {
    libc ??= Deno.dlopen("libc.so.6", LIBC);
    const failed = libc.symbols.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length);
    return failed ? undefined : new DataView(credentials.buffer).getUint32(4, true);
  } catch {
    return undefined;
  }
}
