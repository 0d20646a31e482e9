/**
 * Pings by sockets of the system, whose routes and IPsec policies lead them into tunnels: raw ICMP and
 * ICMPv6 sockets, or UDP sockets at one port. One socket of each family serves all tasks.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import { SetupError, type SystemError } from "@/base/errors.ts";
import { loadShim } from "@/native/load.ts";
import { type ArrivedPacket, PacketSockets } from "@/native/packet_sockets.ts";
import type { UdpSocketOptions } from "@/native/udp.ts";
import type { PingCarrier, ReplyReceiver } from "@/ping/carrier.ts";
import { EchoReader, type EchoShape, EchoWriter } from "@/ping/echo.ts";

const RECEIVE_BUFFER_OCTETS = 8 << 20;
/** IP protocol numbers. */
const ICMP = 1;
const ICMPV6 = 58;

/** The destinations of pings. */
export interface PingReach {
  /** A destination, for whose family a socket is required. */
  readonly peer: IpAddress;
  /** Whether there may be destinations of the other family too, for which a socket is not required. */
  readonly bothFamilies: boolean;
}

/**
 * Opens the sockets of a ping test. `failed` is called when no reply can be received any more. @throws
 * {SetupError} if there is no shim, or the system refuses a socket.
 */
export function openPingSockets(
  shape: EchoShape,
  { peer, bothFamilies }: PingReach,
  failed: (error: unknown) => void,
): PingCarrier {
  const sockets = new PingSockets(shape, failed);
  const family = peer.length === 4 ? 4 : 16;
  sockets.open(family);
  if (bothFamilies) sockets.tryOpen(family === 4 ? 16 : 4);
  return sockets;
}

/** The sockets of a ping test. */
export class PingSockets implements PingCarrier {
  receiver: ReplyReceiver | undefined;
  readonly #shape: EchoShape;
  readonly #writer: EchoWriter;
  readonly #reader: EchoReader;
  readonly #sockets: PacketSockets;
  readonly #peerPort: number;

  /** `failed` is called when no reply can be received any more. @throws {SetupError} without a shim. */
  constructor(shape: EchoShape, failed: (error: unknown) => void) {
    const { symbols: shim, ...lack } = loadShim();
    if (!shim) throw new SetupError(`Cannot ping: ${"reason" in lack ? lack.reason : "no C shim"}`);
    this.#shape = shape;
    this.#writer = new EchoWriter(shape);
    this.#reader = new EchoReader(shape);
    this.#peerPort = shape.protocol === "udp" ? shape.port : 0;
    this.#sockets = new PacketSockets({
      shim,
      socketOptions: (family) => socketOptionsFor(shape, family),
      arrived: (packet) => this.#arrived(packet),
      batchEnds: () => {},
      failed,
    });
  }

  get unsent(): number {
    return this.#sockets.refused;
  }

  /** Opens the socket of a family, unless the system refuses it. */
  tryOpen(family: 4 | 16): void {
    this.#sockets.open(family);
  }

  /** Opens the socket of a family. @throws {SetupError} if the system refuses it. */
  open(family: 4 | 16): void {
    const refused = this.#sockets.open(family);
    if (refused) throw new SetupError(this.#refusal(refused));
  }

  send(own: IpAddress, peer: IpAddress, identifier: number, sequence: number): void {
    const message = this.#writer.request(peer.length, identifier, sequence);
    this.#sockets.send(message, { own, peer, peerPort: this.#peerPort });
  }

  flush(): void {
    this.#sockets.flush();
  }

  close(): Promise<void> {
    return this.#sockets.close();
  }

  #arrived({ own, peer, peerPort, buffer, at, octets }: ArrivedPacket): void {
    if (this.#shape.protocol === "udp" && peerPort !== this.#shape.port) return;
    const verdict = this.#reader.read(buffer, at, octets, peer.length);
    const { identifier, sequence } = this.#reader;
    if (verdict === "altered") this.receiver?.altered(own, peer, identifier);
    else if (verdict === "reply") this.receiver?.reply(own, peer, identifier, sequence);
  }

  #refusal({ syscall, errno, message }: SystemError): string {
    const { protocol, port } = this.#shape;
    if (protocol === "icmp" && (errno === "EPERM" || errno === "EACCES")) {
      return "Cannot ping: raw ICMP sockets need CAP_NET_RAW (or root); ptype: udp needs none";
    }
    if (syscall === "bind" && errno === "EADDRINUSE") {
      return `Cannot ping: UDP port ${port} is in use; choose another pingconf.udpport`;
    }
    return `Cannot ping: ${message}`;
  }
}

function socketOptionsFor({ protocol, port }: EchoShape, family: 4 | 16): UdpSocketOptions {
  return {
    address: new Uint8Array(family),
    port: protocol === "udp" ? port : 0,
    underPolicy: true,
    receiveBufferOctets: RECEIVE_BUFFER_OCTETS,
    ...(protocol === "icmp" ? { rawProtocol: family === 4 ? ICMP : ICMPV6 } : {}),
  };
}
