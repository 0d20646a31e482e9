/**
 * Chooses the datagrams of one tunnel for a capture. To which tunnel the first messages of a peer belong is
 * only known when its IKE SA exists, so they wait until then.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import type { RecordedDatagram } from "@/engine/run/hooks.ts";
import { ikeHeaderAt } from "@/engine/run/datagram_tunnel.ts";

/** The most datagrams that wait. */
const WAITING_MAX = 256;
/** The most IKE SAs and paths of the tunnel that are remembered; rekeys and moves make new ones. */
const KNOWN_MAX = 4096;

interface Waiting {
  readonly spiI: string;
  readonly datagram: RecordedDatagram;
}

/** The filter of one capture. */
export class TunnelFilter {
  readonly #tunnel: number;
  /** SPIs of the initiators of the tunnel's IKE SAs, and its paths. */
  readonly #spis = new Set<string>();
  readonly #paths = new Set<string>();
  readonly #waiting: Waiting[] = [];

  constructor(tunnel: number) {
    this.#tunnel = tunnel;
  }

  /** The datagrams that the capture gets now: this one, after those that have waited; or none. */
  take(datagram: RecordedDatagram): readonly RecordedDatagram[] {
    const { octets, path, tunnel } = datagram;
    const at = ikeHeaderAt(octets);
    const way = `${path.ownAddress} ${path.ownPort} ${path.peerAddress} ${path.peerPort}`;
    // A keepalive has no SPI.
    if (at === undefined) return this.#paths.has(way) ? [datagram] : [];
    const spiI = toHex(octets.subarray(at, at + 8));
    if (tunnel === this.#tunnel || (tunnel === undefined && this.#spis.has(spiI))) {
      remember(this.#spis, spiI);
      remember(this.#paths, way);
      return [...this.#taken(spiI), datagram];
    }
    if (tunnel === undefined) this.#wait(spiI, datagram);
    else this.#taken(spiI);
    return [];
  }

  #wait(spiI: string, datagram: RecordedDatagram): void {
    this.#waiting.push({ spiI, datagram: { ...datagram, octets: datagram.octets.slice() } });
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
  }

  /** Takes out the datagrams that waited for this IKE SA. */
  #taken(spiI: string): RecordedDatagram[] {
    const found = this.#waiting.filter((one) => one.spiI === spiI);
    for (const one of found) this.#waiting.splice(this.#waiting.indexOf(one), 1);
    return found.map(({ datagram }) => ({ ...datagram, tunnel: this.#tunnel }));
  }
}

function remember(set: Set<string>, key: string): void {
  set.add(key);
  if (set.size > KNOWN_MAX) set.delete(set.values().next().value!);
}
