/** A short run of the fuzzer; `deno task fuzz` is the long one. */
import assert from "node:assert/strict";
import { runFuzz } from "./run.ts";

Deno.test("100,000 mutated messages: accepted ones come back, refused ones are WireErrors", () => {
  const { messages, chains, decoders } = runFuzz({ messages: 100_000, seed: 7296 });
  assert.ok(chains >= messages / 2);
  const names = decoders.map((d) => d.name);
  for (const name of ["chain", "message", "header", "sealed message", "exchange rules"]) {
    assert.ok(names.includes(name), name);
  }
  assert.equal(decoders.length, 5 + 18);
  for (const { name, calls, accepted, refused } of decoders) {
    assert.ok(calls >= 1_000, `${name}: ${calls} calls`);
    assert.ok(accepted >= calls / 10, `${name}: ${accepted} of ${calls} accepted`);
    assert.equal(accepted + refused, calls, name);
  }
});

Deno.test("the same seed does the same", () => {
  const first = runFuzz({ messages: 2_000, seed: 5 });
  const second = runFuzz({ messages: 2_000, seed: 5 });
  assert.deepEqual(first, second);
  assert.notDeepEqual(runFuzz({ messages: 2_000, seed: 6 }), first);
});
