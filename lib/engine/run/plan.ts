/**
 * What a run is to do, as plain values: the part of a setup that is about tunnels and time, and not
 * about the protocol.
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";
import { addressPlus } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";

/** A client's part. */
export interface ClientPlan {
  readonly role: "client";
  /** Pause between two tunnel creations; 0: none. */
  readonly setupIntervalMs: number;
  /** Pause before a tunnel is tried again. */
  readonly retryIntervalMs: number;
  /** Tries for one tunnel, the first included. */
  readonly triesMax: number;
  /** Tunnels on their way at a time. */
  readonly halfOpenMax: number;
  /** Whether there are fewer where the peer cannot follow. */
  readonly halfOpenAdapts: boolean;
  /** Address of tunnel 0. */
  readonly ownAddress: IpAddress;
  /** Addresses that one tunnel owns: the step from tunnel to tunnel. */
  readonly addressStep: number;
  readonly ownPort: number;
  readonly peerAddress: IpAddress;
  readonly peerPort: number;
  /** Tunnels are in TCP (RFC 9329), and the ports are of TCP. */
  readonly tcp?: boolean;
  /** Tunnels that are torn down and rebuilt for ever; absent: none. */
  readonly flap?: FlapPlan;
}

/** Which tunnels flap, and how. */
export interface FlapPlan {
  /** The first so many. */
  readonly tunnels: number;
  /** Limits of the pauses, up and down, both included. */
  readonly minMs: number;
  readonly maxMs: number;
}

/** A gateway's part. */
export interface GatewayPlan {
  readonly role: "gateway";
  /** The address tunnels are expected at; unspecified: any of this host. */
  readonly ownAddress: IpAddress;
  readonly ownPort: number;
}

/** What a run is to do. */
export type RunPlan = (ClientPlan | GatewayPlan) & {
  /** Client: tunnels to create. Gateway: tunnels expected. */
  readonly tunnels: number;
  /** 0: until stopped. */
  readonly runningTimeMs: number;
  readonly abortOnError: boolean;
  /** Rekeyed CHILD_SAs that stay listed, at most; 0: none. */
  readonly childHistoryMax: number;
};

/**
 * The path of one tunnel of a client.
 * @throws {SetupError} where the tunnel's address lies past the end of its family's space.
 */
export function pathOfTunnel(plan: ClientPlan, index: number): Path {
  const { ownPort, peerAddress, peerPort, tcp } = plan;
  const ownAddress = addressPlus(plan.ownAddress, index * plan.addressStep);
  if (!ownAddress) throw new SetupError(`Cannot give tunnel ${index} an address: no more are left`);
  return { ownAddress, ownPort, peerAddress, peerPort, ...(tcp ? { tcp } : {}) };
}
