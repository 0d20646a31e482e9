// Lifetimes that are short against retransmission, and a network that loses one datagram in ten.
import assert from "node:assert/strict";
import type { FaultName } from "@/ike/records/fault.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { ALL_SCENARIOS } from "@/sim/all_scenarios.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { runWorld, simulate } from "@/sim/simulate.ts";

const crypto = portableBackend();

Deno.test("rekeys in a network that loses one datagram in ten lose no tunnel, seeds 1 to 150", () => {
  const conditions = { loss: 0.1, duplication: 0, delayMs: [10, 60] } as const;
  const { broken } = simulate({ seed: 1, count: 150, crypto, task: "late_rekeys", conditions });
  assert.equal(broken?.transcript, undefined);
});

Deno.test("without overtime the same network loses tunnels", () => {
  const conditions = { loss: 0.1, duplication: 0, delayMs: [10, 60] } as const;
  const task = "late_rekeys";
  const broken = new Set<FaultName>(["end_on_time"]);
  const found = simulate({ seed: 1, count: 150, crypto, task, conditions, broken });
  assert.match(found.broken?.transcript ?? "", /traffic is never interrupted|no tunnel is lost/);
});

// The peer's rekey was answered while an older CHILD_SA still waited for its Delete. When the
// older one is deleted, packets must not go back to the CHILD_SA between the two.
Deno.test("late_rekeys: three CHILD_SAs in a row, seed 170", () => {
  const scenario = ALL_SCENARIOS.find(({ name }) => name === "late_rekeys")!;
  runWorld(scenario, { seed: 170, count: 1, crypto }, new WorldKeys(crypto));
});
