/**
 * Sends and receives ESP as IP protocol 50 (RFC 4303 §2) by raw sockets, one for each address family.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";
import type { Shard } from "@/base/shard.ts";
import type { EspReceiver } from "@/esp/carrier.ts";
import { IpProtocol } from "@/esp/ip_packet.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { PacketSockets } from "@/native/packet_sockets.ts";
import { filterEsp } from "@/native/udp.ts";

const RECEIVE_BUFFER_OCTETS = 8 << 20;

/** Options of the sockets. */
export interface RawEspOptions {
  /** Is called when the sockets have become unusable. */
  readonly failed: (error: unknown) => void;
  /** The worker whose packets they receive; absent: they receive all. */
  readonly shard?: Shard | undefined;
}

/** Raw sockets for ESP, which are opened when they are needed. */
export class RawEsp {
  readonly #sockets: PacketSockets;

  /** @throws {SystemError} if descriptors run out. */
  constructor(shim: ShimSymbols, receiver: EspReceiver, { failed, shard }: RawEspOptions) {
    this.#sockets = new PacketSockets({
      shim,
      opened: shard && ((fd, family) => filterEsp(shim, { fd, family }, shard)),
      socketOptions: (family) => ({
        address: new Uint8Array(family),
        port: 0,
        rawProtocol: IpProtocol.ESP,
        carriesTunnels: true,
        // The addresses are those of IKE, which may be local by a route alone.
        freebind: true,
        receiveBufferOctets: RECEIVE_BUFFER_OCTETS,
      }),
      arrived: ({ buffer, at, octets, trafficClass }) =>
        receiver.packet(buffer, at, octets, trafficClass),
      batchEnds: () => receiver.batchEnds(),
      failed,
    });
  }

  /** Number of packets that the system refused. */
  get notSent(): number {
    return this.#sockets.refused;
  }

  /**
   * Opens the socket of an address's family, if it is not open; returns the errno name if the system refuses.
   */
  open(address: IpAddress): string | undefined {
    return this.#sockets.open(address.length === 4 ? 4 : 16)?.errno;
  }

  /** Sends a packet, at the latest with the next flush. */
  send(packet: Uint8Array, { ownAddress, peerAddress }: Path, trafficClass: number): void {
    this.#sockets.send(packet, { own: ownAddress, peer: peerAddress, peerPort: 0, trafficClass });
  }

  /** Sends the packets that wait. */
  flush(): void {
    this.#sockets.flush();
  }

  /** Reads a batch of the packets that have arrived; returns their number. */
  drain(): number {
    return this.#sockets.drain();
  }

  /** Closes the sockets. Idempotent. */
  close(): Promise<void> {
    return this.#sockets.close();
  }
}
