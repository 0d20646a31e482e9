/**
 * Scenarios with rekeys of IKE SAs and CHILD_SAs, of which some cross on the way, and with
 * lifetimes (RFC 7296 §2.8).
 * @module
 */
import { KeGroup } from "@/iana/ke_group.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import {
  CHILD,
  endFrom,
  establishedSa,
  oneTunnel,
  onRandomHosts,
  pair,
  PATIENT,
  range4,
  type Scenario,
} from "@/sim/scenarios.ts";

const rekeyChildren: Scenario = {
  name: "rekey_child",
  start(world) {
    const children = [{
      ...CHILD,
      pfsGroups: world.random.chance(0.5) ? [KeGroup.CURVE25519] : [],
    }];
    const hosts = pair(world, { ...PATIENT, children });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    return { stands: true, check: () => oneTunnel(hosts) };
  },
};

const rekeyIkeSa: Scenario = {
  name: "rekey_ike",
  start(world) {
    const hosts = pair(world, PATIENT);
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => world.tell(host, sa, { kind: "rekey_ike" }));
    return { stands: true, check: () => oneTunnel(hosts) };
  },
};

const rekeyMixed: Scenario = {
  name: "rekey_mixed",
  start(world) {
    const hosts = pair(world, PATIENT);
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    for (let round = 0; round < 4; round++) {
      for (const host of [hosts.a, hosts.b]) {
        world.at(8_000 + round * 400 + world.random.below(3) * 50, () => {
          const sa = establishedSa(host);
          const child = sa?.children[0];
          if (!sa) return;
          if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
          if (child) world.tell(host, sa, { kind: "rekey_child", child });
        });
      }
    }
    return { stands: true, check: () => oneTunnel(hosts) };
  },
};

const rekeyAndDelete: Scenario = {
  name: "rekey_and_delete",
  start(world) {
    const hosts = pair(world, PATIENT);
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      const child = sa.children[0];
      const what = world.random.below(4);
      if (what === 0) return world.tell(host, sa, { kind: "rekey_ike" });
      if (what === 1) return world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED });
      if (!child) return;
      world.tell(host, sa, { kind: what === 2 ? "rekey_child" : "delete_child", child });
    });
    return { stands: false };
  },
};

const lifetimes: Scenario = {
  name: "lifetimes",
  start(world) {
    // The margin is longer than any exchange takes in this scenario, so nothing may expire.
    const timing = { ikeLifetimeMs: 90_000, marginMs: 40_000, jitter: false, ...PATIENT };
    const children = [{ ...CHILD, lifetimeMs: 80_000 }];
    const hosts = pair(world, { ...timing, children });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    endFrom(world, hosts.a, 300_000);
    return { stands: false };
  },
};

const severalChildren: Scenario = {
  name: "several_children",
  start(world) {
    const third = (n: number) => range4([10, n, 0, 0], [10, n, 255, 255]);
    const children = [1, 2, 3].map((n) => ({ ...CHILD, peerTs: [third(n)] }));
    const mirror = [1, 2, 3].map((n) => ({ ...CHILD, ownTs: [third(n)] }));
    const hosts = pair(world, PATIENT, { a: { children }, b: { children: mirror } });
    world.dial(hosts.a, hosts.b);
    return {
      stands: true,
      check() {
        const count = establishedSa(hosts.a)?.children.length ?? 3;
        return count === 3 ? undefined : `three CHILD_SAs are there, not ${count}`;
      },
    };
  },
};

/** All scenarios of this file. */
export const REKEY_SCENARIOS: readonly Scenario[] = [
  rekeyChildren,
  rekeyIkeSa,
  rekeyMixed,
  rekeyAndDelete,
  lifetimes,
  severalChildren,
];
