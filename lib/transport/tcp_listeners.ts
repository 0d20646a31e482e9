/**
 * The listening sockets of a gateway in TCP (RFC 9329): one for each own address, all at one port.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { type AcceptedTcp, acceptTcp, type TcpSocket, type TcpWait } from "@/native/tcp.ts";
import { closeFd } from "@/native/udp.ts";
import { refusalOf } from "@/transport/refusal.ts";
import type { TcpOptions } from "@/transport/transport.ts";

/** The most connections that are accepted in one turn. */
const ACCEPTED_MAX = 64;
/** Milliseconds without accepting after the system has refused to hand over a connection. */
const FULL_PAUSE_MS = 100;

/** What listening sockets need of the transport. */
export interface ListenerOwner {
  readonly shim: ShimSymbols;
  readonly wait: TcpWait;
  /** Opens a listening socket. @throws {SystemError} */
  readonly open: (ownAddress: TcpOptions["ownAddresses"][number], port: number) => TcpSocket;
  /** Begins to wait for a socket; returns its tag. */
  readonly watch: (fd: number) => number;
  readonly accepted: (connection: AcceptedTcp) => void;
}

/** The listening sockets of one transport. */
export class TcpListeners {
  readonly #owner: ListenerOwner;
  /** File descriptors by tag. */
  readonly #byTag = new Map<number, number>();
  #closed = false;

  constructor(owner: ListenerOwner) {
    this.#owner = owner;
  }

  /**
   * Opens a socket at each own address; returns their port. @throws {SetupError} naming the option if the
   * setup can be changed to avoid the error. @throws {SystemError} otherwise.
   */
  open({ ownAddresses, port, namespace }: TcpOptions): number {
    let same = port;
    for (const address of ownAddresses) {
      try {
        const { fd, port: got } = this.#owner.open(address, same);
        same = got;
        this.#byTag.set(this.#owner.watch(fd), fd);
      } catch (e) {
        if (!(e instanceof SystemError)) throw e;
        const { syscall, errno } = e;
        throw refusalOf({ address, port: same, namespace, tcp: true, syscall, errno });
      }
    }
    return same;
  }

  /** Accepts connections of the socket with a tag, if it still is one of them. */
  accept(tag: number): void {
    const fd = this.#byTag.get(tag);
    if (fd === undefined) return;
    for (let taken = 0; taken < ACCEPTED_MAX; taken++) {
      const accepted = acceptTcp(this.#owner.shim, fd);
      if (accepted === "full" || accepted === "refused") return this.#pause(fd, tag);
      if (!accepted) return;
      this.#owner.accepted(accepted);
    }
  }

  /** Closes all of them. */
  close(): void {
    this.#closed = true;
    for (const fd of this.#byTag.values()) closeFd(this.#owner.shim, fd);
    this.#byTag.clear();
  }

  /** Stops accepting for a while: a socket whose connections cannot be taken stays ready all the time. */
  #pause(fd: number, tag: number): void {
    const { wait } = this.#owner;
    wait.change(fd, tag, { toTake: false, room: false });
    setTimeout(() => {
      if (!this.#closed) wait.change(fd, tag, { toTake: true, room: false });
    }, FULL_PAUSE_MS);
  }
}
