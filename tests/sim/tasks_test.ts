// Every scenario with hundreds of seeds, in a bad network, with real keys; the invariants are
// checked after each event.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { ALL_SCENARIOS } from "@/sim/all_scenarios.ts";
import { simulate } from "@/sim/simulate.ts";

const crypto = portableBackend();

for (const { name } of ALL_SCENARIOS) {
  Deno.test(`${name}: 300 seeds, no broken invariant, and no SA that only one end has at the end`, () => {
    const { tasks, broken } = simulate({ seed: 1, count: 300, crypto, task: name });
    assert.ok(!broken, broken?.transcript ?? "");
    assert.equal(tasks.get(name)!.worlds, 300);
  });
}

Deno.test("99 % are established under 30 % loss and duplication with 12 transmissions", () => {
  const conditions = { loss: 0.3, duplication: 0.3, delayMs: [1, 200] } as const;
  const { tasks, broken } = simulate({
    seed: 1,
    count: 1_000,
    crypto,
    conditions,
    task: "ike_init+ike_auth",
  });
  assert.ok(!broken, broken?.transcript ?? "");
  assert.ok(tasks.get("ike_init+ike_auth")!.established >= 990, JSON.stringify([...tasks]));
});
