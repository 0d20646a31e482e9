/**
 * Datagrams that wait to be sent by one system call, as records one behind the other in a buffer (see
 * `ffi/udp.h`).
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { ShimSymbols } from "@/native/load.ts";
import {
  RECORD_OCTETS,
  RecordAt,
  RecordFlag,
  RecordWord,
  type SendOutcome,
  sendRecords,
} from "@/native/udp.ts";

/** Octets of records that can wait for a flush; the largest datagram fits several times. */
const QUEUE_OCTETS = 512 * 1024;
/** The largest payload of a datagram. */
export const PAYLOAD_MAX = 65_535;

/** The socket and the ends of a datagram, and how it is sent. */
export interface RecordWay {
  /** File descriptor of the socket. */
  readonly socket: number;
  readonly ownAddress: IpAddress;
  readonly peerAddress: IpAddress;
  /** UDP port of the peer; 0 only with a raw socket. */
  readonly peerPort: number;
  /** How many zero octets are sent before the payload. */
  readonly zeros: number;
  /** Interface index of a link-local peer, otherwise 0. */
  readonly scope: number;
  /** DSCP and ECN, uint8. */
  readonly trafficClass: number;
  /** Whether it may be handed to the system in one piece with others, which the system splits again. */
  readonly joins?: boolean;
}

/** A datagram in the queue. */
export interface QueuedDatagram {
  /** File descriptor of its socket. */
  readonly socket: number;
  readonly ownAddress: IpAddress;
  readonly peerAddress: IpAddress;
  readonly peerPort: number;
  readonly payload: Uint8Array;
}

/** The queue of datagrams that wait. */
export class RecordQueue {
  readonly #shim: ShimSymbols;
  readonly #queue = new Uint8Array(QUEUE_OCTETS);
  readonly #words = new Uint32Array(this.#queue.buffer);
  #queued = 0;

  constructor(shim: ShimSymbols) {
    this.#shim = shim;
  }

  /** Whether there is no room for a datagram of `octets` before the next flush. */
  isFullFor(octets: number): boolean {
    return this.#queued + RECORD_OCTETS + (octets + 7 & ~7) > QUEUE_OCTETS;
  }

  /** Adds a datagram of at most {@linkcode PAYLOAD_MAX} octets, for which there must be room. */
  put(payload: Uint8Array, way: RecordWay): void {
    const at = this.#queued;
    const queue = this.#queue;
    const words = this.#words;
    const word = at >> 2;
    const { zeros, peerAddress } = way;
    const length = zeros + payload.length;
    // Octets of an earlier record must not remain as an address, a scope or a marker.
    queue.fill(0, at, at + RECORD_OCTETS + zeros);
    words[word + RecordWord.LENGTH] = length;
    words[word + RecordWord.SOCKET] = way.socket;
    words[word + RecordWord.PEER_PORT] = way.peerPort;
    words[word + RecordWord.FAMILY] = peerAddress.length;
    words[word + RecordWord.SCOPE] = way.scope;
    words[word + RecordWord.TRAFFIC_CLASS] = way.trafficClass;
    if (way.joins) words[word + RecordWord.FLAGS] = RecordFlag.JOINS;
    if (way.peerPort === 0) words[word + RecordWord.FLAGS] = RecordFlag.RAW;
    queue.set(way.ownAddress, at + RecordAt.OWN);
    queue.set(peerAddress, at + RecordAt.PEER);
    queue.set(payload, at + RECORD_OCTETS + zeros);
    this.#queued = at + RECORD_OCTETS + (length + 7 & ~7);
  }

  /** A copy of the datagram at `at` of the last flush; it must be read before another is queued. */
  queuedAt(at: number): QueuedDatagram {
    const words = this.#words;
    const word = at >> 2;
    const queue = this.#queue;
    const octets = words[word + RecordWord.FAMILY]!;
    const start = at + RECORD_OCTETS;
    return {
      socket: words[word + RecordWord.SOCKET]!,
      ownAddress: queue.slice(at + RecordAt.OWN, at + RecordAt.OWN + octets),
      peerAddress: queue.slice(at + RecordAt.PEER, at + RecordAt.PEER + octets),
      peerPort: words[word + RecordWord.PEER_PORT]!,
      payload: queue.slice(start, start + words[word + RecordWord.LENGTH]!),
    };
  }

  /** Sends the datagrams that wait; undefined if there were none. */
  flush(): SendOutcome | undefined {
    if (this.#queued === 0) return undefined;
    const octets = this.#queued;
    this.#queued = 0;
    return sendRecords(this.#shim, this.#queue, octets);
  }
}
