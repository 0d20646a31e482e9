/**
 * The TUN device of a userland data path: one device for any number of tunnels.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import { linkIndex, linkUp } from "@/datapath/route_message.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { type NetlinkSocket, showRefusal } from "@/native/netlink.ts";
import { pollUntilOver } from "@/native/poll_loop.ts";
import { openTun, readTun, type Tun, writeTun } from "@/native/tun.ts";
import { closeFd, SocketWait } from "@/native/udp.ts";

/** The most packets of one batch. */
const SLOTS = 128;
/** Octets from the start of one packet in the buffer to the next. */
const SLOT_OCTETS = 2048;
/** The name of the device, in which the kernel puts a free number. */
const NAME = "myikev2t%d";

/** The receiver of the packets that the system routes into the device. */
export interface TunListener {
  /** Is called for a packet at `at`, whose octets are valid until the batch ends. */
  packet(buffer: Uint8Array, at: number, octets: number): void;
  batchEnds(): void;
  /** Is called when the device has failed, after which no packet arrives any more. */
  failed(error: unknown): void;
}

/** One TUN device. */
export class TunDevice {
  readonly name: string;
  readonly index: number;
  readonly #shim: ShimSymbols;
  readonly #tun: Tun;
  readonly #wait: SocketWait;
  readonly #arena = new Uint8Array(SLOTS * SLOT_OCTETS);
  readonly #lengths = new Uint32Array(SLOTS);
  /** Offsets and lengths of the packets that wait to be written, all in one buffer. */
  readonly #places = new Uint32Array(2 * SLOTS);
  #from: Uint8Array = this.#arena;
  #waiting = 0;
  #loop: Promise<void> = Promise.resolve();
  #closed = false;

  /** @throws {SystemError} if the system gives no device: EPERM, ENOENT. */
  constructor(shim: ShimSymbols, route: NetlinkSocket, mtu: number) {
    this.#shim = shim;
    this.#tun = openTun(shim, NAME);
    this.name = this.#tun.name;
    try {
      this.#wait = new SocketWait(shim);
    } catch (e) {
      closeFd(shim, this.#tun.fd);
      throw e;
    }
    try {
      this.index = this.#setUp(route, mtu);
      this.#wait.add(this.#tun.fd, 0);
    } catch (e) {
      this.#closeAll();
      throw e;
    }
  }

  #setUp(route: NetlinkSocket, mtu: number): number {
    const { name } = this;
    const index = linkIndex(route, name);
    if (index === undefined) {
      throw new SystemError(`${name} is gone before it was set up`, "RTM_GETLINK", "ENODEV");
    }
    const [refused] = route.request([linkUp(index, mtu)]);
    if (!refused) return index;
    const words = `${name} is not set up: ${showRefusal(refused)}`;
    throw new SystemError(words, "up", refused.errno);
  }

  /** Begins to read packets; to be called once. */
  listen(listener: TunListener): void {
    const into = { arena: this.#arena, slotOctets: SLOT_OCTETS, lengths: this.#lengths };
    const take = () => {
      const count = readTun(this.#shim, this.#tun, into);
      for (let i = 0; i < count; i++) {
        listener.packet(this.#arena, i * SLOT_OCTETS, this.#lengths[i]!);
      }
      if (count > 0) listener.batchEnds();
      return count;
    };
    const wait = () => this.#wait.wait();
    const isOver = () => this.#closed;
    this.#loop = pollUntilOver({ take, wait, isOver }).catch((e) => {
      if (!this.#closed) listener.failed(e);
    });
  }

  /** Queues a packet for the system; its octets must not change before {@linkcode TunDevice.flush}. */
  write(buffer: Uint8Array, at: number, octets: number): void {
    if (this.#waiting === SLOTS || this.#waiting > 0 && buffer !== this.#from) this.flush();
    this.#from = buffer;
    this.#places[2 * this.#waiting] = at;
    this.#places[2 * this.#waiting + 1] = octets;
    this.#waiting++;
  }

  /** Writes the packets that wait. @returns how many of them the system did not take. */
  flush(): number {
    const count = this.#waiting;
    if (count === 0) return 0;
    this.#waiting = 0;
    return count - writeTun(this.#shim, this.#tun, this.#from, this.#places, count);
  }

  /** Removes the device. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wait.wake();
    await this.#loop;
    this.#closeAll();
  }

  #closeAll(): void {
    closeFd(this.#shim, this.#tun.fd);
    this.#wait.close();
  }
}
