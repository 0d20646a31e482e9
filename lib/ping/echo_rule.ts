/**
 * Whom a UDP echo server answers. Whoever sends to it chooses the source that it answers to, so that
 * what it would answer for ever, or to many, is left alone.
 * @module
 */
import { addressPlus, type IpAddress, isUnspecified, showEndpoint } from "@/base/address.ts";
import { udpKind } from "@/ping/echo.ts";

/** Plain datagrams that one sender gets back without a pause of so long. */
const PLAIN_MAX = 1_000, PAUSE_MS = 10_000;
/** Senders of plain datagrams that are remembered. */
const SENDERS_MAX = 10_000;

/** Where a server is. */
export interface EchoPlace {
  readonly first: IpAddress;
  /** Addresses, `step` from each to the next. */
  readonly count: number;
  readonly step: number;
  readonly port: number;
}

/** All addresses of a place; undefined: they go past the end of their family's space. */
export function addressesOfPlace({ first, count, step }: EchoPlace): IpAddress[] | undefined {
  const addresses: IpAddress[] = [];
  for (let i = 0; i < count; i++) {
    const address = addressPlus(first, i * step);
    if (!address) return undefined;
    addresses.push(address);
  }
  return addresses;
}

/** What an echo server does with a datagram, and of what it ignores, why. */
export type EchoDecision =
  /** A request of our pinger: it is sent back as its reply. */
  | "reply"
  /** What any other client sent: it is sent back as it is. */
  | "unchanged"
  /** Not sent to an address of the server, or from no host that could be answered. */
  | "misaddressed"
  /** The reply of another echo server. */
  | "reply of a server"
  /** Of no pinger of ours, and from the port of echo servers, or one too many of its sender. */
  | "possible loop";

/** A datagram that came to an echo server. */
export interface EchoDatagram {
  readonly own: IpAddress;
  readonly peer: IpAddress;
  readonly peerPort: number;
  readonly buffer: Uint8Array;
  /** Where its payload begins, and the octets of that. */
  readonly at: number;
  readonly octets: number;
}

/**
 * See the module. A payload of another client looks the same as request and as reply, so two servers
 * could answer each other for ever by it. That is why those are not answered at the port of echo
 * servers, and elsewhere not without end. The first one that is ignored ends such a conversation.
 */
export class EchoRule {
  /** By the last four octets. */
  readonly #own = new Map<number, IpAddress[]>();
  readonly #port: number;
  /** Plain datagrams of a sender, by its address and port, and when the last one came. */
  readonly #plain = new Map<string, { count: number; lastMs: number }>();

  /** The server's addresses, and its port. */
  constructor(own: readonly IpAddress[], port: number) {
    this.#port = port;
    for (const address of own) {
      const key = lastWord(address), same = this.#own.get(key);
      if (same) same.push(address);
      else this.#own.set(key, [address]);
    }
  }

  /** What becomes of a datagram that comes at `nowMs`. */
  decide(datagram: EchoDatagram, nowMs: number): EchoDecision {
    const { own, peer, peerPort, buffer, at, octets } = datagram;
    if (!this.#has(own) || peerPort === 0 || !isHost(peer)) return "misaddressed";
    // A source that is forged as ours would have the server talk to itself.
    if (peerPort === this.#port && this.#has(peer)) return "misaddressed";
    const kind = udpKind(buffer, at, octets);
    if (kind === "request") return "reply";
    if (kind === "reply") return "reply of a server";
    const isWelcome = peerPort !== this.#port && this.#mayAnswer(peer, peerPort, nowMs);
    return isWelcome ? "unchanged" : "possible loop";
  }

  #mayAnswer(peer: IpAddress, peerPort: number, nowMs: number): boolean {
    const key = showEndpoint(peer, peerPort), known = this.#plain.get(key);
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

/** Neither multicast nor broadcast, nor nobody (RFC 1112 §4, RFC 4291 §2.7). */
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
