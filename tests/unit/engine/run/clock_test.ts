import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { systemClock } from "@/engine/run/clock.ts";
import { callersChanged } from "@/native/iterations.ts";

Deno.test("work that was left over lets callbacks of others run in several iterations first", async () => {
  let iterations = 0;
  let isOver = false;
  const count = () => {
    iterations++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  callersChanged(1);
  await new Promise<void>((resolve) => void systemClock.after(0, resolve));
  callersChanged(-1);
  isOver = true;
  assert.ok(iterations >= 6, `${iterations}`);
});
