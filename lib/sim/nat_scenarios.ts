/**
 * Scenarios with a NAT on the path (RFC 7296 §2.23): it is detected, traversed, kept alive and changed
 * without notice to the ends, and an attacker repeats from another address what it has seen.
 * @module
 */
import { compareAddresses } from "@/base/address.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { ChildConfig, NatTraversal } from "@/ike/records/config.ts";
import { NatBox } from "@/sim/nat_box.ts";
import { establishedSa, PATIENT, type Scenario, SUITES, worldConfig } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";

const INSIDE_A = Uint8Array.of(192, 168, 0, 2);
const INSIDE_B = Uint8Array.of(192, 168, 7, 2);
const OUTSIDE_A = Uint8Array.of(10, 0, 0, 1);
const OUTSIDE_B = Uint8Array.of(10, 0, 0, 2);
const ATTACKER = Uint8Array.of(10, 0, 0, 99);
const FOREVER = { lifetimeMs: Infinity, forwards: [] };

/** The NATs of a scenario, and the configurations of the ends. */
export interface NatStage {
  readonly a?: Partial<NatTraversal>;
  readonly b?: Partial<NatTraversal>;
  readonly boxA?: NatBox;
  readonly boxB?: NatBox;
  /** The CHILD_SAs of both ends; absent: one in tunnel mode. */
  readonly children?: readonly ChildConfig[];
}

/** Host a dials, host b answers. */
export function natPair(world: World, stage: NatStage): { readonly a: Host; readonly b: Host } {
  const algorithms = world.random.pick(SUITES);
  const { children = worldConfig().children } = stage;
  const config = (change: Partial<NatTraversal> = {}) =>
    worldConfig({ algorithms, children, ...PATIENT, natt: { ...worldConfig().natt!, ...change } });
  const { boxA, boxB } = stage;
  const atA = boxA ? { address: INSIDE_A, nat: boxA } : OUTSIDE_A;
  const atB = boxB ? { address: INSIDE_B, nat: boxB } : OUTSIDE_B;
  const a = world.join("a", atA, config(stage.a), false);
  const b = world.join("b", atB, config(stage.b), true);
  return { a, b };
}

/** A NAT in front of the initiator. */
export function boxOfA(lifetimeMs = Infinity): NatBox {
  return new NatBox({ ...FOREVER, outside: OUTSIDE_A, lifetimeMs });
}

/** A NAT in front of the responder, with both ports forwarded. */
export function boxOfB(): NatBox {
  return new NatBox({ ...FOREVER, outside: OUTSIDE_B, forwards: [500, 4500] });
}

const forced = { forced: true };
const STAGES: readonly (() => NatStage)[] = [
  () => ({ boxA: boxOfA() }),
  () => ({ boxB: boxOfB() }),
  () => ({ boxA: boxOfA(), boxB: boxOfB() }),
  () => ({ a: forced }),
  () => ({ b: forced }),
  () => ({ a: forced, b: forced, boxA: boxOfA() }),
];

const traversal: Scenario = {
  name: "nat",
  start(world) {
    const stage = world.random.pick(STAGES)();
    const { a, b } = natPair(world, stage);
    world.seamless = true;
    world.dial(a, b);
    // Rekeyed SAs use the NAT-T port too, and their ESP is encapsulated in UDP.
    for (const atMs of [8_000, 50_000]) {
      world.at(atMs, () => {
        const host = world.random.pick([a, b]);
        const sa = establishedSa(host);
        const child = sa?.children[0];
        if (!sa) return;
        if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
        if (child) world.tell(host, sa, { kind: "rekey_child", child });
      });
    }
    return {
      stands: true,
      check() {
        for (const sa of [establishedSa(a), establishedSa(b)]) {
          if (sa && !sa.peer.encapsulated) return "a NAT, or force, puts ESP in UDP";
        }
        return undefined;
      },
    };
  },
};

/** Repeats the last message of `from` to `to` from the attacker's address, after a delay. */
function divert(world: World, from: Host, to: Host, delayMs = 0): void {
  const octets = establishedSa(from)?.window.request?.datagrams[0];
  if (!octets) return;
  const ownAddress = to.nat?.outside ?? to.address;
  const ownPort = to.nat?.portOf(4500) ?? 4500;
  const path = { ownAddress, ownPort, peerAddress: ATTACKER, peerPort: 4500 };
  world.inject(to, { octets, path }, delayMs);
}

function check(world: World, host: Host): void {
  const sa = establishedSa(host);
  if (sa) world.tell(host, sa, { kind: "liveness_check" });
}

function isAt(sa: IkeSa, address: Uint8Array): boolean {
  return compareAddresses(sa.path.peerAddress, address) === 0;
}

/** The mapping of a changes: b follows, as a is behind the NAT, and a stays where it is. */
const changing: Scenario = {
  name: "nat_mapping_changes",
  start(world) {
    const box = boxOfA();
    const { a, b } = natPair(world, { boxA: box });
    world.dial(a, b);
    world.at(20_000, () => box.forget());
    world.at(21_000, () => check(world, a));
    world.at(60_000, () => check(world, b));
    // A message of b reaches a from the attacker first: it is answered, but moves nothing.
    world.at(100_000, () => {
      check(world, b);
      divert(world, b, a);
    });
    return {
      stands: true,
      check() {
        const atA = establishedSa(a);
        const atB = establishedSa(b);
        if (atA && !isAt(atA, OUTSIDE_B)) {
          return "the end behind a NAT stays with its peer's address";
        }
        if (!atA || !atB) return undefined;
        const follows = isAt(atB, OUTSIDE_A) && atB.path.peerPort === box.portOf(4500);
        return follows ? undefined : "the peer of an end behind a NAT follows its mapping";
      },
    };
  },
};

/** Old requests of a arrive again from another address. */
const replayed: Scenario = {
  name: "nat_replay",
  start(world) {
    const box = boxOfA();
    const { a, b } = natPair(world, { boxA: box });
    world.dial(a, b);
    world.at(20_000, () => {
      check(world, a);
      for (const delayMs of [40_000, 60_000]) divert(world, a, b, delayMs);
    });
    return {
      stands: true,
      check() {
        const sa = establishedSa(b);
        return !sa || isAt(sa, OUTSIDE_A) ? undefined : "a replay moves nobody";
      },
    };
  },
};

/**
 * A mapping lasts 30 s and keepalives are sent every 20 s, so that the responder reaches the initiator at any
 * time.
 */
const keptAlive: Scenario = {
  name: "nat_keepalives",
  start(world) {
    const stage = { a: { keepaliveMs: 20_000 }, b: { keepaliveMs: 20_000 }, boxA: boxOfA(30_000) };
    const { a, b } = natPair(world, stage);
    world.dial(a, b);
    let cameUp = false;
    world.at(100_000, () => {
      cameUp = establishedSa(a) !== undefined && establishedSa(b) !== undefined;
      check(world, b);
    });
    let stood = true;
    world.at(200_000, () => {
      stood = establishedSa(a) !== undefined && establishedSa(b) !== undefined;
      for (const host of [a, b]) {
        for (const sa of [...host.endpoint.bySpi.values()]) {
          if (sa.phase !== "established") continue;
          world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED });
        }
      }
    });
    return {
      stands: false,
      check: () => cameUp && !stood ? "keepalives keep the mapping" : undefined,
    };
  },
};

/** All scenarios of this file. */
export const NAT_SCENARIOS: readonly Scenario[] = [traversal, changing, replayed, keptAlive];
