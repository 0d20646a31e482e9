// Liveness checks: the packets of CHILD_SAs are signs of life as IKE messages are (RFC 7296 §2.4).
import assert from "node:assert/strict";
import type { ChildSa } from "@/ike/records/sa.ts";
import { Bench } from "../../checks/bench.ts";
import type { Role } from "../../checks/entries.ts";

const ROLES: readonly Role[] = ["initiator", "responder"];
const OFTEN = { livenessIntervalMs: 10_000 };

/** A bench whose peer sends ESP every second, until `untilMs`. */
function heardUntil(role: Role, untilMs: number, livenessForced: boolean): Bench {
  const bench = Bench.up(role, { ...OFTEN, livenessForced });
  const silenceMs = ({ state }: ChildSa) => {
    assert.equal(state, "established");
    return Math.max(0, bench.nowMs - untilMs) + bench.nowMs % 1_000;
  };
  Object.assign(bench.core.env, { silenceMs });
  return bench;
}

/** Number of requests since the last call, without repeats. */
function checks(bench: Bench): number {
  return bench.said().filter(({ transmission }) => transmission === 1).length;
}

for (const role of ROLES) {
  Deno.test(`no liveness check is sent while ESP of the peer is received (our ${role})`, () => {
    const bench = heardUntil(role, 60_000, false);
    bench.pass(60_000);
    assert.deepEqual(bench.said(), []);
    bench.pass(11_000);
    assert.equal(checks(bench), 1, "but once it is silent");
  });

  Deno.test(`forced liveness checks are sent in any case (our ${role})`, () => {
    const bench = heardUntil(role, 60_000, true);
    bench.pass(11_000);
    assert.equal(checks(bench), 1);
  });
}
