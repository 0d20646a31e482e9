/** A short run of the fuzzer of certification paths. */
import assert from "node:assert/strict";
import { BACKENDS } from "../unit/crypto/_backends.ts";
import { fuzzChains } from "./chains.ts";

Deno.test("300 nets of authorities, with circles and names that evade constraints: each verdict is right", async () => {
  const backend = BACKENDS.at(-1)!;
  const { accepted, refused, tooMuch, rules } = await fuzzChains({
    cases: 300,
    seed: 4158,
    backend,
  });
  const told = JSON.stringify([accepted, refused, tooMuch, [...rules]]);
  assert.ok(accepted >= 30, told);
  assert.ok(refused >= 60, told);
  assert.equal(tooMuch, 0, told);
  assert.ok(rules.size >= 3, told);
});
