/**
 * Test traffic by UDP sockets of the system, whose routes and IPsec policies lead it into tunnels. One socket
 * of each address family serves all tunnels.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { SetupError, type SystemError } from "@/base/errors.ts";
import { loadShim } from "@/native/load.ts";
import { type ArrivedPacket, PacketSockets } from "@/native/packet_sockets.ts";
import { markAsReply } from "@/ping/echo.ts";
import type { TrafficCarrier, TrafficReceiver } from "@/traffic/carrier.ts";

const BUFFER_OCTETS = 16 << 20;

/** The sockets of the traffic of a run. */
export class TrafficSockets implements TrafficCarrier {
  receiver: TrafficReceiver | undefined;
  readonly #port: number;
  readonly #sockets: PacketSockets;
  #returned = 0;

  /**
   * Opens sockets at a port of all addresses; one family is enough. `failed` is called when no packet can be
   * received any more. @throws {SetupError} if there is no shim, or the system refuses both.
   */
  constructor(port: number, failed: (error: unknown) => void) {
    const { symbols: shim, ...lack } = loadShim();
    if (!shim) {
      const why = "reason" in lack ? lack.reason : "no C shim";
      throw new SetupError(`Cannot send traffic: ${why}`);
    }
    this.#port = port;
    this.#sockets = new PacketSockets({
      shim,
      socketOptions: (family) => ({
        address: new Uint8Array(family),
        port,
        underPolicy: true,
        receiveBufferOctets: BUFFER_OCTETS,
      }),
      arrived: (packet) => this.#arrived(packet),
      batchEnds: () => {
        if (this.#returned > 0) this.#sockets.flush();
        this.#returned = 0;
      },
      failed,
    });
    const refused = this.#sockets.open(4);
    // A host may have one family alone.
    if (this.#sockets.open(16) && refused) throw new SetupError(refusalOf(refused, port));
    if (refused?.errno === "EADDRINUSE") throw new SetupError(refusalOf(refused, port));
  }

  get unsent(): number {
    return this.#sockets.refused;
  }

  send(own: IpAddress, peer: IpAddress, payload: Uint8Array): void {
    this.#sockets.send(payload, { own, peer, peerPort: this.#port });
  }

  flush(): void {
    this.#sockets.flush();
  }

  close(): Promise<void> {
    return this.#sockets.close();
  }

  #arrived(packet: ArrivedPacket): void {
    const { own, peer, peerPort, scope, buffer, at, octets } = packet;
    if (peerPort !== this.#port || this.receiver?.arrived(packet) !== "return") return;
    markAsReply(buffer, at);
    this.#returned++;
    this.#sockets.send(buffer.subarray(at, at + octets), { own, peer, peerPort, scope });
  }
}

function refusalOf({ errno, message }: SystemError, port: number): string {
  if (errno === "EADDRINUSE") {
    return `Cannot send traffic: UDP port ${port} is in use; choose another trafficconf.port`;
  }
  return `Cannot send traffic: ${message}`;
}
