/**
 * The shim's TCP sockets (`ffi/tcp.c`): opening them, accepting, octets both ways, and waiting for
 * many of them at once.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { must, SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { closeFd, errnoName } from "@/native/udp.ts";

/** Bits of the flags of `my_tcp_open`. */
const OPEN_FREEBIND = 1, OPEN_BYPASS = 2, OPEN_MARK = 16;
/** What `my_tcp_open` says of the step that failed. */
const STEPS = ["", "setns", "socket", "setsockopt", "bind", "setns", "listen", "connect"];
const STEP_RETURN = 5;
const EAGAIN = 11, ENFILE = 23, EMFILE = 24, ENODATA = 61, ENOBUFS = 105;
/** Octets that tell of the ends of a connection. */
const ENDS_OCTETS = 48;
/** Sockets told of at a time. */
const READY_MAX = 256;

/** What to open. */
export interface TcpSocketWish {
  readonly ownAddress: IpAddress;
  /** 0: a free one. */
  readonly ownPort: number;
  /** Absent: it listens. */
  readonly peer?: { readonly address: IpAddress; readonly port: number } | undefined;
  /** Path of a network namespace; absent: the process's own. */
  readonly namespacePath?: string | undefined;
  /** Also addresses that no interface has. */
  readonly freebind?: boolean | undefined;
  /** It carries tunnels: it bears the mark of `TUNNEL_MARK`. */
  readonly carriesTunnels?: boolean | undefined;
}

/** A socket that listens, or that is about to be connected. */
export interface TcpSocket {
  readonly fd: number;
  readonly port: number;
  /** The errno name for which IPsec policies apply to this socket; undefined: they do not. */
  readonly bypassRefused: string | undefined;
}

/**
 * Opens a socket; a connection is only begun.
 * @throws {SystemError} with the call that failed and its errno name.
 */
export function openTcpSocket(shim: ShimSymbols, wish: TcpSocketWish): TcpSocket {
  const { ownAddress, ownPort, peer, namespacePath = "" } = wish;
  const path = new TextEncoder().encode(namespacePath), told = new Uint32Array(4);
  const flags = OPEN_BYPASS | (wish.freebind ? OPEN_FREEBIND : 0) |
    (wish.carriesTunnels ? OPEN_MARK : 0);
  const fd = shim.my_tcp_open(
    path,
    path.length,
    ownAddress as Uint8Array<ArrayBuffer>,
    ownAddress.length,
    ownPort,
    (peer?.address ?? ownAddress) as Uint8Array<ArrayBuffer>,
    peer?.port ?? 0,
    flags,
    told,
  );
  // This thread runs all the rest of the program: it would do so in the wrong namespace.
  must(told[0] !== STEP_RETURN, "a thread returns from a network namespace");
  if (fd < 0) {
    const errno = errnoName(-fd), syscall = STEPS[told[0]!] || "socket";
    throw new SystemError(`${syscall} fails: ${errno}`, syscall, errno);
  }
  const bypassRefused = told[3] === 0 ? undefined : errnoName(told[3]!);
  return { fd, port: told[1]!, bypassRefused };
}

/** A connection that was accepted. */
export interface AcceptedTcp {
  readonly fd: number;
  readonly ownAddress: IpAddress;
  readonly ownPort: number;
  readonly peerAddress: IpAddress;
  readonly peerPort: number;
}

/**
 * Takes a connection from a socket that listens; `undefined`: none waits, `full`: no file descriptor is
 * left for it, `refused`: the system forbids it, or many of them ended before they were taken.
 * @throws {SystemError} where the socket is of no use any more.
 */
