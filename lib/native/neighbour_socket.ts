/**
 * The shim's packet sockets for neighbour solicitations of IPv6.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { pollUntilOver } from "@/native/poll_loop.ts";
import { closeFd, errnoName, SocketWait } from "@/native/udp.ts";

/** Octets of an interface name including its NUL (`IFNAMSIZ`), and of a link layer address. */
const NAME_OCTETS = 16;
const MAC_OCTETS = 6;
/** The most octets of a frame that is looked at. */
const FRAME_OCTETS = 2_048;
/** The most frames that are taken before others have their turn. */
const BATCH = 64;

/** Receives the solicitations of one interface. */
export class NeighbourSocket {
  /** The link layer address of the interface, six octets. */
  readonly mac: Uint8Array<ArrayBuffer> = new Uint8Array(MAC_OCTETS);
  readonly #shim: ShimSymbols;
  readonly #fd: number;
  readonly #wait: SocketWait;
  readonly #frame = new Uint8Array(FRAME_OCTETS);
  #loop: Promise<void> = Promise.resolve();
  #closed = false;

  /** @throws {SystemError} EOPNOTSUPP if the interface has no Ethernet, EPERM without CAP_NET_RAW. */
  constructor(shim: ShimSymbols, device: string) {
    this.#shim = shim;
    const name = new Uint8Array(NAME_OCTETS);
    name.set(new TextEncoder().encode(device).subarray(0, NAME_OCTETS - 1));
    const fd = shim.my_neighbour_open(name, this.mac);
    if (fd < 0) {
      const errno = errnoName(-fd);
      throw new SystemError(`packet socket at ${device} fails: ${errno}`, "socket", errno);
    }
    this.#fd = fd;
    try {
      this.#wait = new SocketWait(shim);
    } catch (e) {
      closeFd(shim, fd);
      throw e;
    }
    this.#wait.add(fd, 0);
  }

  /**
   * Begins to receive; to be called once. `take` gets each frame, valid during the call; `failed` is called
   * when none will come any more.
   */
  listen(take: (frame: Uint8Array) => void, failed: (error: unknown) => void): void {
    this.#loop = pollUntilOver({
      take: () => this.#take(take),
      wait: () => this.#wait.wait(),
      isOver: () => this.#closed,
    }).catch((e) => {
      if (!this.#closed) failed(e);
    });
  }

  /** Sends a frame; false: the system did not take it. */
  send(frame: Uint8Array): boolean {
    const octets = frame as Uint8Array<ArrayBuffer>;
    return this.#shim.my_neighbour_send(this.#fd, octets, octets.length) === 0;
  }

  /** Closes the socket. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wait.wake();
    await this.#loop;
    closeFd(this.#shim, this.#fd);
    this.#wait.close();
  }

  #take(take: (frame: Uint8Array) => void): number {
    for (let count = 0; count < BATCH; count++) {
      const got = this.#shim.my_neighbour_receive(this.#fd, this.#frame, this.#frame.length);
      if (got < 0) {
        const errno = errnoName(-got);
        throw new SystemError(`recv fails: ${errno}`, "recv", errno);
      }
      if (got === 0) return count;
      take(this.#frame.subarray(0, got));
    }
    return BATCH;
  }
}
