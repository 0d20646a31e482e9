/**
 * Bounds the TCP connections without an authenticated SA (RFC 9329): their number, the time in which each has
 * to authenticate, and the octets that wait in this process, to be read by the peer or to become a whole
 * frame.
 * @module
 */
import type { TcpConnection } from "@/transport/tcp_connection.ts";

/** The most octets that may wait for one stranger: a whole IKE message of any length. */
const HELD_MAX = 128 * 1024;
/** The most octets that may wait for all strangers, unless the options set it. */
const HELD_BY_ALL_MAX = 8 * 2 ** 20;

/** A stranger's connection, and when it must have an authenticated SA. */
interface Stranger {
  readonly connection: TcpConnection;
  /** Time on the clock of `performance.now()`. */
  readonly untilMs: number;
  /** Octets that wait for the connection. */
  held: number;
}

/** Connections of strangers, the oldest first. */
export class TcpStrangers {
  readonly #byTag = new Map<number, Stranger>();
  readonly #heldMax: number;
  #held = 0;

  /** `heldMax`: the most octets that may wait for all of them. */
  constructor(heldMax = HELD_BY_ALL_MAX) {
    this.#heldMax = heldMax;
  }

  /** Number of strangers. */
  get size(): number {
    return this.#byTag.size;
  }

  /** Octets that wait for all of them. */
  get heldOctets(): number {
    return this.#held;
  }

  /** The stranger that connected first. */
  get oldest(): { readonly connection: TcpConnection; readonly untilMs: number } | undefined {
    const [oldest] = this.#byTag.values();
    return oldest;
  }

  /** Adds a connection, which has until `untilMs` to authenticate. */
  add(connection: TcpConnection, untilMs: number): void {
    this.delete(connection.tag);
    this.#byTag.set(connection.tag, { connection, untilMs, held: 0 });
    this.count(connection);
  }

  /** Removes a connection that has authenticated, or has ended. */
  delete(tag: number): void {
    this.#held -= this.#byTag.get(tag)?.held ?? 0;
    this.#byTag.delete(tag);
  }

  /** The connections whose time is over at `nowMs`. */
  overdue(nowMs: number): TcpConnection[] {
    const overdue: TcpConnection[] = [];
    for (const { connection, untilMs } of this.#byTag.values()) {
      if (untilMs > nowMs) break;
      overdue.push(connection);
    }
    return overdue;
  }

  /** Updates the octets that wait for a connection, if it is a stranger's. */
  count({ tag, heldOctets }: TcpConnection): void {
    const stranger = this.#byTag.get(tag);
    if (!stranger) return;
    this.#held += heldOctets - stranger.held;
    stranger.held = heldOctets;
  }

  /**
   * The stranger whose connection has to be closed, as too many octets wait for it, or too many for all
   * strangers and most of them for this one.
   */
  get greediest(): TcpConnection | undefined {
    const isFull = this.#held > this.#heldMax;
    let most: Stranger | undefined;
    if (!isFull && this.#held <= HELD_MAX) return undefined;
    for (const stranger of this.#byTag.values()) {
      if (stranger.held > (most?.held ?? 0)) most = stranger;
    }
    return most && (isFull || most.held > HELD_MAX) ? most.connection : undefined;
  }
}
