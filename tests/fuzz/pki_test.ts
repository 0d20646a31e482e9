/** A short run of the fuzzer of certificates; `deno run -A tests/fuzz/pki.ts` is the long one. */
import assert from "node:assert/strict";
import { BACKENDS } from "../unit/crypto/_backends.ts";
import { fuzzPki } from "./pki.ts";

Deno.test("every truncation and bit flip of certificates, lists, responses and keys", async () => {
  const backend = BACKENDS.at(-1)!;
  const tallies = await fuzzPki({ cases: 20_000, seed: 5280, exhaustive: true, backend });
  assert.equal(tallies.length, 11);
  for (const { name, calls, accepted, refused } of tallies) {
    assert.ok(calls >= 400, `${name}: ${calls} calls`);
    assert.ok(refused > 0 && accepted > 0, `${name}: ${accepted} accepted, ${refused} refused`);
    assert.equal(accepted + refused, calls, name);
  }
});
