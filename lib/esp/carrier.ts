/**
 * The interface of what carries ESP packets for a data path in this process: in UDP (RFC 3948 §2.1), in TCP
 * (RFC 9329 §3.2), or as IP protocol 50 (RFC 4303 §2).
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";

/** The address and port from which a packet in UDP arrived. */
export interface EspOrigin {
  readonly address: IpAddress;
  /** UDP port, uint16. */
  readonly port: number;
}

/** Receives ESP packets. */
export interface EspReceiver {
  /**
   * Takes the packet at `at`. The buffer is valid until the batch ends, and may be decrypted in place. `from`
   * is the address and port from which it arrived in UDP; absent: it did not arrive in UDP.
   */
  packet(
    buffer: Uint8Array,
    at: number,
    octets: number,
    trafficClass: number,
    from?: EspOrigin,
  ): void;
  /** Ends a batch; afterwards the buffer is used again. */
  batchEnds(): void;
}

/** Sends ESP packets, and hands over those that arrive. */
export interface EspCarrier {
  /** The receiver; undefined: received packets are only counted. */
  receiver: EspReceiver | undefined;
  /**
   * Sends an ESP packet by a path, at the latest with the next flush. `trafficClass` has DSCP and ECN, uint8.
   */
  send(packet: Uint8Array, path: Path, trafficClass: number): void;
  flush(): void;
}
