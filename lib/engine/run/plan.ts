/**
 * The plan of a run as plain values: the part of a setup that concerns tunnels and time, not the protocol.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";
import { addressPlus } from "@/base/address.ts";
import type { Shard } from "@/base/shard.ts";
import { sizeOfSlice, type Slice, WHOLE } from "@/base/slice.ts";
import { SetupError } from "@/base/errors.ts";
import type { KeyStockOptions } from "@/crypto/key_stock.ts";
import type { Threshold } from "@/setup/threshold.ts";

/** How many tunnels a run has itself. */
export function ownTunnels({ tunnels, slice = WHOLE }: RunPlan): number {
  return sizeOfSlice(slice, tunnels);
}

/** One stage of a load. */
export interface LoadStage {
  /** Tunnels a second once the ramp is over. */
  readonly ratePerSec: number;
  /** Milliseconds in which the rate changes evenly from that of the stage before, 0 before the first. */
  readonly rampMs: number;
  /** Milliseconds for which it then stays; ignored in the last stage, which has no end. */
  readonly holdMs: number;
}

/** The load of a client. */
export interface LoadPlan {
  /** At least one; the last one has a rate above 0. */
  readonly stages: readonly LoadStage[];
  /** Whether tunnels arrive by chance. */
  readonly poisson: boolean;
  /** Tunnels that begin together. */
  readonly burst: number;
  readonly seed: number;
}

/** The plan of a client. */
export interface ClientPlan {
  readonly role: "client";
  /** Pause between the creation of two tunnels, in milliseconds; 0: none. */
  readonly setupIntervalMs: number;
  /** The stages by which tunnels begin, in place of that pause; absent: there are none. */
  readonly load?: LoadPlan;
  /** Pause before a tunnel is tried again, in milliseconds. */
  readonly retryIntervalMs: number;
  /** The most tries for one tunnel, including the first. */
  readonly triesMax: number;
  /** The most tunnels that are being set up at a time. */
  readonly halfOpenMax: number;
  /** Whether fewer are set up at a time if the peer cannot follow, and only few at first. */
  readonly halfOpenAdapts: boolean;
  /** Address of tunnel 0. */
  readonly ownAddress: IpAddress;
  /** Number of addresses of a tunnel, which is the step from tunnel to tunnel. */
  readonly addressStep: number;
  readonly ownPort: number;
  readonly peerAddress: IpAddress;
  readonly peerPort: number;
  /** Whether tunnels use TCP (RFC 9329); then the ports are TCP ports. */
  readonly tcp?: boolean;
  /** Whether a tunnel authenticates again by another IKE SA before the one that it has is deleted. */
  readonly reauthMakes?: boolean;
  /** Tunnels that are torn down and rebuilt repeatedly; absent: none. */
  readonly flap?: FlapPlan;
}

/** Which tunnels flap, and how. */
export interface FlapPlan {
  /** Number of tunnels that flap, counted from the first. */
  readonly tunnels: number;
  /** Limits of the pauses while a tunnel is up and while it is down, both inclusive. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Whether a tunnel is dropped without a Delete, so that it can be resumed by its ticket; absent: no. */
  readonly resumes?: boolean;
}

/** What many tunnels do at once. */
export interface StormPlan {
  readonly kind: "rekey-ike" | "rekey-child" | "reconnect" | "drop";
  /** Milliseconds after all tunnels are set up or given up. */
  readonly afterMs: number;
  /** Number of tunnels; Infinity: all. */
  readonly tunnels: number;
  /** Milliseconds over which they begin. */
  readonly spreadMs: number;
  /** How often it comes, and how many milliseconds lie between its beginnings. */
  readonly count: number;
  readonly everyMs: number;
}

/** The plan of a gateway. */
export interface GatewayPlan {
  readonly role: "gateway";
  /** The address at which tunnels are expected; unspecified: any of this host. */
  readonly ownAddress: IpAddress;
  readonly ownPort: number;
}

/** The plan of a run. */
export type RunPlan = (ClientPlan | GatewayPlan) & {
  /** For a client the tunnels to create in all slices, for a gateway the tunnels that are expected. */
  readonly tunnels: number;
  /** Which of them a client creates; absent: all. */
  readonly slice?: Slice;
  /** The worker of its process that makes them; absent: the process has one. */
  readonly shard?: Shard;
  /** Running time in milliseconds; 0: until the run is stopped. */
  readonly runningTimeMs: number;
  /** How key pairs are kept; absent: each exchange makes its own when it needs it. */
  readonly keys?: KeyStockOptions;
  /** Storms, in the order of the setup; absent: there are none. */
  readonly storms?: readonly StormPlan[];
  /** How long the run goes on after all tunnels were set up or given up, in milliseconds; absent: as long as it can. */
  readonly soakMs?: number;
  /** How long the end waits for an answer to its Deletes after the last one, in milliseconds. */
  readonly stopTimeoutMs: number;
  readonly abortOnError: boolean;
  readonly thresholds: readonly Threshold[];
  /** Whether the run ends at the first threshold that is broken. */
  readonly abortOnFail: boolean;
  /** The most rekeyed CHILD_SAs that stay listed; 0: none. */
  readonly childHistoryMax: number;
};

/**
 * The path of one tunnel of a client.
 * @throws {SetupError} if the tunnel's address is outside of the address space.
 */
export function pathOfTunnel(plan: ClientPlan, index: number): Path {
  const { ownPort, peerAddress, peerPort, tcp } = plan;
  const ownAddress = addressPlus(plan.ownAddress, index * plan.addressStep);
  if (!ownAddress) throw new SetupError(`Cannot give tunnel ${index} an address: no more are left`);
  return { ownAddress, ownPort, peerAddress, peerPort, ...(tcp ? { tcp } : {}) };
}
