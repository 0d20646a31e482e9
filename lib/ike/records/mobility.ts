/**
 * What the two ends of an IKE SA know of moving it (MOBIKE, RFC 4555). Plain data; what is done with it
 * is in `path/mobike.ts` and in the tasks.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";

/** Which ends of the path a client moves. */
export type MobikeMoves = "own-only" | "peer-only" | "both";

/** How an end takes part in MOBIKE. */
export interface MobikeConfig {
  /** Own addresses, of tunnel 0; a gateway announces them all. */
  readonly addresses: readonly IpAddress[];
  /** How much further on the addresses of each following tunnel lie; 0 at a gateway. */
  readonly step: number;
  /** Client: which ends of the path it moves. */
  readonly moves: MobikeMoves;
  /** Client: milliseconds from one move to the next; Infinity: it moves by command alone. */
  readonly intervalMs: number;
}

/** Moves of one tunnel; all IKE SAs that its rekeys make share it by reference. */
export interface Mobility {
  /** Where IKE messages go: all IKE SAs of the tunnel have this path. */
  path: Path;
  /**
   * The path that both ends have settled, and that CHILD_SAs have. It differs from `path` while an update
   * of the addresses, or the check of a path, is under way.
   */
  settled: Path;
  /** When `path` began to differ from `settled`, in milliseconds on the core's clock. */
  sinceMs: number;
  /** Whether the ESP of CHILD_SAs went in UDP when the path was settled. */
  encapsulated: boolean;
  /** Addresses at which the peer may be reached, in the order in which it named them. */
  peerAddresses: readonly IpAddress[];
  /** Client: when it moves next; Infinity: not by itself. */
  moveMs: number;
  /** The hash by which the peer named our address last, and the IKE SA that it is of (RFC 4555 §3.8). */
  seenAs: { readonly hash: Uint8Array; readonly spiI: bigint } | undefined;
}
