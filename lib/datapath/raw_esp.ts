/**
 * ESP as IP protocol 50 (RFC 4303 §2): raw sockets, one for each family.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";
import type { EspReceiver } from "@/esp/carrier.ts";
import { IpProtocol } from "@/esp/ip_packet.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { PacketSockets } from "@/native/packet_sockets.ts";

const RECEIVE_BUFFER_OCTETS = 8 << 20;

/** See the module. */
export class RawEsp {
  readonly #sockets: PacketSockets;

  /** `failed`: the sockets are of no use any more. @throws {SystemError} where descriptors run out. */
  constructor(shim: ShimSymbols, receiver: EspReceiver, failed: (error: unknown) => void) {
    this.#sockets = new PacketSockets({
      shim,
      wish: (family) => ({
        address: new Uint8Array(family),
        port: 0,
        rawProtocol: IpProtocol.ESP,
        carriesTunnels: true,
        receiveBufferOctets: RECEIVE_BUFFER_OCTETS,
      }),
      arrived: ({ buffer, at, octets, trafficClass }) =>
        receiver.packet(buffer, at, octets, trafficClass),
      batchEnds: () => receiver.batchEnds(),
      failed,
    });
  }

  /** Packets that the system did not take. */
  get notSent(): number {
    return this.#sockets.refused;
  }

  /** Opens the socket of an address's family where there is none yet; the errno that forbids it. */
  open(address: IpAddress): string | undefined {
    return this.#sockets.open(address.length === 4 ? 4 : 16)?.errno;
  }

  /** Sends a packet; may wait for the flush. */
  send(packet: Uint8Array, { ownAddress, peerAddress }: Path, trafficClass: number): void {
    this.#sockets.send(packet, { own: ownAddress, peer: peerAddress, peerPort: 0, trafficClass });
  }

  /** Sends what waits. */
  flush(): void {
    this.#sockets.flush();
  }

  /** Takes a batch of what has arrived, now; how much it was. */
  drain(): number {
    return this.#sockets.drain();
  }

  /** Idempotent. */
  close(): Promise<void> {
    return this.#sockets.close();
  }
}
