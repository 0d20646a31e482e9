/**
 * Open descriptors of this process are not for the processes that it starts. Deno opens the sockets of
 * `node:net` Unix listeners, and what they accept, without O_CLOEXEC: a test that outlives its daemon
 * would go on holding the daemon's socket, and the next daemon could not have it.
 * @module
 */

/** The first descriptor behind standard input, output and error output. */
const FIRST = 3;
const LAST = 0xffff_ffff;
/** Marks in place of closing (close_range(2)); Linux 5.11. */
const CLOSE_RANGE_CLOEXEC = 4;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

const LIBC = {
  close_range: { parameters: ["u32", "u32", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const;

let libc: Deno.DynamicLibrary<typeof LIBC> | undefined;

/**
 * Closes all descriptors of this process but the standard three in every process that is started from
 * now on. To be called directly before one is started that may live longer than this process.
 */
export function keepDescriptorsFromChildren(): void {
  try {
    libc ??= Deno.dlopen("libc.so.6", LIBC);
  } catch {
    return; // a C library of another kind: nothing can be done from here
  }
  if (libc.symbols.close_range(FIRST, LAST, CLOSE_RANGE_CLOEXEC) === 0) return;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd >= FIRST) libc.symbols.fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
}
