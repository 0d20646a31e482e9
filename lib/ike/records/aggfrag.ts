/**
 * Aggregation and fragmentation of packets in ESP (IP-TFS, RFC 9347), as it is configured and negotiated for a
 * CHILD_SA.
 * @module
 */

/** The configuration of a CHILD_SA. */
export interface AggfragConfig {
  /**
   * `allow`: an initiator offers it, and a responder agrees to it; `force`: there is no CHILD_SA without it.
   */
  readonly use: "allow" | "force";
  /** Whether this end takes packets in fragments; false: the D bit is sent (RFC 9347 §5.1). */
  readonly takesFragments: boolean;
  /** Octets of a payload that is sent, with its header; 0: as many as the path MTU allows. */
  readonly payloadOctets: number;
  /** Payloads in a second, whether there are packets to send or not; 0: only where there are packets. */
  readonly rate: number;
}

/** What two ends have agreed. */
export interface Aggfrag {
  /** Whether the peer takes packets in fragments. */
  readonly peerTakesFragments: boolean;
}

/** The flags of USE_AGGFRAG (RFC 9347 §6.1.4). */
export const AggfragFlag = {
  /** The sender takes no fragments of packets. */
  DONT_FRAGMENT: 0x01,
  /** The sender requires that congestion control information is returned to it. */
  CONGESTION_CONTROL: 0x02,
} as const;
