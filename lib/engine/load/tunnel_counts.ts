/**
 * What workers of a gateway know together about the tunnels of each identity, so that a tunnel which comes again
 * at another worker is not counted twice.
 * @module
 */

/** The counts of all workers; a key names an identity. */
export interface TunnelCounts {
  /** Records that an IKE SA of the identity is established, or that one has ended. */
  live(key: string, change: 1 | -1): void;
  /** Records that a tunnel of the identity is down; returns whether there was room for that. */
  addDown(key: string): boolean;
  /** Whether a tunnel of the identity was down, which a new IKE SA continues then. */
  takeDown(key: string): boolean;
  /** Records that IKE SAs of the identity at other workers will be ended, of which `own` are not. */
  displace(key: string, own: number): void;
  /** Whether the end of an IKE SA was announced by {@linkcode TunnelCounts.displace}. */
  takeDisplaced(key: string): boolean;
}
