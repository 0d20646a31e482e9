/**
 * Packets of our own through tunnels, without a device of the system: what pings with.
 * @module
 */

/** Whole IP packets, sent into tunnels and received from them, without a device of the system. */
export interface InnerPackets {
  /**
   * Sends IP packets (IPv4 or IPv6, header and all, checksums right) by the SAs whose selectors hold
   * them; returns how many had none.
   */
  send(packets: readonly Uint8Array[]): number;
  /** Whether what the receiver does not want goes to a device of the system; else it is dropped. */
  readonly hasDevice: boolean;
  /**
   * Is offered each packet that came out of a tunnel; false: not wanted, it goes to the device.
   * Undefined: nobody.
   */
  receiver: ((packet: Uint8Array) => boolean) | undefined;
}
