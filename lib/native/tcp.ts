/**
 * The shim's TCP sockets (`ffi/tcp.c`): opens them, accepts connections, receives and sends octets, and waits
 * for many sockets at once.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { must, SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { closeFd, errnoName } from "@/native/udp.ts";

/** Bits of the flags of `my_tcp_open`. */
const OPEN_FREEBIND = 1;
const OPEN_BYPASS = 2;
const OPEN_MARK = 16;
/** The step of `my_tcp_open` that failed, by the number that it returns. */
const STEPS = ["", "setns", "socket", "setsockopt", "bind", "setns", "listen", "connect"];
const STEP_RETURN = 5;
const EAGAIN = 11;
const ENFILE = 23;
const EMFILE = 24;
const ENODATA = 61;
const ENOBUFS = 105;
/** Octets in which `my_tcp_accept` describes the ends of a connection. */
const ENDS_OCTETS = 48;
/** The most sockets that are reported ready at a time. */
const READY_MAX = 256;

/** The options of a TCP socket. */
export interface TcpSocketOptions {
  readonly ownAddress: IpAddress;
  /** The own port; 0 takes a free one. */
  readonly ownPort: number;
  /** The other end of a connection that is to be made; absent: the socket listens. */
  readonly peer?: { readonly address: IpAddress; readonly port: number } | undefined;
  /** Path of a network namespace; absent: the process's own. */
  readonly namespacePath?: string | undefined;
  /** Whether it may be bound to an address that no interface has. */
  readonly freebind?: boolean | undefined;
  /** Whether it carries tunnels, so that its packets have the mark `TUNNEL_MARK`. */
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
 * Opens a socket that listens, or one that begins to connect.
 * @throws {SystemError} with the call that failed and its errno name.
 */
export function openTcpSocket(shim: ShimSymbols, options: TcpSocketOptions): TcpSocket {
  const { ownAddress, ownPort, peer, namespacePath = "" } = options;
  const path = new TextEncoder().encode(namespacePath);
  const report = new Uint32Array(4);
  const flags = OPEN_BYPASS | (options.freebind ? OPEN_FREEBIND : 0) |
    (options.carriesTunnels ? OPEN_MARK : 0);
  const fd = shim.my_tcp_open(
    path,
    path.length,
    ownAddress as Uint8Array<ArrayBuffer>,
    ownAddress.length,
    ownPort,
    (peer?.address ?? ownAddress) as Uint8Array<ArrayBuffer>,
    peer?.port ?? 0,
    flags,
    report,
  );
  // The rest of the program runs in this thread, which would otherwise be in the wrong namespace.
  must(report[0] !== STEP_RETURN, "a thread returns from a network namespace");
  if (fd < 0) {
    const errno = errnoName(-fd);
    const syscall = STEPS[report[0]!] || "socket";
    throw new SystemError(`${syscall} fails: ${errno}`, syscall, errno);
  }
  const bypassRefused = report[3] === 0 ? undefined : errnoName(report[3]!);
  return { fd, port: report[1]!, bypassRefused };
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
 * Accepts a connection. `undefined`: none waits; `full`: no file descriptor is left for it; `refused`: the
 * system forbids it, or many connections ended before they were accepted.
 * @throws {SystemError} if the listening socket has become unusable.
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
  const ownAddress = ends.slice(16, 16 + family);
  const peerAddress = ends.slice(32, 32 + family);
  return { fd, ownAddress, ownPort, peerAddress, peerPort };
}
/** Errno names of `accept(2)` that concern the connection, not the listening socket. */
const REFUSALS: ReadonlySet<string> = new Set([
  "EPERM",
  "ECONNABORTED",
  "EPROTO",
  "ENOPROTOOPT",
  "EHOSTDOWN",
  "ENONET",
  "EHOSTUNREACH",
  "EOPNOTSUPP",
  "ENETUNREACH",
  "ENETDOWN",
  "EINTR",
]);
const ends = new Uint8Array(ENDS_OCTETS);
const endsWords = new Uint32Array(ends.buffer);

/** Why a connection could not be made; undefined: it is established. */
export function outcomeOf(shim: ShimSymbols, fd: number): string | undefined {
  const error = shim.my_tcp_outcome(fd);
  return error < 0 ? errnoName(-error) : undefined;
}

/** Lets the kernel split the stream into frames and take the ESP; returns the errno name if it refuses. */
export function frameByKernel(shim: ShimSymbols, fd: number): string | undefined {
  const error = shim.my_tcp_frames(fd);
  return error < 0 ? errnoName(-error) : undefined;
}

/** Why the kernel cannot split streams into frames; undefined: it can. */
export function kernelLacksFrames(shim: ShimSymbols): string | undefined {
  const { fd } = openTcpSocket(shim, { ownAddress: new Uint8Array(4), ownPort: 0 });
  const refused = frameByKernel(shim, fd);
  closeFd(shim, fd);
  // A kernel that knows frames refuses a listening socket too, but with another errno.
  return refused === "ENOENT" ? "it has no ESP in TCP (CONFIG_INET_ESPINTCP)" : undefined;
}

/** Number of octets that were received or sent; `later`: none at present; or why the connection has ended. */
export type TcpOutcome = number | "later" | { readonly ended: string };

/** Receives into the buffer from `at` on, up to its end or at most `octets`. */
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

/** Waits for many sockets at once, each identified by a tag of the caller (uint32). */
export class TcpWait {
  readonly #shim: ShimSymbols;
  readonly #epoll: number;
  readonly #wake: number;
  readonly #ready = new Uint32Array(READY_MAX);

  /** @throws {SystemError} if file descriptors have run out. */
  constructor(shim: ShimSymbols) {
    this.#shim = shim;
    const report = new Int32Array(1);
    this.#epoll = checked(shim.my_wait_open(report), "epoll_create1");
    this.#wake = report[0]!;
  }

  /** Adds a socket, to be reported when there are octets to receive. */
  add(fd: number, tag: number): void {
    checked(this.#shim.my_wait_add(this.#epoll, fd, tag), "epoll_ctl");
  }

  /** Changes what a socket is waited for. The end of its connection is always reported. */
  change(
    fd: number,
    tag: number,
    options: { readonly toTake: boolean; readonly room: boolean },
  ): void {
    const wanted = (options.toTake ? 1 : 0) | (options.room ? 2 : 0);
    checked(this.#shim.my_wait_change(this.#epoll, fd, tag, wanted), "epoll_ctl");
  }

  /** Tags of the sockets that are ready now; the array is valid until the next call. */
  ready(): Uint32Array {
    const { my_wait_ready } = this.#shim;
    const count = checked(my_wait_ready(this.#epoll, this.#ready, READY_MAX), "epoll_wait");
    return this.#ready.subarray(0, count);
  }

  /** Resolves when a socket is ready, or `wake` was called. */
  async wait(): Promise<void> {
    checked(await this.#shim.my_wait(this.#epoll, -1), "epoll_wait");
  }

  /** Ends {@linkcode wait} for ever. */
  wake(): void {
    this.#shim.my_wait_wake(this.#wake);
  }

  /** Closes it. Nobody may wait any more. */
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
