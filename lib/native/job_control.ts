/**
 * Job control of the terminal, which the runtime does not offer.
 * @module
 */

const SIGTTIN = 21;
const SIGTTOU = 22;
/** SIG_IGN of `signal(2)`, which is no address. */
const SIG_IGN = 1n;

/**
 * Lets reads of the terminal fail while this process is in the background, where it would be stopped otherwise.
 * Returns false where that is not possible.
 */
export function ignoreTerminalStops(): boolean {
  let libc: Deno.DynamicLibrary<typeof LIBC>;
  try {
    libc = Deno.dlopen("libc.so.6", LIBC);
  } catch {
    return false;
  }
  const ignore = Deno.UnsafePointer.create(SIG_IGN);
  for (const signal of [SIGTTIN, SIGTTOU]) libc.symbols.signal(signal, ignore);
  libc.close();
  return true;
}

const LIBC = { signal: { parameters: ["i32", "pointer"], result: "pointer" } } as const;
