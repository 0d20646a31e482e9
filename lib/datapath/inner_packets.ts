/**
 * The interface by which pings send packets through tunnels without a device of the system.
 * @module
 */

/** Whole IP packets, sent into tunnels and received from them, without a device of the system. */
export interface InnerPackets {
  /**
   * Sends whole IPv4 or IPv6 packets with valid checksums by the SAs whose selectors match them; returns the
   * number of packets that no SA matched.
   */
  send(packets: readonly Uint8Array[]): number;
  /** Whether packets that the receiver refuses go to a device of the system; otherwise they are dropped. */
  readonly hasDevice: boolean;
  /**
   * Is called for each packet that came out of a tunnel; false: it is refused and goes to the device.
   * Undefined: there is no receiver.
   */
  receiver: ((packet: Uint8Array) => boolean) | undefined;
}
