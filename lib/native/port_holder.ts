/**
 * Who already has a port: looked up in Linux' `/proc` to make one error message useful.
 * @module
 */

/** A process that holds a port. */
export interface PortHolder {
  readonly pid: number;
  /** Its name as the kernel knows it, at most 15 characters. */
  readonly name: string;
}

/** State of a socket that takes what comes: TCP_LISTEN; of UDP, TCP_CLOSE (not connected). */
const WAITING = { tcp: "0A", udp: "07" } as const;

/**
 * The process that has a port, at any address; `undefined` when it cannot be told, as it cannot
 * without privileges for processes of other users.
 */
export function portHolder(protocol: "tcp" | "udp", port: number): PortHolder | undefined {
  const inodes = [protocol, `${protocol}6`].flatMap((table) =>
    waitingInodes(readText(`/proc/net/${table}`), port, WAITING[protocol])
  );
  if (inodes.length === 0) return undefined;
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  for (const pid of entries("/proc").filter((name) => /^\d+$/.test(name))) {
    if (!entries(`/proc/${pid}/fd`).some((fd) => wanted.has(readLink(`/proc/${pid}/fd/${fd}`)))) {
      continue;
    }
    return { pid: Number(pid), name: readText(`/proc/${pid}/comm`).trim() };
  }
  return undefined;
}

/** `pid 12 (name)`, or that it cannot be told; for error messages. */
export function showPortHolder(protocol: "tcp" | "udp", port: number): string {
  const holder = portHolder(protocol, port);
  return holder ? `process ${holder.pid} (${holder.name})` : "a process that cannot be told";
}

/**
 * Socket inodes in `state` at `port`, from the text of `/proc/net/tcp` or `udp`. Columns: number, local
 * address:port (hex), remote one, state, queues, timers, retransmissions, uid, timeout, inode.
 */
export function waitingInodes(table: string, port: number, state: string): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").map((line) => line.trim().split(/\s+/))
    .filter((column) => column[1]?.endsWith(suffix) && column[3] === state)
    .map((column) => column[9]!);
}

/** Processes come and go, and many are not ours to look into: whatever fails is left out. */
function quietly<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function readText(path: string): string {
  return quietly(() => Deno.readTextFileSync(path), "");
}

function readLink(path: string): string {
  return quietly(() => Deno.readLinkSync(path), "");
}

function entries(path: string): string[] {
  return quietly(() => [...Deno.readDirSync(path)].map((entry) => entry.name), []);
}
