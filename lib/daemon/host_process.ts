/**
 * Lets a Type 1 instance find the host on which it was started: callers over the management link have their
 * sockets in the network namespace of the host, and only there can be seen whose they are.
 * @module
 */
import { processWithNamespace } from "@/daemon/network.ts";

/** Environment variable by which the daemon tells an instance the number of its own namespace. */
const HOST_NAMESPACE = "MYIKEV2_HOST_NAMESPACE";
/** All processes are looked through at most so often. */
const SEARCH_MS = 1_000;

/** What the daemon adds to the environment of an instance. */
export function hostEnvironment(): Record<string, string> {
  return { [HOST_NAMESPACE]: String(Deno.statSync("/proc/self/ns/net").ino ?? 0) };
}

/**
 * Finds a process in the namespace of the host; undefined where this process is no instance of a daemon,
 * or is in that namespace itself.
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
