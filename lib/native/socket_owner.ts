/**
 * Which user of this host has opened the socket at the far end of a TCP connection. The kernel is asked
 * for that one connection by NETLINK_SOCK_DIAG (`linux/inet_diag.h`, sock_diag(7)); without the C shim, or
 * where the kernel has no socket diagnostics, its table in `/proc/net/tcp` is read (proc(5)).
 *
 * Only an established connection whose socket a process still has open counts: sockets in TIME_WAIT and
 * those that were closed are shown as root's.
 * @module
 */
import { type IpAddress } from "@/base/address.ts";
import { toHex } from "@/base/bytes.ts";
import { loadShim } from "@/native/load.ts";
import { NETLINK_HEADER_OCTETS, NetlinkFlag, NetlinkSocket } from "@/native/netlink.ts";

/** One end of a TCP connection. */
export interface TcpEnd {
  readonly address: IpAddress;
  readonly port: number;
}

/** A network namespace that another process is in; absent: our own. */
export type NamespaceProcess = number | undefined;

const NETLINK_SOCK_DIAG = 4, SOCK_DIAG_BY_FAMILY = 20;
const AF_INET = 2, AF_INET6 = 10, IPPROTO_TCP = 6;
/** `TCP_ESTABLISHED` of the kernel, and how `/proc/net/tcp` writes it. */
const ESTABLISHED = 1, ESTABLISHED_TEXT = "01";
/** Octets of `inet_diag_req_v2` behind the header. */
const REQUEST_OCTETS = 56;
/** Octets of the table in `/proc` that are read at most, as reading holds everything else up. */
const TABLE_OCTETS_MAX = 16 << 20;
/** Tables that are read in a second at most. */
const TABLES_PER_SECOND_MAX = 20;

/**
 * The number of the user who has the socket at `local` that is connected to `remote`; undefined where no
 * process of the namespace has such a socket now, or where it cannot be told.
 */
export function socketOwner(
  local: TcpEnd,
  remote: TcpEnd,
  namespace?: NamespaceProcess,
): number | undefined {
  const ends = { local: unmapped(local), remote: unmapped(remote) };
  if (ends.local.address.length !== ends.remote.address.length) return undefined;
  const asked = askKernel(ends.local, ends.remote, namespace);
  return asked === "unknown" ? readTables(ends.local, ends.remote, namespace) : asked;
}

/** `unknown`: the kernel cannot be asked so. */
function askKernel(
  local: TcpEnd,
  remote: TcpEnd,
  namespace: NamespaceProcess,
): number | undefined | "unknown" {
  const { symbols } = loadShim();
  if (!symbols) return "unknown";
  const namespacePath = namespace === undefined ? undefined : `/proc/${namespace}/ns/net`;
  let socket: NetlinkSocket | undefined;
  try {
    socket = new NetlinkSocket(symbols, { family: NETLINK_SOCK_DIAG, namespacePath });
    const [answer] = socket.ask(diagRequest(local, remote));
    return answer && ownerIn(answer.body);
  } catch {
    // The same errno says that there is no such socket and that the kernel has no diagnostics.
    return "unknown";
  } finally {
    socket?.close();
  }
}

/** `nlmsghdr` and `inet_diag_req_v2` for one connection. */
function diagRequest(local: TcpEnd, remote: TcpEnd): Uint8Array {
  const message = new Uint8Array(NETLINK_HEADER_OCTETS + REQUEST_OCTETS);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, NetlinkFlag.REQUEST | NetlinkFlag.ACK, true);
  const at = NETLINK_HEADER_OCTETS;
  message[at] = local.address.length === 4 ? AF_INET : AF_INET6;
  message[at + 1] = IPPROTO_TCP;
  view.setUint32(at + 4, 1 << ESTABLISHED, true);
  // Ports and addresses are in network order; the cookie says that we know none.
  view.setUint16(at + 8, local.port);
  view.setUint16(at + 10, remote.port);
  message.set(local.address, at + 12);
  message.set(remote.address, at + 28);
  view.setUint32(at + 48, 0xffff_ffff, true);
  view.setUint32(at + 52, 0xffff_ffff, true);
  return message;
}

/** The owner in an `inet_diag_msg`: where no connection is, the kernel answers with who listens. */
function ownerIn(body: Uint8Array): number | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const state = view.getUint8(1), user = view.getUint32(64, true), inode = view.getUint32(68, true);
  return state === ESTABLISHED && inode !== 0 ? user : undefined;
}

let tablesRead = { second: 0, count: 0 };

function readTables(
  local: TcpEnd,
  remote: TcpEnd,
  namespace: NamespaceProcess,
): number | undefined {
  const second = Math.floor(performance.now() / 1000);
  if (tablesRead.second !== second) tablesRead = { second, count: 0 };
  if (++tablesRead.count > TABLES_PER_SECOND_MAX) return undefined;
  const names = local.address.length === 4 ? ["tcp", "tcp6"] : ["tcp6"];
  for (const name of names) {
    const table = readTable(`/proc/${namespace ?? "self"}/net/${name}`);
    const owner = ownerInTable(table, local, remote);
    if (owner !== undefined) return owner;
  }
  return undefined;
}

/**
 * The owner of an established connection in the text of `/proc/net/tcp` or `tcp6`. Columns: number, local
 * address:port (hex), remote one, state, queues, timers, retransmissions, user, timeout, inode.
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

/** An end as the table writes it; an IPv6 socket may carry IPv4. */
function formsOf({ address, port }: TcpEnd): string[] {
  const at = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const words: string[] = [];
  // Each four octets stand as a number of the machine: on all that we run on, the last octet first.
  for (let i = 0; i < address.length; i += 4) {
    words.push(toHex(address.slice(i, i + 4).reverse()).toUpperCase());
  }
  const text = words.join("") + at;
  return address.length === 4 ? [text, `0000000000000000FFFF0000${text}`] : [text];
}

/** Its beginning, where it is very long. */
function readTable(path: string): string {
  const parts: string[] = [], decoder = new TextDecoder(), buffer = new Uint8Array(1 << 18);
  try {
    using file = Deno.openSync(path);
    for (let octets = 0; octets < TABLE_OCTETS_MAX;) {
      const got = file.readSync(buffer);
      if (got === null) break;
      octets += got;
      parts.push(decoder.decode(buffer.subarray(0, got), { stream: true }));
    }
  } catch {
    // A table that is not there has nobody in it.
  }
  return parts.join("");
}

/** An IPv4 address that stands in an IPv6 one (RFC 4291 §2.5.5.2) is that IPv4 address. */
function unmapped({ address, port }: TcpEnd): TcpEnd {
  const isMapped = address.length === 16 && address[10] === 0xff && address[11] === 0xff &&
    address.subarray(0, 10).every((octet) => octet === 0);
  return { address: isMapped ? address.subarray(12) : address, port };
}
