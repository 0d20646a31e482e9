/**
 * Finds the user of this host who owns the socket at the far end of a TCP connection, or a connected UDP
 * socket. The kernel is asked for that one socket by NETLINK_SOCK_DIAG (`linux/inet_diag.h`, sock_diag(7));
 * without the C shim, or on a kernel without socket diagnostics, the table `/proc/net/tcp` or `udp` is read
 * (proc(5)), of which the length, and the time that reading takes in each second, are bounded.
 *
 * Only an established connection counts whose socket a process still holds: sockets in TIME_WAIT and closed
 * sockets are shown as root's. A UDP socket is established when it is connected.
 * @module
 */
import { type IpAddress } from "@/base/address.ts";
import { toHex } from "@/base/bytes.ts";
import { loadShim } from "@/native/load.ts";
import { NETLINK_HEADER_OCTETS, NetlinkFlag, NetlinkSocket } from "@/native/netlink.ts";

/** One end of a connection. */
export interface TcpEnd {
  readonly address: IpAddress;
  readonly port: number;
}

/** A process in the network namespace to look in; undefined: that of this process. */
export type NamespaceProcess = number | undefined;

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
/** `TCP_ESTABLISHED` of the kernel, as a number and in `/proc/net/tcp`. */
const ESTABLISHED = 1;
const ESTABLISHED_TEXT = "01";
/** Octets of `inet_diag_req_v2` after the header. */
const REQUEST_OCTETS = 56;
/** The most octets that are read of a table in `/proc`, as reading blocks everything else. */
const TABLE_OCTETS_MAX = 16 << 20;
/**
 * The most of each second that is spent on reading tables, in ms. A table of 900 sockets takes about 6 ms, and
 * one of a few sockets less than 1 ms.
 */
const READING_MS_PER_SECOND = 250;

/**
 * The number of the user who owns the socket at `local` that is connected to `remote`; undefined if no
 * process of the namespace has such a socket now, or the owner is unknown.
 */
export function socketOwner(
  local: TcpEnd,
  remote: TcpEnd,
  namespace?: NamespaceProcess,
): number | undefined {
  return ownerOf(
    { protocol: IPPROTO_TCP, local: unmapped(local), remote: unmapped(remote) },
    namespace,
  );
}

/**
 * The number of the user who owns the UDP socket at `local` that is connected to `remote`, in the namespace
 * of this process; undefined if no process has such a socket now, or the owner is unknown.
 */
export function udpSocketOwner(local: TcpEnd, remote: TcpEnd): number | undefined {
  const sought = { protocol: IPPROTO_UDP, local: unmapped(local), remote: unmapped(remote) };
  return ownerOf(sought, undefined);
}

/** The socket whose owner is sought. */
interface Sought {
  readonly protocol: number;
  readonly local: TcpEnd;
  readonly remote: TcpEnd;
}

function ownerOf(sought: Sought, namespace: NamespaceProcess): number | undefined {
  if (sought.local.address.length !== sought.remote.address.length) return undefined;
  const asked = askKernel(sought, namespace);
  return asked === "unknown" ? readTables(sought, namespace) : asked;
}

/** The owner as the kernel tells it; `unknown`: the kernel cannot be asked. */
function askKernel(sought: Sought, namespace: NamespaceProcess): number | undefined | "unknown" {
  const { symbols } = loadShim();
  if (!symbols) return "unknown";
  const namespacePath = namespace === undefined ? undefined : `/proc/${namespace}/ns/net`;
  let socket: NetlinkSocket | undefined;
  try {
    socket = new NetlinkSocket(symbols, { family: NETLINK_SOCK_DIAG, namespacePath });
    const [answer] = socket.ask(diagRequest(sought));
    return answer && ownerIn(answer.body);
  } catch {
    // The same errno means that there is no such socket and that the kernel has no diagnostics.
    return "unknown";
  } finally {
    socket?.close();
  }
}

