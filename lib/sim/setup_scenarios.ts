/**
 * Scenarios about IKE_SA_INIT and IKE_AUTH: what both ends agree on, and what they refuse.
 * @module
 */
import { KeGroup } from "@/iana/ke_group.ts";
import { bothByPsk } from "@/ike/auth/psk.ts";
import { CHILD, pair, range4, type Scenario, SUITES } from "@/sim/scenarios.ts";

const establish: Scenario = {
  name: "ike_init+ike_auth",
  start(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    return { stands: true };
  },
};

const cookies: Scenario = {
  name: "cookie",
  start(world) {
    const { a, b } = pair(world, {}, { b: { cookieThreshold: 0 } });
    world.dial(a, b);
    // The threshold is 0, so that every half-open SA without a cookie of this host breaks §2.6.
    return { stands: true };
  },
};

const otherGroup: Scenario = {
  name: "invalid_ke",
  start(world) {
    const algorithms = { ...SUITES[0]!, groups: [KeGroup.CURVE25519, KeGroup.ECP_256] };
    const only = { ...SUITES[0]!, groups: [KeGroup.ECP_256] };
    const { a, b } = pair(world, {}, { a: { algorithms }, b: { algorithms: only } });
    world.dial(a, b);
    return { stands: true };
  },
};

const wrongSecret: Scenario = {
  name: "wrong_psk",
  start(world) {
    const { a, b } = pair(world, {}, { b: { auth: bothByPsk("another secret") } });
    world.dial(a, b);
    return { stands: false };
  },
};

const noProposal: Scenario = {
  name: "no_proposal",
  start(world) {
    const { a, b } = pair(world, {}, {
      a: { algorithms: SUITES[0]! },
      b: { algorithms: SUITES[1]! },
    });
    world.dial(a, b);
    return { stands: false };
  },
};

const narrowing: Scenario = {
  name: "narrowing",
  start(world) {
    const third = world.random.below(200);
    const peerTs = [range4([10, third, 0, 0], [10, third + 1, 255, 255])];
    const children = [{ ...CHILD, peerTs }];
    const { a, b } = pair(world, {}, { b: { children } });
    world.dial(a, b);
    return { stands: true };
  },
};

const noSelectors: Scenario = {
  name: "ts_unacceptable",
  start(world) {
    const ownTs = [range4([10, 0, 0, 0], [10, 0, 0, 255])];
    const peerTs = [range4([10, 9, 0, 0], [10, 9, 0, 255])];
    const { a, b } = pair(world, {}, {
      a: { children: [{ ...CHILD, ownTs }] },
      b: { children: [{ ...CHILD, peerTs }] },
    });
    world.dial(a, b);
    return { stands: false };
  },
};

/** All scenarios of this file. */
export const SETUP_SCENARIOS: readonly Scenario[] = [
  establish,
  cookies,
  otherGroup,
  wrongSecret,
  noProposal,
  narrowing,
  noSelectors,
];
