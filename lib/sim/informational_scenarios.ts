/**
 * Scenarios with INFORMATIONAL exchanges: Deletes, of which some cross on the way, and liveness
 * checks.
 * @module
 */
import { CloseCode } from "@/ike/records/failure.ts";
import { afterSetup, establishedSa, pair, type Scenario } from "@/sim/scenarios.ts";

const deleteIke: Scenario = {
  name: "delete_ike",
  start(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    const who = world.random.pick([[a], [b], [a, b]]);
    for (const host of who) {
      afterSetup(
        world,
        host,
        (sa) => world.tell(host, sa, { kind: "close", closeCode: CloseCode.STOPPED }),
      );
    }
    return { stands: false };
  },
};

const deleteChild: Scenario = {
  name: "delete_child",
  start(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    for (const host of world.random.pick([[a], [b], [a, b]])) {
      afterSetup(world, host, (sa) => {
        const child = sa.children[0];
        if (child) world.tell(host, sa, { kind: "delete_child", child });
      });
    }
    return {
      stands: true,
      check() {
        const left = (establishedSa(a)?.children.length ?? 0) +
          (establishedSa(b)?.children.length ?? 0);
        return establishedSa(a) && establishedSa(b) && left > 0
          ? "a CHILD_SA deleted by one end is gone at both"
          : undefined;
      },
    };
  },
};

const crossingDeletes: Scenario = {
  name: "crossing_deletes",
  start(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    // Both ends send at the same time, so that the requests cross whatever the delay is.
    world.at(9_000, () => {
      for (const host of [a, b]) {
        const sa = establishedSa(host);
        const child = sa?.children[0];
        if (child) world.tell(host, sa!, { kind: "delete_child", child });
      }
    });
    return { stands: true };
  },
};

const liveness: Scenario = {
  name: "liveness",
  start(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    // The responder sends requests early and often: its first request may overtake its IKE_AUTH
    // response.
    for (let ms = 40; ms < 4_000; ms += 80) {
      world.at(ms, () => {
        for (const host of world.random.pick([[a], [b], [a, b], [b]])) {
          const sa = establishedSa(host);
          if (sa && sa.queue.length === 0) world.tell(host, sa, { kind: "liveness_check" });
        }
      });
    }
    return { stands: true };
  },
};

/** All scenarios of this file. */
export const INFORMATIONAL_SCENARIOS: readonly Scenario[] = [
  deleteIke,
  deleteChild,
  crossingDeletes,
  liveness,
];