/** A request of `nlmsghdr` and `inet_diag_req_v2` for one connection. */
function diagRequest({ protocol, ...ends }: Sought): Uint8Array {
  // The kernel looks a UDP socket up as the receiver of a datagram, with the two ends the other way round.
  const [local, remote] = protocol === IPPROTO_UDP
    ? [ends.remote, ends.local]
    : [ends.local, ends.remote];
  const message = new Uint8Array(NETLINK_HEADER_OCTETS + REQUEST_OCTETS);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, NetlinkFlag.REQUEST | NetlinkFlag.ACK, true);
  const at = NETLINK_HEADER_OCTETS;
  message[at] = local.address.length === 4 ? AF_INET : AF_INET6;
  message[at + 1] = protocol;
  view.setUint32(at + 4, 1 << ESTABLISHED, true);
  // Ports and addresses are in network byte order; the cookie says that none is known.
  view.setUint16(at + 8, local.port);
  view.setUint16(at + 10, remote.port);
  message.set(local.address, at + 12);
  message.set(remote.address, at + 28);
  view.setUint32(at + 48, 0xffff_ffff, true);
  view.setUint32(at + 52, 0xffff_ffff, true);
  return message;
}

/**
 * The owner in an `inet_diag_msg`. If there is no connection, the kernel answers with the listening socket.
 */
function ownerIn(body: Uint8Array): number | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const state = view.getUint8(1);
  const user = view.getUint32(64, true);
  const inode = view.getUint32(68, true);
  return state === ESTABLISHED && inode !== 0 ? user : undefined;
}

/** The time that reading has taken in the present second, in ms. */
let reading = { second: 0, spentMs: 0 };

function readTables(sought: Sought, namespace: NamespaceProcess): number | undefined {
  const startMs = performance.now();
  const second = Math.floor(startMs / 1000);
  if (reading.second !== second) reading = { second, spentMs: 0 };
  if (reading.spentMs > READING_MS_PER_SECOND) return undefined;
  try {
    return ownerInTables(sought, namespace);
  } finally {
    reading.spentMs += performance.now() - startMs;
  }
}

function ownerInTables(
  { protocol, local, remote }: Sought,
  namespace: NamespaceProcess,
): number | undefined {
  const kind = protocol === IPPROTO_UDP ? "udp" : "tcp";
  const names = local.address.length === 4 ? [kind, `${kind}6`] : [`${kind}6`];
  for (const name of names) {
    const table = readTable(`/proc/${namespace ?? "self"}/net/${name}`);
    const owner = ownerInTable(table, local, remote);
    if (owner !== undefined) return owner;
  }
  return undefined;
}

/**
 * The owner of an established connection in the text of `/proc/net/tcp`, `udp` or those of IPv6. Its columns are number,
 * local address:port (hex), remote one, state, queues, timers, retransmissions, user, timeout, inode.
 */
export function ownerInTable(table: string, local: TcpEnd, remote: TcpEnd): number | undefined {
  const wanted = formsOf(local).map((form, i) =>
    ` ${form} ${formsOf(remote)[i]} ${ESTABLISHED_TEXT} `
  );
  for (const line of table.split("\n")) {
    if (!wanted.some((text) => line.includes(text))) continue;
    const column = line.trim().split(/\s+/);
    if (column[9] !== "0") return Number(column[7]);
  }
  return undefined;
}

/** The forms in which the table may write an end, as an IPv6 socket may carry IPv4. */
function formsOf({ address, port }: TcpEnd): string[] {
  const at = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const words: string[] = [];
  // Each group of four octets is a number in host byte order, which is little-endian on all supported
  // machines.
  for (let i = 0; i < address.length; i += 4) {
    words.push(toHex(address.slice(i, i + 4).reverse()).toUpperCase());
  }
  const text = words.join("") + at;
  return address.length === 4 ? [text, `0000000000000000FFFF0000${text}`] : [text];
}

/** The text of a table, or its beginning if it is very long. */
function readTable(path: string): string {
  const parts: string[] = [];
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(1 << 18);
  try {
    using file = Deno.openSync(path);
    for (let octets = 0; octets < TABLE_OCTETS_MAX;) {
      const got = file.readSync(buffer);
      if (got === null) break;
      octets += got;
      parts.push(decoder.decode(buffer.subarray(0, got), { stream: true }));
    }
  } catch {
    // A table that does not exist has no sockets.
  }
  return parts.join("");
}

/** Replaces an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) by the IPv4 address. */
function unmapped({ address, port }: TcpEnd): TcpEnd {
  const isMapped = address.length === 16 && address[10] === 0xff && address[11] === 0xff &&
    address.subarray(0, 10).every((octet) => octet === 0);
  return { address: isMapped ? address.subarray(12) : address, port };
}
