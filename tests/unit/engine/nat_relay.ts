/**
 * A NAT on loopback: datagrams for either port of a gateway are sent on from ports of its own, one for each
 * source, and answers are sent back. A transport that is {@linkcode behind} it does not notice.
 */
import type { Path } from "@/base/address.ts";
import type { Datagram, Transport } from "@/transport/transport.ts";

const LOOPBACK = "127.0.0.1";

/** The address of the gateway. */
interface Ports {
  readonly ikePort: number;
  readonly nattPort: number;
}

/** The relay in front of one gateway. */
export class NatRelay {
  /** Own ports by the port of the gateway for which they stand. */
  readonly entrances = new Map<number, number>();
  readonly #listeners: Deno.DatagramConn[] = [];
  /** Own sockets by source and the gateway's port. */
  readonly #mappings = new Map<string, Deno.DatagramConn>();

  constructor({ ikePort, nattPort }: Ports) {
    for (const port of [ikePort, nattPort]) {
      const entrance = open();
      this.#listeners.push(entrance);
      this.entrances.set(port, portOf(entrance));
      carry(entrance, (octets, from) => {
        const name = `${from.hostname}:${from.port}>${port}`;
        const mapping = this.#mappings.get(name) ?? this.#map(name, entrance, from);
        mapping.send(octets, { transport: "udp", hostname: LOOPBACK, port });
      });
    }
  }

  /** The ports that the gateway sees at present. */
  get mapped(): number[] {
    return [...this.#mappings.values()].map(portOf);
  }

  /** Makes every source appear with other ports from its next datagram on. */
  forget(): void {
    for (const mapping of this.#mappings.values()) mapping.close();
    this.#mappings.clear();
  }

  close(): void {
    this.forget();
    for (const listener of this.#listeners) listener.close();
  }

  #map(name: string, entrance: Deno.DatagramConn, to: Deno.NetAddr): Deno.DatagramConn {
    const mapping = open();
    this.#mappings.set(name, mapping);
    carry(mapping, (octets) => void entrance.send(octets, to));
    return mapping;
  }
}

/** A transport whose path to the gateway leads through the relay. */
export function behind(inner: Transport, relay: NatRelay): Transport {
  const detour = (path: Path): Path => {
    return { ...path, peerPort: relay.entrances.get(path.peerPort) ?? path.peerPort };
  };
  const meant = new Map([...relay.entrances].map(([port, entrance]) => [entrance, port]));
  const asMeant = ({ octets, path, encapsulated }: Datagram): Datagram => {
    const peerPort = meant.get(path.peerPort) ?? path.peerPort;
    return { octets, path: { ...path, peerPort }, encapsulated };
  };
  return {
    name: inner.name,
    counters: inner.counters,
    ikePort: inner.ikePort,
    nattPort: inner.nattPort,
    halfOpenMax: inner.halfOpenMax,
    listen: (listener) =>
      inner.listen({
        datagrams: (batch) => listener.datagrams(batch.map(asMeant)),
        failed: (error) => listener.failed(error),
      }),
    send: (octets, path) => inner.send(octets, detour(path)),
    keepalive: (path) => inner.keepalive(detour(path)),
    flush: () => inner.flush(),
    close: () => inner.close(),
  };
}

function open(): Deno.DatagramConn {
  return Deno.listenDatagram({ transport: "udp", hostname: LOOPBACK, port: 0 });
}

function portOf(conn: Deno.DatagramConn): number {
  return (conn.addr as Deno.NetAddr).port;
}

async function carry(
  conn: Deno.DatagramConn,
  on: (octets: Uint8Array, from: Deno.NetAddr) => void,
): Promise<void> {
  for await (const [octets, from] of conn) on(octets, from as Deno.NetAddr);
}
