import assert from "node:assert/strict";
import { pollUntilOver } from "@/native/poll_loop.ts";

Deno.test("what waits already is taken only after the caller has gone on", async () => {
  let taken = 0, isOver = false;
  const take = () => {
    isOver = true;
    return ++taken;
  };
  const polling = pollUntilOver({ take, wait: () => Promise.resolve(), isOver: () => isOver });
  assert.equal(taken, 0);
  await polling;
  assert.equal(taken, 1);
});
