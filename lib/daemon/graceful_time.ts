/**
 * How long the graceful end of an instance may take: what its setup allows for Deletes, and some more to
 * clean up.
 * @module
 */
import { readPrivate } from "@/files/private_file.ts";
import { readSetup } from "@/setup/read.ts";
import { STOP_MS_PER_TUNNEL } from "@/setup/stop_time.ts";

/** Milliseconds that a setup allows where its file cannot be read: the default of `stoptimeout`. */
const DEFAULT_STOP_MS = 10_000;
/** Milliseconds to write results and to remove addresses. */
const CLEAN_UP_MS = 4_000;
const OCTETS_MAX = 16 << 20;

/**
 * The time in milliseconds. `live`: tunnels that are up, as far as it is known; a gateway may have more of
 * them than its setup says.
 */
export function gracefulMs(setupPath: string, live: number): number {
  const { stopMs, tunnels } = limitsOf(setupPath);
  return stopMs + STOP_MS_PER_TUNNEL * Math.max(tunnels, live) + CLEAN_UP_MS;
}

function limitsOf(path: string): { readonly stopMs: number; readonly tunnels: number } {
  try {
    const { setup } = readSetup(readPrivate(path, OCTETS_MAX), path, { lenient: true });
    return { stopMs: setup.stoptimeout, tunnels: setup.numberoftunnels };
  } catch {
    return { stopMs: DEFAULT_STOP_MS, tunnels: 0 };
  }
}
