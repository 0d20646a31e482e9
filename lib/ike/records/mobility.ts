/**
 * The state of MOBIKE (RFC 4555) in a tunnel: plain data, which `path/mobike.ts` and the tasks use.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";

/** Which ends of the path a client moves. */
export type MobikeMoves = "own-only" | "peer-only" | "both";

/** How an end takes part in MOBIKE. */
export interface MobikeConfig {
  /** Own addresses, of tunnel 0; a gateway announces them all. */
  readonly addresses: readonly IpAddress[];
  /** Number of addresses by which those of each following tunnel are shifted; 0 at a gateway. */
  readonly step: number;
  /** Client: which ends of the path it moves. */
  readonly moves: MobikeMoves;
  /** Client: milliseconds from one move to the next; Infinity: it moves by command alone. */
  readonly intervalMs: number;
}

/** Moves of one tunnel; all IKE SAs that its rekeys make share it by reference. */
export interface Mobility {
  /** The path of IKE messages; all IKE SAs of the tunnel have it. */
  path: Path;
  /**
   * The path on which both ends have agreed, which the CHILD_SAs use. It differs from `path` while an update
   * of the addresses, or the check of a path, is in progress.
   */
  settled: Path;
  /** When `path` began to differ from `settled`, in milliseconds on the core's clock. */
  sinceMs: number;
  /** Whether ESP was encapsulated in UDP when the path was agreed. */
  encapsulated: boolean;
  /** Addresses at which the peer may be reached, in the order in which it announced them. */
  peerAddresses: readonly IpAddress[];
  /** Client: when it moves next; Infinity: only by command. */
  moveMs: number;
  /** The last hash that the peer sent of our address, and the IKE SA whose SPIs it covers (RFC 4555 §3.8). */
  seenAs: { readonly hash: Uint8Array; readonly spiI: bigint } | undefined;
}
