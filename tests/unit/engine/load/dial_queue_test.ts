/**
 * The order in which a client dials its tunnels.
 * @module
 */
import assert from "node:assert/strict";
import { DialQueue } from "@/engine/load/dial_queue.ts";

/** The indices of all tunnels that are due. */
function due(queue: DialQueue, nowMs: number): number[] {
  const indices: number[] = [];
  for (let next = queue.take(nowMs); next; next = queue.take(nowMs)) indices.push(next.index);
  return indices;
}

Deno.test("new tunnels are due at their interval, and are caught up for 100 ms at most", () => {
  const queue = new DialQueue(20, { intervalMs: 50 });
  queue.begin(1_000);
  assert.deepEqual(due(queue, 1_000), [0]);
  assert.deepEqual(queue.dueMs(1_000), 1_050);
  assert.deepEqual(due(queue, 1_049), []);
  assert.deepEqual(due(queue, 1_050), [1]);
  assert.deepEqual(queue.sinceDueMs(1, 1_060), 10);
  // Tunnel 2 was due at 1.1 s; of those that were due until 10 s, only those of the last 100 ms are caught
  // up.
  assert.deepEqual(due(queue, 10_000), [2, 3, 4, 5]);
  assert.deepEqual(queue.dueMs(10_000), 10_050);
  assert.deepEqual(queue.created, 6);
});

Deno.test("without an interval all tunnels are due at once, and none is late", () => {
  const queue = new DialQueue(3, { intervalMs: 0 });
  queue.begin(7);
  assert.deepEqual(due(queue, 7), [0, 1, 2]);
  assert.deepEqual(queue.sinceDueMs(1, 100), undefined);
  assert.deepEqual([queue.isEmpty, queue.dueMs(7)], [true, Infinity]);
});

Deno.test("failed tunnels come first when their pause is over, then those that were up, then new ones", () => {
  const queue = new DialQueue(9, { intervalMs: 10 });
  queue.begin(0);
  assert.deepEqual(due(queue, 60), [0, 1, 2, 3, 4, 5, 6]);
  queue.dialAgain(5);
  queue.retry(2, 100);
  queue.retry(4, 200);
  assert.deepEqual(queue.dueMs(60), 60);
  assert.deepEqual(queue.take(100), { index: 2, wasUp: false });
  assert.deepEqual(queue.take(100), { index: 5, wasUp: true });
  assert.deepEqual(due(queue, 100), [7, 8]);
  assert.deepEqual([queue.isEmpty, queue.dueMs(100)], [false, 200]);
  assert.deepEqual(due(queue, 200), [4]);
  assert.deepEqual(queue.isEmpty, true);
});

Deno.test("many failed tunnels keep their order", () => {
  const queue = new DialQueue(1, { intervalMs: 0 });
  queue.begin(0);
  queue.take(0);
  const indices = Array.from({ length: 2_500 }, (_, i) => i);
  for (const index of indices) queue.retry(index, index);
  assert.deepEqual(due(queue, 1_199), indices.slice(0, 1_200));
  assert.deepEqual(due(queue, 2_499), indices.slice(1_200));
  assert.deepEqual(queue.isEmpty, true);
});

Deno.test("slices dial each tunnel once, and when one process would", () => {
  const whole = new DialQueue(10, { intervalMs: 50 });
  whole.begin(1_000);
  const slices = [1, 2, 3].map((number) =>
    new DialQueue(10, { intervalMs: 50 }, { number, of: 3 })
  );
  for (const slice of slices) slice.begin(1_000);
  const dialled: number[] = [];
  for (let nowMs = 1_000; nowMs <= 1_450; nowMs += 50) {
    const once = slices.flatMap((slice) => due(slice, nowMs));
    assert.deepEqual(once, due(whole, nowMs), `at ${nowMs}`);
    dialled.push(...once);
  }
  assert.deepEqual(dialled, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(slices.map(({ created }) => created), [4, 3, 3]);
  assert.ok(slices.every(({ isEmpty }) => isEmpty));
  assert.deepEqual(slices[1]!.sinceDueMs(4, 1_210), 10);
});

Deno.test("a slice beyond the last tunnel has none", () => {
  const queue = new DialQueue(2, { intervalMs: 0 }, { number: 3, of: 3 });
  queue.begin(0);
  assert.deepEqual([queue.isEmpty, queue.take(0), queue.dueMs(0)], [true, undefined, Infinity]);
});

Deno.test("by stages tunnels stay due while they cannot be dialled, and late ones know since when", () => {
  const stages = [{ ratePerSec: 10, rampMs: 0, holdMs: 0 }];
  const load = { stages, poisson: false, burst: 1, seed: 1 };
  const queue = new DialQueue(5, { intervalMs: 100, load });
  queue.begin(1_000);
  assert.deepEqual(due(queue, 1_000), [0]);
  assert.equal(queue.dueMs(1_000), 1_100);
  // A peer that is slow does not change what is due: after three seconds all others are.
  assert.deepEqual(due(queue, 4_000), [1, 2, 3, 4]);
  assert.deepEqual([queue.sinceDueMs(1, 4_000), queue.sinceDueMs(4, 4_000)], [2_900, 2_600]);
  assert.deepEqual([queue.isEmpty, queue.dueMs(4_000)], [true, Infinity]);
  const slice = new DialQueue(5, { intervalMs: 0, load }, { number: 2, of: 2 });
  slice.begin(0);
  assert.deepEqual([due(slice, 99), due(slice, 100), due(slice, 300)], [[], [1], [3]]);
  assert.equal(slice.sinceDueMs(3, 310), 10);
});
