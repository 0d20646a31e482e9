/**
 * A link in memory between two ends of one process, for runs that set up tunnels without a socket. Nothing
 * is lost, and messages arrive in the order in which they were sent.
 * @module
 */
import { mirrored } from "@/base/address.ts";
import { afterIterations } from "@/native/iterations.ts";
import {
  type Datagram,
  noDatagrams,
  type Transport,
  type TransportCounters,
  type TransportListener,
} from "@/transport/transport.ts";

/** The ports of the ends, and the most tunnels that are set up at a time. */
export interface MemoryLinkOptions {
  readonly ikePort: number;
  readonly nattPort: number;
  readonly halfOpenMax: number;
}

/** Makes the two ends of a link. */
export function memoryLink(options: MemoryLinkOptions): readonly [Transport, Transport] {
  const [a, b] = [new MemoryEnd(options), new MemoryEnd(options)];
  a.peer = b;
  b.peer = a;
  return [a, b];
}

/** One end; see {@linkcode Transport}. */
class MemoryEnd implements Transport {
  readonly name = "native";
  readonly counters: TransportCounters = noDatagrams();
  readonly ikePort: number;
  readonly nattPort: number;
  readonly halfOpenMax: number;
  peer: MemoryEnd | undefined;
  #listener: TransportListener | undefined;
  /** Messages that have been sent since the last flush, as the peer will receive them. */
  #sent: Datagram[] = [];

  constructor({ ikePort, nattPort, halfOpenMax }: MemoryLinkOptions) {
    this.ikePort = ikePort;
    this.nattPort = nattPort;
    this.halfOpenMax = halfOpenMax;
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
  }

  send(octets: Uint8Array, path: Datagram["path"]): void {
    this.counters.sent++;
    const encapsulated = path.ownPort === this.nattPort;
    this.#sent.push({ octets: octets.slice(), path: mirrored(path), encapsulated });
  }

  keepalive(): void {
    this.counters.keepalivesSent++;
  }

  flush(): void {
    if (this.#sent.length === 0) return;
    const batch = this.#sent;
    this.#sent = [];
    afterIterations(1, () => this.peer?.receive(batch));
  }

  receive(batch: readonly Datagram[]): void {
    this.counters.received += batch.length;
    this.#listener?.datagrams(batch);
  }

  close(): Promise<void> {
    this.peer = undefined;
    this.#listener = undefined;
    this.#sent = [];
    return Promise.resolve();
  }
}
