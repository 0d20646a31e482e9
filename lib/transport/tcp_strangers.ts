/**
 * TCP connections that nobody vouches for yet (RFC 9329): how many there may be, how long each has to
 * authenticate, and how much may wait in this process for all of them, to be read by a peer or to become a whole
 * frame.
 * @module
 */
import type { TcpConnection } from "@/transport/tcp_connection.ts";

/** Octets that may wait for one stranger: a whole IKE message of any length. */
const HELD_MAX = 128 * 1024;
/** Octets that may wait for all strangers, where nobody says. */
const HELD_BY_ALL_MAX = 8 * 2 ** 20;

/** A stranger's connection and when it must be somebody's. */
interface Stranger {
  readonly connection: TcpConnection;
  /** On the clock of `performance.now()`. */
  readonly untilMs: number;
  /** Octets that wait for it. */
  held: number;
}

/** Connections of strangers, the oldest first. */
export class TcpStrangers {
  readonly #byTag = new Map<number, Stranger>();
  readonly #heldMax: number;
  #held = 0;

  /** `heldMax`: octets that may wait for all of them. */
  constructor(heldMax = HELD_BY_ALL_MAX) {
    this.#heldMax = heldMax;
  }

  /** How many there are. */
  get size(): number {
    return this.#byTag.size;
  }

  /** Octets that wait for all of them. */
  get heldOctets(): number {
    return this.#held;
  }

  /** The one that has been here the longest. */
  get oldest(): { readonly connection: TcpConnection; readonly untilMs: number } | undefined {
    const [oldest] = this.#byTag.values();
    return oldest;
  }

  /** One more, until `untilMs`. */
  add(connection: TcpConnection, untilMs: number): void {
    this.delete(connection.tag);
    this.#byTag.set(connection.tag, { connection, untilMs, held: 0 });
    this.count(connection);
  }

  /** It is no stranger any more, or no connection. */
  delete(tag: number): void {
    this.#held -= this.#byTag.get(tag)?.held ?? 0;
    this.#byTag.delete(tag);
  }

  /** Those whose time is over at `nowMs`. */
  overdue(nowMs: number): TcpConnection[] {
    const overdue: TcpConnection[] = [];
    for (const { connection, untilMs } of this.#byTag.values()) {
      if (untilMs > nowMs) break;
      overdue.push(connection);
    }
    return overdue;
  }

  /** Looks at what waits for a connection now, if it is a stranger's. */
  count({ tag, heldOctets }: TcpConnection): void {
    const stranger = this.#byTag.get(tag);
    if (!stranger) return;
    this.#held += heldOctets - stranger.held;
    stranger.held = heldOctets;
  }

  /** The stranger to part with, as too much waits for it, or for all of them and most for it. */
  get hoarder(): TcpConnection | undefined {
    const isFull = this.#held > this.#heldMax;
    let most: Stranger | undefined;
    if (!isFull && this.#held <= HELD_MAX) return undefined;
    for (const stranger of this.#byTag.values()) {
      if (stranger.held > (most?.held ?? 0)) most = stranger;
    }
    return most && (isFull || most.held > HELD_MAX) ? most.connection : undefined;
  }
}
