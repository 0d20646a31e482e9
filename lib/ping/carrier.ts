/**
 * What brings echo requests to their destination and replies back: packets of our own in tunnels, or
 * sockets of the system.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";

/** Who gets replies. Addresses are lent. */
export interface ReplyReceiver {
  /** A reply to a request; false: to none of ours. */
  reply(own: IpAddress, peer: IpAddress, identifier: number, sequence: number): boolean;
  /** A reply whose checksum or payload is not what was sent; false: to none of ours. */
  altered(own: IpAddress, peer: IpAddress, identifier: number): boolean;
}

/** See the module. Requests of one carrier have one shape (`EchoShape`). */
export interface PingCarrier {
  receiver: ReplyReceiver | undefined;
  /** Requests that nothing took: no tunnel for them, or refused by the system. */
  readonly unsent: number;
  /**
   * A request; may wait for {@linkcode PingCarrier.flush}. An unspecified own address is the carrier's
   * choice.
   */
  send(own: IpAddress, peer: IpAddress, identifier: number, sequence: number): void;
  flush(): void;
  close(): Promise<void>;
}
