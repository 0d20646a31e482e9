/**
 * Finds the process that already uses a port in Linux' `/proc`, for an error message that names it.
 * @module
 */
import { type IpAddress, isUnspecified } from "@/base/address.ts";
import { toHex } from "@/base/bytes.ts";

/** A process that holds a port. */
export interface PortHolder {
  readonly pid: number;
  /** Its name as the kernel knows it, at most 15 characters. */
  readonly name: string;
}

/** The states of sockets that receive: TCP_LISTEN, and for UDP TCP_CLOSE (not connected). */
const WAITING = { tcp: "0A", udp: "07" } as const;

/**
 * The process that uses a port at an address, or at any; undefined if it is unknown, as it is without
 * privileges for processes of other users.
 */
export function portHolder(
  protocol: "tcp" | "udp",
  port: number,
  address?: IpAddress,
): PortHolder | undefined {
  const sockets = socketsAt(protocol, port, address);
  if (sockets.length === 0) return undefined;
  const wanted = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
  for (const pid of entries("/proc").filter((name) => /^\d+$/.test(name))) {
    if (!entries(`/proc/${pid}/fd`).some((fd) => wanted.has(readLink(`/proc/${pid}/fd/${fd}`)))) {
      continue;
    }
    return { pid: Number(pid), name: readText(`/proc/${pid}/comm`).trim() };
  }
  return undefined;
}

/** Describes the holder of a port for error messages: `pid 12 (name)`, or that it is unknown. */
export function showPortHolder(
  protocol: "tcp" | "udp",
  port: number,
  address?: IpAddress,
): string {
  const holder = portHolder(protocol, port, address);
  if (holder) return `process ${holder.pid} (${holder.name})`;
  // Only root may inspect processes of other users, but everybody can see whose they are.
  const [socket] = socketsAt(protocol, port, address);
  return socket ? `a process of user ${socket.user}` : "a process that cannot be told";
}

function socketsAt(protocol: "tcp" | "udp", port: number, address?: IpAddress): WaitingSocket[] {
  return [protocol, `${protocol}6`].flatMap((table) =>
    waitingSockets(readText(`/proc/net/${table}`), port, WAITING[protocol], address)
  );
}

/** A socket as the kernel lists it. */
export interface WaitingSocket {
  readonly inode: string;
  /** Number of the user who opened it. */
  readonly user: number;
}

/**
 * Sockets in `state` at `port` that prevent `address`, if one is given, from being bound, in the text of
 * `/proc/net/tcp` or `udp`. Its columns are number, local address:port (hex), remote one, state, queues,
 * timers, retransmissions, uid, timeout, inode.
 */
export function waitingSockets(
  table: string,
  port: number,
  state: string,
  address?: IpAddress,
): WaitingSocket[] {
  const wantedPort = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").map((line) => line.trim().split(/\s+/))
    .filter((column) => {
      const [at, portText] = (column[1] ?? "").split(":");
      return portText === wantedPort && column[3] === state &&
        (!address || isInTheWay(at!, address));
    })
    .map((column) => ({ inode: column[9]!, user: Number(column[7]) }));
}

/** Whether a bound address, in hex, prevents `address` from being bound: it is the same, or unspecified. */
function isInTheWay(bound: string, address: IpAddress): boolean {
  // An IPv6 socket at any address may take IPv4 as well.
  if (/^0+$/.test(bound)) return address.length === 4 || bound.length === 32;
  if (isUnspecified(address)) return bound.length === 2 * address.length;
  // Each group of four octets is written as a little-endian number.
  const words: string[] = [];
  for (let at = 0; at < address.length; at += 4) {
    words.push(toHex(address.slice(at, at + 4).reverse()).toUpperCase());
  }
  return bound === words.join("");
}

/** The result of `read`, or `otherwise` if it throws, as processes end and others' may not be inspected. */
function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function readText(path: string): string {
  return orElse(() => Deno.readTextFileSync(path), "");
}

function readLink(path: string): string {
  return orElse(() => Deno.readLinkSync(path), "");
}

function entries(path: string): string[] {
  return orElse(() => [...Deno.readDirSync(path)].map((entry) => entry.name), []);
}
