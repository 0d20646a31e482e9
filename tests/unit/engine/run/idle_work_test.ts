/**
 * Work that is done while a loop has nothing to do.
 * @module
 */
import assert from "node:assert/strict";
import { IdleWork } from "@/engine/run/idle_work.ts";
import { FakeClock } from "../rig.ts";

Deno.test("idle work begins when there was no turn for a while, and stops with the loop", () => {
  const clock = new FakeClock();
  let pieces = 0;
  let left = 100;
  const idle = new IdleWork(clock, () => {
    if (left === 0) return false;
    pieces++;
    left--;
    return true;
  });
  for (let ms = 0; ms < 50; ms++) {
    clock.pass(1);
    idle.turned();
  }
  assert.equal(pieces, 0, "a loop that turns each millisecond is not idle");
  clock.pass(100);
  assert.equal(pieces, 100);
  // Nothing is done until a turn says that there may be more.
  left = 10;
  clock.pass(100);
  assert.equal(pieces, 100);
  idle.turned();
  clock.pass(100);
  assert.equal(pieces, 110);
  left = 10;
  idle.turned();
  idle.stop();
  clock.pass(100);
  idle.turned();
  clock.pass(100);
  assert.equal(pieces, 110);
});
