/**
 * Two hosts of a simulated world, of which a dials and b answers. Every test that needs two ends
 * of the core, and nothing outside of it, uses them.
 * @module
 */
import { portableBackend } from "@/crypto/portable.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { WorldKeys } from "@/sim/keys.ts";
import type { NetworkConditions } from "@/sim/network.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { type Host, World } from "@/sim/world.ts";

/** The backend of all worlds of a process, and the key pairs that they draw from. */
export const CRYPTO = portableBackend();
const KEYS = new WorldKeys(CRYPTO);

/** A network that loses nothing, and in which every datagram takes `delayMs` milliseconds. */
export function losslessNetwork(delayMs: number): NetworkConditions {
  return { loss: 0, duplication: 0, delayMs: [delayMs, delayMs] };
}

/** The address of a host, or its address behind a NAT. */
type Place = Parameters<World["join"]>[1];

/** The options of a world and its hosts. */
export interface TwoHostsOptions {
  /** The seed; absent: 7. */
  readonly seed?: number;
  /** The network; absent: without losses, and with 10 ms in each direction. */
  readonly conditions?: NetworkConditions;
  /** The shortest and the longest duration of computations, in milliseconds; absent: 1. */
  readonly computeMs?: readonly [number, number];
  readonly broken?: readonly FaultName[];
  /** The changes of the configuration of each host. */
  readonly a?: Partial<IkeConfig> | undefined;
  readonly b?: Partial<IkeConfig> | undefined;
  /** The addresses; absent: 10.0.0.1 and 10.0.0.2. */
  readonly atA?: Place;
  readonly atB?: Place;
}

/** A world and its two hosts. */
export interface TwoHosts {
  readonly world: World;
  readonly a: Host;
  readonly b: Host;
}

/** Two hosts in a world in which nothing has happened yet. */
export function twoHosts(options: TwoHostsOptions = {}): TwoHosts {
  const { seed = 7, conditions = losslessNetwork(10), computeMs = [1, 1], broken = [] } = options;
  const { atA = Uint8Array.of(10, 0, 0, 1), atB = Uint8Array.of(10, 0, 0, 2) } = options;
  const world = new World({
    seed,
    crypto: CRYPTO,
    keys: KEYS,
    conditions,
    computeMs,
    broken: new Set(broken),
  });
  const a = world.join("a", atA, worldConfig(options.a), false);
  const b = world.join("b", atB, worldConfig(options.b), true);
  return { world, a, b };
}

/** The established IKE SAs of a host. */
export function established(host: Host): IkeSa[] {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
}
