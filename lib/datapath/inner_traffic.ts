/**
 * Test traffic through tunnels without a device of the system: UDP packets of our own, which leave by the
 * CHILD_SA whose selectors hold them.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import {
  allowFragmentation,
  answerEnds,
  hasValidChecksum,
  HEADERS_OCTETS_MAX,
  UDP_HEADER_OCTETS,
  writeInner,
} from "@/datapath/inner_packet.ts";
import { InnerBatch } from "@/datapath/inner_batch.ts";
import type { InnerPackets } from "@/datapath/inner_packets.ts";
import { IpProtocol, type IpView } from "@/esp/ip_packet.ts";
import { markAsReply } from "@/ping/echo.ts";
import type { TrafficCarrier, TrafficReceiver } from "@/traffic/carrier.ts";

/** Sends and receives test traffic as inner packets; see {@linkcode TrafficCarrier}. */
export class InnerTraffic implements TrafficCarrier {
  receiver: TrafficReceiver | undefined;
  readonly #inner: InnerPackets;
  readonly #port: number;
  readonly #batch: InnerBatch;
  /** Number of packets that were to be returned, and that no tunnel took. */
  #unreturned = 0;
  #datagram = new Uint8Array(UDP_HEADER_OCTETS);

  /** `port`: that of both ends. */
  constructor(inner: InnerPackets, port: number) {
    this.#inner = inner;
    this.#batch = new InnerBatch(inner);
    this.#port = port;
  }

  get unsent(): number {
    return this.#batch.unsent + this.#unreturned;
  }

  send(own: IpAddress, peer: IpAddress, payload: Uint8Array): void {
    const upper = { protocol: IpProtocol.UDP, payload: this.#udp(payload) };
    this.#batch.add({ source: own, destination: peer }, upper);
  }

  flush(): void {
    this.#batch.flush();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Takes a packet that came out of a tunnel; false: it is no test traffic for this port. */
  take(packet: Uint8Array, view: IpView): boolean {
    const { receiver } = this;
    const isOurs = view.protocol === IpProtocol.UDP && view.sourcePort === this.#port &&
      view.destinationPort === this.#port;
    if (!receiver || !isOurs || !hasValidChecksum(packet, view)) return false;
    const at = view.upper + UDP_HEADER_OCTETS;
    const { source: own, destination: peer } = answerEnds(packet, view);
    const octets = view.total - at;
    const verdict = receiver.arrived({ own, peer, buffer: packet, at, octets });
    if (verdict === "return") {
      const datagram = packet.slice(view.upper, view.total);
      markAsReply(datagram, UDP_HEADER_OCTETS);
      this.#unreturned += this.#inner.send([returnedDatagram(packet, view, datagram)]);
    }
    return verdict !== "other";
  }

  /** The UDP datagram of a payload. Its checksum is computed later, when the addresses are known. */
  #udp(payload: Uint8Array): Uint8Array {
    const octets = UDP_HEADER_OCTETS + payload.length;
    if (this.#datagram.length < octets) this.#datagram = new Uint8Array(octets);
    const datagram = this.#datagram.subarray(0, octets);
    const port = this.#port;
    datagram.set([port >> 8, port & 255, port >> 8, port & 255, octets >> 8, octets & 255, 1, 1]);
    datagram.set(payload, UDP_HEADER_OCTETS);
    return datagram;
  }
}

/** A packet that takes `datagram`, whose ports are turned round here, to the sender of another packet. */
export function returnedDatagram(
  packet: Uint8Array,
  view: IpView,
  datagram: Uint8Array,
): Uint8Array {
  const [high, low] = datagram as unknown as readonly [number, number];
  datagram.copyWithin(0, 2, 4);
  datagram[2] = high;
  datagram[3] = low;
  const answer = new Uint8Array(HEADERS_OCTETS_MAX + datagram.length);
  const upper = { protocol: IpProtocol.UDP, payload: datagram };
  const octets = writeInner(answer, answerEnds(packet, view), upper);
  const returned = answer.subarray(0, octets);
  // What was allowed to be fragmented on its way here is allowed on its way back.
  if (view.addressOctets === 4 && (packet[6]! & 0x40) === 0) {
    allowFragmentation(returned, packet[4]! << 8 | packet[5]!);
  }
  return returned;
}
