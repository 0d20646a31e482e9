/**
 * Lets a Type 1 instance find the network namespace of its host: callers that connect over the
 * management link have their sockets in that namespace, and only there can the instance see which
 * user owns them.
 * @module
 */
import { processWithNamespace } from "@/daemon/network.ts";

/**
 * Environment variable in which the daemon gives an instance the inode number of the daemon's
 * network namespace.
 */
const HOST_NAMESPACE = "MYIKEV2_HOST_NAMESPACE";
/** Interval between two searches through all processes, in milliseconds. */
const SEARCH_MS = 1_000;

/** What the daemon adds to the environment of an instance. */
export function hostEnvironment(): Record<string, string> {
  return { [HOST_NAMESPACE]: String(Deno.statSync("/proc/self/ns/net").ino ?? 0) };
}

/**
 * Returns a function that finds a process in the namespace of the host. Returns undefined if this
 * process is not an instance of a daemon, or runs in that namespace itself.
 */
export function hostProcessFinder(): (() => number | undefined) | undefined {
  const inode = Number(Deno.env.get(HOST_NAMESPACE));
  if (!(inode > 0) || Deno.statSync("/proc/self/ns/net").ino === inode) return undefined;
  let known: number | undefined;
  let nextSearch = 0;
  return () => {
    if (known !== undefined && isIn(known, inode)) return known;
    if (performance.now() < nextSearch) return undefined;
    nextSearch = performance.now() + SEARCH_MS;
    return known = processWithNamespace(inode);
  };
}

function isIn(pid: number, inode: number): boolean {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/net`) === `net:[${inode}]`;
  } catch {
    return false;
  }
}
