import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { afterIterations, callersChanged, iterationsMax, WorkSlice } from "@/native/iterations.ts";
import { pollUntilOver } from "@/native/poll_loop.ts";

Deno.test("what waits already is taken only after the caller has gone on", async () => {
  let taken = 0;
  let isOver = false;
  const take = () => {
    isOver = true;
    return ++taken;
  };
  const polling = pollUntilOver({ take, wait: () => Promise.resolve(), isOver: () => isOver });
  assert.equal(taken, 0);
  await polling;
  assert.equal(taken, 1);
});

/** Iterations of the event loop between two batches, each of which takes so many milliseconds. */
async function iterationsBetweenBatches(batchMs: number): Promise<number> {
  let nowMs = 0;
  let batches = 0;
  let iterations = 0;
  const counts: number[] = [];
  const isOver = () => batches >= 4;
  const take = () => {
    counts.push(iterations);
    nowMs += batchMs;
    return ++batches;
  };
  const count = () => {
    iterations++;
    if (!isOver()) setImmediate(count);
  };
  setImmediate(count);
  await pollUntilOver({ take, wait: () => Promise.reject(), isOver }, () => nowMs);
  return Math.min(...counts.slice(1).map((at, i) => at - counts[i]!));
}

Deno.test("between two batches that take long, callbacks of others run in many iterations", async () => {
  // A call of the API needs about five iterations from its first octets to its answer.
  callersChanged(1);
  try {
    assert.equal(iterationsMax(), 24);
    assert.ok(await iterationsBetweenBatches(5) >= 23);
    assert.ok(await iterationsBetweenBatches(100) >= 23);
  } finally {
    callersChanged(-1);
  }
});

Deno.test("while nobody is connected, few iterations lie between two batches", async () => {
  const between = await iterationsBetweenBatches(5);
  assert.ok(between >= 1 && between <= 3, `${between}`);
});

Deno.test("batches that take no time follow each other at once", async () => {
  assert.ok(await iterationsBetweenBatches(0) <= 2);
});

Deno.test("a pause of some iterations can be cancelled in each of them", async () => {
  let resumed = false;
  const cancel = afterIterations(3, () => resumed = true);
  await new Promise((resolve) => setImmediate(resolve));
  cancel();
  await new Promise<void>((resolve) => void afterIterations(6, resolve));
  assert.equal(resumed, false);
});

Deno.test("pieces of work that follow each other at once pause after a slice, for all who share it", async () => {
  const slice = new WorkSlice();
  assert.equal(slice.spent(1), undefined);
  const rest = slice.spent(1.5);
  assert.ok(rest instanceof Promise);
  assert.equal(slice.spent(0), rest, "another reader waits for the same pause");
  await rest;
  assert.equal(slice.spent(0), undefined);
  // Very cheap calls are bounded in number.
  let pieces = 1;
  while (!slice.spent(0)) pieces++;
  assert.ok(pieces < 100, `${pieces}`);
});
