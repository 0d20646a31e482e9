/**
 * The interface of what carries packets of test traffic into tunnels and out of them: inner packets of this
 * process, or sockets of the system.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { TrafficPayload } from "@/traffic/packet.ts";

/** A UDP payload that has arrived at the port of the traffic; valid only during the call. */
export interface ArrivedTraffic extends TrafficPayload {
  readonly own: IpAddress;
  readonly peer: IpAddress;
}

/** What is to be done with a packet: nothing more, return it to its sender (pings too), or nothing of ours. */
export type TrafficVerdict = "taken" | "return" | "other";

/** Receives the packets. */
export interface TrafficReceiver {
  arrived(packet: ArrivedTraffic): TrafficVerdict;
}

/** Sends packets, and hands those that arrive to a receiver. */
export interface TrafficCarrier {
  receiver: TrafficReceiver | undefined;
  /** Number of packets that could not be sent: no tunnel carried them, or the system refused them. */
  readonly unsent: number;
  /** Sends a UDP payload, at the latest with {@linkcode TrafficCarrier.flush}; it is copied. */
  send(own: IpAddress, peer: IpAddress, payload: Uint8Array): void;
  flush(): void;
  close(): Promise<void>;
}
