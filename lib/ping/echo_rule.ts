/**
 * Decides whom a UDP echo server answers. As the sender chooses the source address to which the server
 * answers, datagrams are ignored that could make it answer for ever, or to many hosts.
 * @module
 */
import { addressPlus, type IpAddress, isUnspecified, showEndpoint } from "@/base/address.ts";
import { udpKind } from "@/ping/echo.ts";

/**
 * The most plain datagrams of one sender that are answered without a pause, and the length of such a pause in
 * milliseconds.
 */
const PLAIN_MAX = 1_000;
const PAUSE_MS = 10_000;
/** The most senders of plain datagrams that are remembered. */
const SENDERS_MAX = 10_000;

/** The addresses and the port of a server. */
export interface EchoAddresses {
  readonly first: IpAddress;
  /** Number of addresses, and the distance from each to the next. */
  readonly count: number;
  readonly step: number;
  readonly port: number;
}

/** All addresses of a server; undefined: they exceed the address space of their family. */
export function expandAddresses({ first, count, step }: EchoAddresses): IpAddress[] | undefined {
  const addresses: IpAddress[] = [];
  for (let i = 0; i < count; i++) {
    const address = addressPlus(first, i * step);
    if (!address) return undefined;
    addresses.push(address);
  }
  return addresses;
}

/** What an echo server does with a datagram, or why it ignores it. */
export type EchoDecision =
  /** The datagram is a request of a pinger of myikev2, and is returned as its reply. */
  | "reply"
  /** The datagram is from any other client, and is returned unchanged. */
  | "unchanged"
  /** The datagram was not sent to an address of the server, or its source is no host. */
  | "misaddressed"
  /** The datagram is the reply of another echo server. */
  | "reply of a server"
  /**
   * The datagram is of no pinger of myikev2, and came from the echo port or exceeds the number of its sender.
   */
  | "possible loop";

/** A datagram that has arrived at an echo server. */
export interface EchoDatagram {
  readonly own: IpAddress;
  readonly peer: IpAddress;
  readonly peerPort: number;
  readonly buffer: Uint8Array;
  /** Offset and length of its payload. */
  readonly at: number;
  readonly octets: number;
}

/**
 * Decides about each datagram. The payload of another client looks the same in request and reply, so two
 * servers could answer each other for ever. Such payloads are therefore not answered if they come from the
 * echo port, and only a limited number of times otherwise: the first one that is ignored ends such a
 * conversation.
 */
export class EchoRule {
  /** The server's addresses by their last four octets. */
  readonly #own = new Map<number, IpAddress[]>();
  readonly #port: number;
  /** Number and time of the last plain datagram of each sender, by address and port. */
  readonly #plain = new Map<string, { count: number; lastMs: number }>();

  /** A rule for a server with these addresses and this port. */
  constructor(own: readonly IpAddress[], port: number) {
    this.#port = port;
    for (const address of own) {
      const key = lastWord(address);
      const same = this.#own.get(key);
      if (same) same.push(address);
      else this.#own.set(key, [address]);
    }
  }

  /** Decides about a datagram that arrives at `nowMs`. */
  decide(datagram: EchoDatagram, nowMs: number): EchoDecision {
    const { own, peer, peerPort, buffer, at, octets } = datagram;
    if (!this.#has(own) || peerPort === 0 || !isHost(peer)) return "misaddressed";
    // With the server's own address as a forged source it would answer itself.
    if (peerPort === this.#port && this.#has(peer)) return "misaddressed";
    const kind = udpKind(buffer, at, octets);
    if (kind === "request") return "reply";
    if (kind === "reply") return "reply of a server";
    const isWelcome = peerPort !== this.#port && this.#mayAnswer(peer, peerPort, nowMs);
    return isWelcome ? "unchanged" : "possible loop";
  }

  #mayAnswer(peer: IpAddress, peerPort: number, nowMs: number): boolean {
    const key = showEndpoint(peer, peerPort);
    const known = this.#plain.get(key);
    if (known && nowMs - known.lastMs < PAUSE_MS) {
      known.lastMs = nowMs;
      return ++known.count <= PLAIN_MAX;
    }
    this.#plain.delete(key);
    this.#plain.set(key, { count: 1, lastMs: nowMs });
    if (this.#plain.size > SENDERS_MAX) {
      const [oldest] = this.#plain.keys();
      this.#plain.delete(oldest!);
    }
    return true;
  }

  #has(address: IpAddress): boolean {
    const same = this.#own.get(lastWord(address));
    return same !== undefined && same.some((one) => isSame(one, address));
  }
}

/**
 * Whether an address is that of a host: not unspecified, multicast or broadcast (RFC 1112 §4, RFC 4291 §2.7).
 */
function isHost(address: IpAddress): boolean {
  const first = address[0]!;
  return address.length === 4
    ? first !== 0 && first < 224
    : first !== 0xff && !isUnspecified(address);
}

function isSame(a: IpAddress, b: IpAddress): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

function lastWord(address: IpAddress): number {
  const at = address.length - 4;
  return address[at]! << 24 | address[at + 1]! << 16 | address[at + 2]! << 8 | address[at + 3]!;
}
