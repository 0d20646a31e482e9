/** A short run of the fuzzer of EAP and RADIUS; `deno task fuzz` is the long one. */
import assert from "node:assert/strict";
import { runEapFuzz } from "./eap.ts";

Deno.test("1,000 rounds of changed EAP and RADIUS: both ends answer, and nothing is thrown", () => {
  const { tallies } = runEapFuzz({ rounds: 1_000, seed: 3748 });
  for (const { name, calls, accepted, refused } of tallies) {
    assert.equal(accepted + refused, calls, name);
    if (calls < 100) continue;
    assert.ok(accepted > 0, `${name}: none of ${calls} accepted`);
    assert.ok(refused > 0, `${name}: none of ${calls} refused`);
  }
  for (const name of ["MSCHAPv2", "AKA'", "EAP packet", "RADIUS", "capture"]) {
    assert.ok(tallies.some((tally) => tally.name === name), name);
  }
});

Deno.test("the same seed does the same, but for TLS, which has randomness of its own", () => {
  const counts = () =>
    runEapFuzz({ rounds: 60, seed: 9 }).tallies.filter(({ name }) => !/T?TLS|PEAP,/.test(name));
  assert.deepEqual(counts(), counts());
});
