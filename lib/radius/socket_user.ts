/**
 * Whose UDP socket on loopback a datagram came from. The kernel's table says it (proc(5),
 * `/proc/net/udp`), a line a socket:
 *
 * ```text
 *   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode …
 *  519: 0100007F:D5A4 0100007F:0714 01 00000000:00000000 00:00000000 00000000     0        0 41523 …
 * ```
 * @module
 */
import { SystemError, systemWords } from "@/base/errors.ts";

/** 127.0.0.1 and 0.0.0.0 as the table writes them on machines of either byte order. */
const LOCAL = ["0100007F", "7F000001", "00000000"];

/** The columns of a line that are used, counted from 0. */
const LOCAL_COLUMN = 1;
const USER_COLUMN = 7;

/**
 * Whether the IPv4 sockets of this port belong to `user` alone.
 * @throws {SystemError} where there is no such table.
 */
export function isPortOfUser(port: number, user: number): boolean {
  return userHasPort(readTable(), port, user);
}

/** {@linkcode isPortOfUser}, in a table that was read. */
export function userHasPort(table: string, port: number, user: number): boolean {
  const digits = port.toString(16).toUpperCase().padStart(4, "0");
  const ends = LOCAL.map((address) => `${address}:${digits}`);
  const users = table.split("\n").map((line) => line.trim().split(/\s+/))
    .filter((columns) => ends.includes(columns[LOCAL_COLUMN] ?? ""))
    .map((columns) => Number(columns[USER_COLUMN]));
  // Two sockets may share a port if both allow it.
  return users.length > 0 && users.every((found) => found === user);
}

function readTable(): string {
  try {
    return Deno.readTextFileSync("/proc/net/udp");
  } catch (e) {
    const why = `Cannot tell whose socket a RADIUS request is from: ${systemWords(e)}`;
    throw new SystemError(why, "open", e instanceof Error ? e.name : "");
  }
}
