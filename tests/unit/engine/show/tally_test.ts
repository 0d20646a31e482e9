import assert from "node:assert/strict";
import { Tally } from "@/engine/show/tally.ts";

Deno.test("failures are counted by cause, with the first as the example, most frequent first", () => {
  const tally = new Tally();
  tally.countFailure("NO_ANSWER", () => "tunnel 3: silence");
  tally.countFailure("AUTHENTICATION_FAILED", () => "tunnel 4: psk");
  tally.countFailure("AUTHENTICATION_FAILED", () => assert.fail("only the first is asked for"));
  assert.equal(tally.failed, 3);
  assert.deepEqual(tally.failures(), [
    { cause: "AUTHENTICATION_FAILED", count: 2, example: "tunnel 4: psk" },
    { cause: "NO_ANSWER", count: 1, example: "tunnel 3: silence" },
  ]);
});

Deno.test("the number of causes that peers can invent is bounded", () => {
  const tally = new Tally();
  for (let i = 0; i < 10_000; i++) tally.countFailure(`unknown(${i})`, () => `tunnel ${i}`);
  const failures = tally.failures();
  assert.equal(failures.length, 101);
  assert.deepEqual(failures[0], { cause: "OTHER", count: 9_900, example: "tunnel 100" });
  assert.equal(tally.failed, 10_000);
});

Deno.test("the recent rate is that of the last second", () => {
  const tally = new Tally();
  assert.equal(tally.recentRate(0), 0);
  for (let i = 0; i < 50; i++) tally.countEstablished(1, 10_000 + i * 10);
  assert.equal(tally.recentRate(10_500), 50);
  // Of the first half second's tunnels those of the last tenth are still within a second.
  assert.equal(tally.recentRate(11_300), 10);
  assert.equal(tally.recentRate(20_000), 0);
  assert.equal(tally.established, 50);
  assert.equal(tally.setupMs.samples, 50);
});
