/**
 * The interface of what carries ESP packets for a data path in this process: in UDP (RFC 3948 §2.1), in TCP
 * (RFC 9329 §3.2), or as IP protocol 50 (RFC 4303 §2).
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";

/** The other end from which a packet in UDP came. */
export interface EspOrigin {
  readonly address: IpAddress;
  /** UDP port, uint16. */
  readonly port: number;
}

/** Receives ESP packets. */
export interface EspReceiver {
  /**
   * Takes the packet at `at`. The buffer is lent until the batch ends, and may be decrypted in place. `from`
   * is the other end from which it came in UDP; absent: it did not come in UDP.
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
  /** Undefined: arriving packets are only counted. */
  receiver: EspReceiver | undefined;
  /**
   * Sends an ESP packet by a path, at the latest with the next flush. `trafficClass` has DSCP and ECN, uint8.
   */
  send(packet: Uint8Array, path: Path, trafficClass: number): void;
  flush(): void;
}
