/**
 * Plays of INFORMATIONAL: Deletes, crossing ones too, and liveness checks.
 * @module
 */
import { CloseCode } from "@/ike/records/failure.ts";
import { later, pair, type Scenario, up } from "@/sim/scenarios.ts";

const deleteIke: Scenario = {
  name: "delete_ike",
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    const who = world.random.pick([[a], [b], [a, b]]);
    for (const host of who) {
      later(
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
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    for (const host of world.random.pick([[a], [b], [a, b]])) {
      later(world, host, (sa) => {
        const child = sa.children[0];
        if (child) world.tell(host, sa, { kind: "delete_child", child });
      });
    }
    return {
      stands: true,
      check() {
        const left = (up(a)?.children.length ?? 0) + (up(b)?.children.length ?? 0);
        return up(a) && up(b) && left > 0
          ? "a CHILD_SA deleted by one end is gone at both"
          : undefined;
      },
    };
  },
};

const crossingDeletes: Scenario = {
  name: "crossing_deletes",
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    // Both at the same instant: with any delay the requests cross on the way.
    world.at(9_000, () => {
      for (const host of [a, b]) {
        const sa = up(host);
        const child = sa?.children[0];
        if (child) world.tell(host, sa!, { kind: "delete_child", child });
      }
    });
    return { stands: true };
  },
};

const liveness: Scenario = {
  name: "liveness",
  play(world) {
    const { a, b } = pair(world);
    world.dial(a, b);
    // The responder asks at once and often: its first request may overtake its IKE_AUTH response.
    for (let ms = 40; ms < 4_000; ms += 80) {
      world.at(ms, () => {
        for (const host of world.random.pick([[a], [b], [a, b], [b]])) {
          const sa = up(host);
          if (sa && sa.queue.length === 0) world.tell(host, sa, { kind: "liveness_check" });
        }
      });
    }
    return { stands: true };
  },
};

/** What ends say to each other once they are up. */
export const INFORMATIONAL_SCENARIOS: readonly Scenario[] = [
  deleteIke,
  deleteChild,
  crossingDeletes,
  liveness,
];
