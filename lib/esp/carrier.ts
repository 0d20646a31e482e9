/**
 * What carries ESP packets for a data path in this process: in UDP (RFC 3948 §2.1), in TCP (RFC 9329
 * §3.2), or as IP protocol 50 (RFC 4303 §2).
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";

/** The other end that a packet in UDP came from. */
export interface EspOrigin {
  readonly address: IpAddress;
  /** uint16. */
  readonly port: number;
}

/** Who takes ESP packets that arrive. */
export interface EspReceiver {
  /**
   * The packet at `at`; lent until the batch ends, and may be opened in place. `from` is the other end that
   * it came from in UDP; absent: it came otherwise.
   */
  packet(
    buffer: Uint8Array,
    at: number,
    octets: number,
    trafficClass: number,
    from?: EspOrigin,
  ): void;
  /** No more for now; the buffer is filled anew after it. */
  batchEnds(): void;
}

/** See the module. */
export interface EspCarrier {
  /** Absent: what comes is counted, and nobody takes it. */
  receiver: EspReceiver | undefined;
  /** Sends an ESP packet by a path; it may wait for the flush. DSCP and ECN are `trafficClass`, uint8. */
  send(packet: Uint8Array, path: Path, trafficClass: number): void;
  flush(): void;
}
