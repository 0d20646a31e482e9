// A simulation that does not find planted faults proves nothing: each fault must be found within
// 1,000 seeds.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { type FaultName, FAULTS } from "@/ike/records/fault.ts";
import { simulate } from "@/sim/simulate.ts";

const crypto = portableBackend();

Deno.test("there are at least ten faults to plant", () => {
  assert.ok(Object.keys(FAULTS).length >= 10);
});

for (const fault of Object.keys(FAULTS) as FaultName[]) {
  Deno.test(`${fault} is found within 1,000 seeds`, () => {
    const { broken } = simulate({ seed: 1, count: 1_000, crypto, broken: new Set([fault]) });
    assert.ok(broken, `${fault} was not found`);
    assert.match(broken.transcript, /^Broken: /);
  });
}
