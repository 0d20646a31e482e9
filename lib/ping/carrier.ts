/**
 * The interface of what carries echo requests to their destination and replies back: inner packets of this
 * process, or sockets of the system.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";

/** Receives replies. Addresses are only valid during the call. */
export interface ReplyReceiver {
  /** Takes a reply; false: it answers no request of this test. */
  reply(own: IpAddress, peer: IpAddress, identifier: number, sequence: number): boolean;
  /** Takes a reply with a wrong checksum or a changed payload; false: it answers no request of this test. */
  altered(own: IpAddress, peer: IpAddress, identifier: number): boolean;
}

/** Sends requests of one shape (`EchoShape`), and hands replies to a receiver. */
export interface PingCarrier {
  receiver: ReplyReceiver | undefined;
  /** Number of requests that could not be sent: no tunnel carried them, or the system refused them. */
  readonly unsent: number;
  /**
   * Sends a request, at the latest with {@linkcode PingCarrier.flush}. If the own address is unspecified, the
   * carrier chooses it.
   */
  send(own: IpAddress, peer: IpAddress, identifier: number, sequence: number): void;
  flush(): void;
  close(): Promise<void>;
}
