/**
 * Pings through tunnels without a device of the system: IP packets of our own, which leave by the CHILD_SA
 * whose selectors hold them. Where there is no device, the pings of the other end are answered here too.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { InnerBatch } from "@/datapath/inner_batch.ts";
import type { InnerPackets } from "@/datapath/inner_packets.ts";
import {
  answerEnds,
  hasValidChecksum,
  HEADERS_OCTETS_MAX,
  UDP_HEADER_OCTETS,
  writeInner,
} from "@/datapath/inner_packet.ts";
import { InnerTraffic, returnedDatagram } from "@/datapath/inner_traffic.ts";
import { IpProtocol, IpView } from "@/esp/ip_packet.ts";
import type { PingCarrier, ReplyReceiver } from "@/ping/carrier.ts";
import {
  answerEcho,
  EchoReader,
  type EchoShape,
  EchoWriter,
  markAsReply,
  udpKind,
} from "@/ping/echo.ts";

/** Receives all inner packets of a data path. */
export class InnerEcho {
  /** Number of echo requests of peers that were answered. */
  answered = 0;
  readonly #inner: InnerPackets;
  readonly #view = new IpView();
  #carrier: InnerPingCarrier | undefined;
  #traffic: InnerTraffic | undefined;

  constructor(inner: InnerPackets) {
    this.#inner = inner;
    inner.receiver = (packet) => this.#take(packet);
  }

  /** Makes the carrier of this process's own pings; a data path has one. */
  carrier(shape: EchoShape): InnerPingCarrier {
    return this.#carrier ??= new InnerPingCarrier(this.#inner, shape);
  }

  /** Makes the carrier of test traffic at a UDP port; a data path has one. */
  traffic(port: number): InnerTraffic {
    return this.#traffic ??= new InnerTraffic(this.#inner, port);
  }

  #take(packet: Uint8Array): boolean {
    const view = this.#view;
    if (!view.read(packet, 0, packet.length) || view.isFragment) return false;
    return this.#carrier?.take(packet, view) || this.#traffic?.take(packet, view) ||
      this.#answer(packet, view);
  }

  /** Answers an echo request. The selectors were checked, so the destination is an address of this end. */
  #answer(packet: Uint8Array, view: IpView): boolean {
    if (this.#inner.hasDevice) return false;
    if (view.protocol === IpProtocol.UDP) return this.#answerUdp(packet, view);
    const icmp = view.addressOctets === 4 ? IpProtocol.ICMP : IpProtocol.ICMPV6;
    if (view.protocol !== icmp || !hasValidChecksum(packet, view)) return false;
    const message = packet.slice(view.upper, view.total);
    if (!answerEcho(message, view.addressOctets)) return false;
    const answer = new Uint8Array(HEADERS_OCTETS_MAX + message.length);
    const ends = answerEnds(packet, view);
    const octets = writeInner(answer, ends, { protocol: view.protocol, payload: message });
    this.#inner.send([answer.subarray(0, octets)]);
    this.answered++;
    return true;
  }

  /** Returns a UDP ping of myikev2, or a packet of its test traffic, whatever its port. */
  #answerUdp(packet: Uint8Array, view: IpView): boolean {
    if (!hasValidChecksum(packet, view)) return false;
    const datagram = packet.slice(view.upper, view.total);
    const octets = datagram.length - UDP_HEADER_OCTETS;
    if (udpKind(datagram, UDP_HEADER_OCTETS, octets) !== "request") return false;
    markAsReply(datagram, UDP_HEADER_OCTETS);
    this.#inner.send([returnedDatagram(packet, view, datagram)]);
    this.answered++;
    return true;
  }
}

/** Sends pings as inner packets; see {@linkcode PingCarrier}. */
export class InnerPingCarrier implements PingCarrier {
  receiver: ReplyReceiver | undefined;
  readonly #batch: InnerBatch;
  readonly #shape: EchoShape;
  readonly #writer: EchoWriter;
  readonly #reader: EchoReader;
  readonly #datagram: Uint8Array;

  constructor(inner: InnerPackets, shape: EchoShape) {
    this.#batch = new InnerBatch(inner);
    this.#shape = shape;
    this.#writer = new EchoWriter(shape);
    this.#reader = new EchoReader(shape);
    this.#datagram = new Uint8Array(UDP_HEADER_OCTETS + shape.payloadOctets);
  }

  get unsent(): number {
    return this.#batch.unsent;
  }

  send(own: IpAddress, peer: IpAddress, identifier: number, sequence: number): void {
    const isV4 = peer.length === 4;
    const message = this.#writer.request(peer.length, identifier, sequence);
    const isUdp = this.#shape.protocol === "udp";
    this.#batch.add({ source: own, destination: peer }, {
      protocol: isUdp ? IpProtocol.UDP : isV4 ? IpProtocol.ICMP : IpProtocol.ICMPV6,
      payload: isUdp ? this.#udp(message) : message,
    });
  }

  flush(): void {
    this.#batch.flush();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Takes a packet that came out of a tunnel; false: it is no reply to a request of ours. */
  take(packet: Uint8Array, view: IpView): boolean {
    const { receiver } = this;
    const isUdp = this.#shape.protocol === "udp";
    const icmp = view.addressOctets === 4 ? IpProtocol.ICMP : IpProtocol.ICMPV6;
    if (!receiver || view.protocol !== (isUdp ? IpProtocol.UDP : icmp)) return false;
    if (isUdp && view.sourcePort !== this.#shape.port) return false;
    if (isUdp && view.destinationPort !== this.#shape.port) return false;
    const at = view.upper + (isUdp ? UDP_HEADER_OCTETS : 0);
    const octets = view.total - at;
    const verdict = this.#reader.read(packet, at, octets, view.addressOctets);
    if (verdict === "other") return false;
    const { source: own, destination: peer } = answerEnds(packet, view);
    const { identifier, sequence } = this.#reader;
    if (verdict === "altered" || !hasValidChecksum(packet, view)) {
      return receiver.altered(own, peer, identifier);
    }
    return receiver.reply(own, peer, identifier, sequence);
  }

  /** Makes the UDP datagram of a payload. Its checksum is computed later, when the addresses are known. */
  #udp(payload: Uint8Array): Uint8Array {
    const { port } = this.#shape;
    const datagram = this.#datagram;
    const octets = datagram.length;
    datagram.set([port >> 8, port & 255, port >> 8, port & 255, octets >> 8, octets & 255, 1, 1]);
    datagram.set(payload, UDP_HEADER_OCTETS);
    return datagram;
  }
}
