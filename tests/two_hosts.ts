/**
 * Two hosts of a simulated world: a dials, b answers. Every test of the core that needs two ends, and no
 * more than what the core itself does, takes them from here.
 * @module
 */
import { portableBackend } from "@/crypto/portable.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { WorldKeys } from "@/sim/keys.ts";
import type { Weather } from "@/sim/network.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { type Host, World } from "@/sim/world.ts";

/** The backend of all worlds of a process, and the key pairs that they draw from. */
export const CRYPTO = portableBackend();
const KEYS = new WorldKeys(CRYPTO);

/** Nothing is lost, and every datagram takes so many milliseconds. */
export function fairWeather(delayMs: number): Weather {
  return { loss: 0, duplication: 0, delayMs: [delayMs, delayMs] };
}

/** A host's place in the world: an address, or one behind a NAT. */
type Place = Parameters<World["join"]>[1];

/** What a test says about its world and its hosts. */
export interface TwoHostsOptions {
  /** Absent: 7. */
  readonly seed?: number;
  /** Absent: fair, with 10 ms in each direction. */
  readonly weather?: Weather;
  /** How long computations take at least and at most, milliseconds; absent: 1. */
  readonly computeMs?: readonly [number, number];
  readonly broken?: readonly FaultName[];
  /** What differs of the configuration of a host from that of all worlds. */
  readonly a?: Partial<IkeConfig> | undefined;
  readonly b?: Partial<IkeConfig> | undefined;
  /** Where they are; absent: 10.0.0.1 and 10.0.0.2. */
  readonly atA?: Place;
  readonly atB?: Place;
}

/** A world and its two hosts. */
export interface TwoHosts {
  readonly world: World;
  readonly a: Host;
  readonly b: Host;
}

/** Two hosts, of which none has begun. */
export function twoHosts(options: TwoHostsOptions = {}): TwoHosts {
  const { seed = 7, weather = fairWeather(10), computeMs = [1, 1], broken = [] } = options;
  const { atA = Uint8Array.of(10, 0, 0, 1), atB = Uint8Array.of(10, 0, 0, 2) } = options;
  const world = new World({
    seed,
    crypto: CRYPTO,
    keys: KEYS,
    weather,
    computeMs,
    broken: new Set(broken),
  });
  const a = world.join("a", atA, worldConfig(options.a), false);
  const b = world.join("b", atB, worldConfig(options.b), true);
  return { world, a, b };
}

/** The IKE SAs of a host that are up. */
export function established(host: Host): IkeSa[] {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
}