export function acceptTcp(
  shim: ShimSymbols,
  listener: number,
): AcceptedTcp | "full" | "refused" | undefined {
  const fd = shim.my_tcp_accept(listener, ends);
  if (fd === -EAGAIN) return undefined;
  if (fd < 0 && REFUSALS.has(errnoName(-fd))) return "refused";
  if (fd === -EMFILE || fd === -ENFILE || fd === -ENOBUFS) return "full";
  if (fd < 0) throw new SystemError(`accept fails: ${errnoName(-fd)}`, "accept", errnoName(-fd));
  const [family = 4, ownPort = 0, peerPort = 0] = endsWords;
  const ownAddress = ends.slice(16, 16 + family), peerAddress = ends.slice(32, 32 + family);
  return { fd, ownAddress, ownPort, peerAddress, peerPort };
}
/** What `accept(2)` says of a connection, and not of the socket that listens. */
const REFUSALS: ReadonlySet<string> = new Set([
  ...["EPERM", "ECONNABORTED", "EPROTO", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH"],
  ...["EOPNOTSUPP", "ENETUNREACH", "ENETDOWN", "EINTR"],
]);
const ends = new Uint8Array(ENDS_OCTETS);
const endsWords = new Uint32Array(ends.buffer);

/** Why a connection that was begun is none; undefined: it is one. */
export function outcomeOf(shim: ShimSymbols, fd: number): string | undefined {
  const error = shim.my_tcp_outcome(fd);
  return error < 0 ? errnoName(-error) : undefined;
}

/** Has the kernel split the stream into frames and take ESP out of it; the errno name that forbids it. */
export function frameByKernel(shim: ShimSymbols, fd: number): string | undefined {
  const error = shim.my_tcp_frames(fd);
  return error < 0 ? errnoName(-error) : undefined;
}

/** Why the kernel cannot be asked to cut streams into frames; undefined: it can. */
export function kernelLacksFrames(shim: ShimSymbols): string | undefined {
  const { fd } = openTcpSocket(shim, { ownAddress: new Uint8Array(4), ownPort: 0 });
  const refused = frameByKernel(shim, fd);
  closeFd(shim, fd);
  // A socket that listens is refused for other reasons, which only a kernel that knows frames has.
  return refused === "ENOENT" ? "it has no ESP in TCP (CONFIG_INET_ESPINTCP)" : undefined;
}

/** How octets, or a frame of the kernel's, were taken or sent: how many, or why none. */
export type TcpOutcome = number | "later" | { readonly ended: string };

/** Takes octets into the buffer, from `at` to its end or `octets` of them at most. */
export function receiveTcp(
  shim: ShimSymbols,
  fd: number,
  buffer: Uint8Array,
  at: number,
  octets = buffer.length - at,
): TcpOutcome {
  must(at + octets <= buffer.length, "octets within the buffer");
  return outcome(shim.my_tcp_receive(fd, buffer as Uint8Array<ArrayBuffer>, at, octets));
}

/** Sends octets of the buffer from `at` up to `end`. */
export function sendTcp(
  shim: ShimSymbols,
  fd: number,
  buffer: Uint8Array,
  at: number,
  end = buffer.length,
): TcpOutcome {
  must(at <= end && end <= buffer.length, "octets within the buffer");
  return outcome(shim.my_tcp_send(fd, buffer as Uint8Array<ArrayBuffer>, at, end - at));
}

function outcome(result: number): TcpOutcome {
  if (result >= 0) return result;
  if (result === -EAGAIN || result === -ENOBUFS) return "later";
  return { ended: result === -ENODATA ? "the peer closed it" : errnoName(-result) };
}

/** Sockets waited for together, each known by a tag (uint32) of the caller's. */
export class TcpWait {
  readonly #shim: ShimSymbols;
  readonly #epoll: number;
  readonly #wake: number;
  readonly #ready = new Uint32Array(READY_MAX);

  /** @throws {SystemError} where file descriptors have run out. */
  constructor(shim: ShimSymbols) {
    this.#shim = shim;
    const told = new Int32Array(1);
    this.#epoll = checked(shim.my_wait_open(told), "epoll_create1");
    this.#wake = told[0]!;
  }

  /** Adds a socket, for octets to take. */
  add(fd: number, tag: number): void {
    checked(this.#shim.my_wait_add(this.#epoll, fd, tag), "epoll_ctl");
  }

  /** What a socket is waited for from now on; the end of its connection always is. */
  change(
    fd: number,
    tag: number,
    wish: { readonly toTake: boolean; readonly room: boolean },
  ): void {
    const wanted = (wish.toTake ? 1 : 0) | (wish.room ? 2 : 0);
    checked(this.#shim.my_wait_change(this.#epoll, fd, tag, wanted), "epoll_ctl");
  }

  /** Tags of sockets that have something now; lent until the next call. */
  ready(): Uint32Array {
    const { my_wait_ready } = this.#shim;
    const count = checked(my_wait_ready(this.#epoll, this.#ready, READY_MAX), "epoll_wait");
    return this.#ready.subarray(0, count);
  }

  /** Resolves when a socket has something, or it was woken. */
  async wait(): Promise<void> {
    checked(await this.#shim.my_wait(this.#epoll, -1), "epoll_wait");
  }

  /** Ends {@linkcode wait}, for good. */
  wake(): void {
    this.#shim.my_wait_wake(this.#wake);
  }

  /** To be called when nobody waits any more. */
  close(): void {
    this.#shim.my_close(this.#epoll);
    this.#shim.my_close(this.#wake);
  }
}

function checked(result: number, syscall: string): number {
  if (result >= 0) return result;
  const errno = errnoName(-result);
  throw new SystemError(`${syscall} fails: ${errno}`, syscall, errno);
}
