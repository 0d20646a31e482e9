/**
 * Raw or UDP sockets for packets of any own address, one for each family. Each packet that arrives tells
 * its destination, and each that leaves names its source. System calls move batches of packets.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { pollUntilOver } from "@/native/poll_loop.ts";
import { RecordQueue } from "@/native/record_queue.ts";
import {
  closeFd,
  openUdpSocket,
  RECORD_OCTETS,
  RecordAt,
  RecordFlag,
  RecordWord,
  SLOT_OCTETS,
  SocketWait,
  type UdpSocketOptions,
} from "@/native/udp.ts";

/** The most packets of one batch. */
const SLOTS = 64;
/** Flags of records that hold no packet, or none that can be used. */
const NO_PACKET = RecordFlag.TRUNCATED | RecordFlag.NO_OWN | RecordFlag.ERROR;

/** A packet that has arrived. All of it is valid only until the next packet. */
export interface ArrivedPacket {
  readonly own: IpAddress;
  readonly peer: IpAddress;
  /** UDP port of the peer; 0 with a raw socket. */
  readonly peerPort: number;
  /** Interface index of a link-local peer, otherwise 0. */
  readonly scope: number;
  /** DSCP and ECN, uint8; 0 if the socket carries no tunnels. */
  readonly trafficClass: number;
  readonly buffer: Uint8Array;
  /** Offset of its octets: those after the IP header, and of UDP the payload. */
  readonly at: number;
  readonly octets: number;
}

/** The addresses and ports of a packet that is sent. */
export interface PacketWay {
  /** The own address; unspecified: the system chooses. */
  readonly own: IpAddress;
  readonly peer: IpAddress;
  /** UDP port of the peer; 0 with a raw socket. */
  readonly peerPort: number;
  readonly scope?: number;
  /** DSCP and ECN, uint8; absent: 0. */
  readonly trafficClass?: number;
}

/** The options of the sockets. */
export interface PacketSocketsOptions {
  readonly shim: ShimSymbols;
  /** The options of the socket of an address family. */
  readonly socketOptions: (family: 4 | 16) => UdpSocketOptions;
  /** Is called with the file descriptor of a socket before anything is read from it; absent: nothing is. */
  readonly opened?: ((fd: number, family: 4 | 16) => void) | undefined;
  readonly arrived: (packet: ArrivedPacket) => void;
  /** Is called when all packets of a batch have been handed over. */
  readonly batchEnds: () => void;
  /** Is called when the sockets have failed, so that no packet will arrive any more. */
  readonly failed: (error: unknown) => void;
}

/** The sockets of both address families. */
export class PacketSockets {
  /** Number of packets that the system did not take. */
  refused = 0;
  readonly #options: PacketSocketsOptions;
  readonly #queue: RecordQueue;
  readonly #wait: SocketWait;
  readonly #sockets = new Map<number, number>();
  readonly #arena = new Uint8Array(SLOTS * SLOT_OCTETS);
  readonly #words = new Uint32Array(this.#arena.buffer);
  readonly #packet = new LentPacket(this.#arena, this.#words);
  /** Whether the sockets are raw; undefined before that was determined. */
  #isRaw: boolean | undefined;
  readonly #loop: Promise<void>;
  #closed = false;

  /** @throws {SystemError} if file descriptors run out. */
  constructor(options: PacketSocketsOptions) {
    this.#options = options;
    this.#queue = new RecordQueue(options.shim);
    this.#wait = new SocketWait(options.shim);
    const take = () => this.drain();
    const isOver = () => this.#closed;
    this.#loop = pollUntilOver({ take, wait: () => this.#wait.wait(), isOver })
      .catch((e) => {
        if (!this.#closed) options.failed(e);
      });
  }

  /** Opens the socket of a family if it is not open; returns the error if the system refuses. */
  open(family: 4 | 16): SystemError | undefined {
    if (this.#sockets.has(family)) return undefined;
    const { shim, socketOptions, opened } = this.#options;
    try {
      const { fd } = openUdpSocket(shim, socketOptions(family));
      opened?.(fd, family);
      this.#sockets.set(family, fd);
      this.#wait.add(fd, family);
      return undefined;
    } catch (e) {
      if (e instanceof SystemError) return e;
      throw e;
    }
  }

  /** Sends a packet, at the latest with the flush. */
  send(packet: Uint8Array, way: PacketWay): void {
    const { own, peer, peerPort, scope = 0, trafficClass = 0 } = way;
    const socket = this.#sockets.get(peer.length);
    if (socket === undefined) return void this.refused++;
    if (this.#queue.isFullFor(packet.length)) this.flush();
    this.#queue.put(packet, {
      socket,
      ownAddress: own,
      peerAddress: peer,
      peerPort,
      zeros: 0,
      scope,
      trafficClass,
    });
  }

  /** Sends the packets that wait. */
  flush(): void {
    this.refused += this.#queue.flush()?.refused ?? 0;
  }

  /** Closes the sockets. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#wait.wake();
    await this.#loop;
    for (const fd of this.#sockets.values()) closeFd(this.#options.shim, fd);
    this.#wait.close();
  }

  /** Hands out a batch of packets that have arrived; returns their number. */
  drain(): number {
    const { arrived, batchEnds, socketOptions } = this.#options;
    const buffer = this.#arena;
    const count = this.#wait.receive(buffer);
    const words = this.#words;
    const packet = this.#packet;
    for (let slot = 0; slot < count; slot++) {
      const record = slot * SLOT_OCTETS;
      const word = record >> 2;
      const family = words[word + RecordWord.FAMILY]! as 4 | 16;
      if (words[word + RecordWord.FLAGS]! & NO_PACKET) continue;
      const start = record + RECORD_OCTETS;
      const octets = words[word + RecordWord.LENGTH]!;
      // A raw IPv4 socket includes the IP header, a raw IPv6 socket does not (raw(7), RFC 3542 §3).
      const isRaw = (this.#isRaw ??= socketOptions(family).rawProtocol !== undefined);
      const header = isRaw && family === 4 ? 4 * (buffer[start]! & 15) : 0;
      if (octets < header) continue;
      packet.record = record;
      packet.family = family;
      packet.at = start + header;
      packet.octets = octets - header;
      arrived(packet);
    }
    if (count > 0) batchEnds();
    return count;
  }
}

/** The one object that is handed out for every packet, as packets arrive at up to one a microsecond. */
class LentPacket implements ArrivedPacket {
  /** Offset of the record. */
  record = 0;
  family: 4 | 16 = 4;
  at = 0;
  octets = 0;
  readonly buffer: Uint8Array;
  readonly #words: Uint32Array;

  constructor(buffer: Uint8Array, words: Uint32Array) {
    this.buffer = buffer;
    this.#words = words;
  }

  get own(): IpAddress {
    return this.#addressAt(RecordAt.OWN);
  }

  get peer(): IpAddress {
    return this.#addressAt(RecordAt.PEER);
  }

  get peerPort(): number {
    return this.#word(RecordWord.PEER_PORT);
  }

  get scope(): number {
    return this.#word(RecordWord.SCOPE);
  }

  get trafficClass(): number {
    return this.#word(RecordWord.TRAFFIC_CLASS);
  }

  #word(index: number): number {
    return this.#words[(this.record >> 2) + index]!;
  }

  #addressAt(offset: number): IpAddress {
    const from = this.record + offset;
    return this.buffer.subarray(from, from + this.family);
  }
}
