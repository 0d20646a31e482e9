/**
 * Scenarios with reauthentication (RFC 4478): a gateway demands it within a certain time, and the
 * client authenticates again by a new IKE SA, or does not.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import type { PoolPlan } from "@/ike/records/pool.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { CHILD, establishedSa, pair, PATIENT, type Scenario } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";

const LIFETIME_MS = 60_000;
const POOL: PoolPlan = {
  first: Uint8Array.of(172, 16, 0, 1),
  last: Uint8Array.of(172, 16, 0, 9),
  prefixBits: 24,
  dns: [],
};

/** Rekeys of either end at random times, which must not prolong the time for reauthentication. */
function rekeySometimes(world: World, hosts: readonly Host[], untilMs: number): void {
  for (let ms = 9_000; ms < untilMs; ms += 25_000) {
    world.at(ms, () => {
      const host = world.random.pick(hosts);
      const sa = establishedSa(host);
      if (sa) world.tell(host, sa, { kind: "rekey_ike" });
    });
  }
}

/** The client deletes its IKE SA in time, and dials again once the Delete has been answered. */
const again: Scenario = {
  name: "reauth",
  start(world) {
    const { a, b } = pair(world, PATIENT, {
      a: { reauth: { lifetimeMs: 0 } },
      b: { reauth: { lifetimeMs: LIFETIME_MS } },
    });
    let count = 0;
    world.reauthenticates = (host, sa) => {
      count++;
      world.tell(host, sa, { kind: "close", closeCode: CloseCode.REAUTHENTICATED });
      whenClosed(world, sa, () => world.dial(a, b));
    };
    world.dial(a, b);
    rekeySometimes(world, [a, b], 200_000);
    let fault: string | undefined;
    world.at(250_000, () => {
      if (count < 3) fault = `a client authenticates again each minute, and did so ${count} times`;
      world.reauthenticates = undefined;
    });
    return { stands: false, check: () => fault };
  },
};

/**
 * The client dials another IKE SA first, and deletes the previous one when that is established: traffic is
 * not interrupted.
 */
const beside: Scenario = {
  name: "reauth_make",
  start(world) {
    const children = world.random.chance(0.5) ? [CHILD] : [CHILD, CHILD];
    const both = { ...PATIENT, children };
    const assigns = world.random.chance(0.5);
    const { a, b } = pair(world, both, {
      a: { reauth: { lifetimeMs: 0 }, remoteAccess: assigns },
      b: {
        reauth: { lifetimeMs: LIFETIME_MS },
        pools: assigns ? { v4: POOL, v6: undefined } : undefined,
      },
    });
    let count = 0;
    let inner: Uint8Array | undefined;
    world.unbroken = true;
    world.reauthenticates = (_, sa) => {
      count++;
      inner ??= sa.inner?.addresses[0];
      world.dial(a, b, 0, { renews: sa });
    };
    world.dial(a, b);
    rekeySometimes(world, [a, b], 200_000);
    let fault: string | undefined;
    world.at(250_000, () => {
      if (count < 3) fault = `a client authenticates again each minute, and did so ${count} times`;
      world.reauthenticates = undefined;
      world.unbroken = false;
      const now = establishedSa(a)?.inner?.addresses[0];
      if (inner && now && !sameOctets(inner, now)) {
        fault = "a tunnel keeps its inner address when it authenticates again (RFC 7296 §3.15.1)";
      }
    });
    return { stands: false, check: () => fault };
  },
};

/** Does something as soon as an IKE SA is closed. */
function whenClosed(world: World, sa: IkeSa, action: () => void): void {
  world.at(
    world.nowMs + 100,
    () => sa.phase === "closed" ? action() : whenClosed(world, sa, action),
  );
}

/**
 * The client does not reauthenticate: the gateway must end the IKE SA, however often it was
 * rekeyed.
 */
const never: Scenario = {
  name: "reauth_ignored",
  start(world) {
    const { a, b } = pair(world, PATIENT, { b: { reauth: { lifetimeMs: LIFETIME_MS } } });
    world.dial(a, b);
    rekeySometimes(world, [a, b], 110_000);
    return {
      stands: false,
      check: () => establishedSa(b) ? "a peer that did not authenticate again is ended" : undefined,
    };
  },
};

/** All scenarios of this file. */
export const REAUTH_SCENARIOS: readonly Scenario[] = [again, beside, never];
