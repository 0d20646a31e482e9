/**
 * ESP as IP protocol 50 (RFC 4303 §2): raw sockets, one for each family.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";
import { SystemError } from "@/base/errors.ts";
import { IpProtocol } from "@/esp/ip_packet.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { pollUntilOver } from "@/native/poll_loop.ts";
import { RecordQueue } from "@/native/record_queue.ts";
import {
  closeFd,
  openUdpSocket,
  RECORD_OCTETS,
  RecordFlag,
  RecordWord,
  SLOT_OCTETS,
  SocketWait,
} from "@/native/udp.ts";

/** Packets of one batch. */
const SLOTS = 64;
const RECEIVE_BUFFER_OCTETS = 8 << 20;

/** The other end of a packet in UDP. */
export interface EspOrigin {
  readonly address: IpAddress;
  readonly port: number;
}

/** Who takes ESP packets, and the same for those that came in UDP. */
export interface EspPacketReceiver {
  /**
   * The packet at `at`; lent until the batch ends, and may be opened in place. `from`: the other end that
   * it came from in UDP.
   */
  packet(
    buffer: Uint8Array,
    at: number,
    octets: number,
    trafficClass: number,
    from?: EspOrigin,
  ): void;
  batchEnds(): void;
}

/** See the module. */
export class RawEsp {
  /** Packets that the system did not take. */
  notSent = 0;
  readonly #shim: ShimSymbols;
  readonly #queue: RecordQueue;
  readonly #wait: SocketWait;
  readonly #sockets = new Map<number, number>();
  readonly #arena = new Uint8Array(SLOTS * SLOT_OCTETS);
  readonly #words = new Uint32Array(this.#arena.buffer);
  readonly #receiver: EspPacketReceiver;
  readonly #loop: Promise<void>;
  #closed = false;

  /** `failed`: the sockets are of no use any more. @throws {SystemError} where descriptors run out. */
  constructor(
    shim: ShimSymbols,
    receiver: EspPacketReceiver,
    failed: (error: unknown) => void,
  ) {
    this.#shim = shim;
    this.#queue = new RecordQueue(shim);
    this.#wait = new SocketWait(shim);
    this.#receiver = receiver;
    const take = () => this.drain(), isOver = () => this.#closed;
    this.#loop = pollUntilOver({ take, wait: () => this.#wait.wait(), isOver })
      .catch((e) => {
        if (!this.#closed) failed(e);
      });
  }

  /** Opens the socket of an address's family where there is none yet; the errno that forbids it. */
  open(address: IpAddress): string | undefined {
    if (this.#sockets.has(address.length)) return undefined;
    try {
      const { fd } = openUdpSocket(this.#shim, {
        address: new Uint8Array(address.length),
        port: 0,
        rawProtocol: IpProtocol.ESP,
        carriesTunnels: true,
        receiveBufferOctets: RECEIVE_BUFFER_OCTETS,
      });
      this.#sockets.set(address.length, fd);
      this.#wait.add(fd, address.length);
      return undefined;
    } catch (e) {
      if (e instanceof SystemError) return e.errno;
      throw e;
    }
  }

  /** Sends a packet; may wait for the flush. */
  send(packet: Uint8Array, { ownAddress, peerAddress }: Path, trafficClass: number): void {
    const socket = this.#sockets.get(peerAddress.length);
    if (socket === undefined) return void this.notSent++;
    if (this.#queue.isFullFor(packet.length)) this.flush();
    const way = { socket, ownAddress, peerAddress, peerPort: 0, zeros: 0, scope: 0, trafficClass };
    this.#queue.put(packet, way);
  }

  /** Sends what waits. */
  flush(): void {
    this.notSent += this.#queue.flush()?.refused ?? 0;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#wait.wake();
    await this.#loop;
    for (const fd of this.#sockets.values()) closeFd(this.#shim, fd);
    this.#wait.close();
  }

  /** Takes a batch of what has arrived, now; how much it was. */
  drain(): number {
    const receiver = this.#receiver;
    const count = this.#wait.receive(this.#arena), words = this.#words;
    for (let slot = 0; slot < count; slot++) {
      const at = slot * SLOT_OCTETS + RECORD_OCTETS, word = slot * SLOT_OCTETS >> 2;
      if (words[word + RecordWord.FLAGS]! & (RecordFlag.TRUNCATED | RecordFlag.ERROR)) continue;
      const octets = words[word + RecordWord.LENGTH]!;
      const trafficClass = words[word + RecordWord.TRAFFIC_CLASS]!;
      // A raw socket of IPv4 gives the header too, one of IPv6 does not (raw(7), RFC 3542 §3).
      const isV4 = words[word + RecordWord.FAMILY] === 4;
      const header = isV4 ? 4 * (this.#arena[at]! & 15) : 0;
      if (octets < header) continue;
      receiver.packet(this.#arena, at + header, octets - header, trafficClass);
    }
    if (count > 0) receiver.batchEnds();
    return count;
  }
}
