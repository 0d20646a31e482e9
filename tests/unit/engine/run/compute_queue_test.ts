import assert from "node:assert/strict";
import { ComputeQueue, OURS } from "@/engine/run/compute_queue.ts";

interface Order {
  readonly name: string;
  wanted: boolean;
}

function queue() {
  return new ComputeQueue<Order>((order) => order.wanted);
}

function order(name: string): Order {
  return { name, wanted: true };
}

/**
 * Takes jobs, each with the cost of its share, until `name` is taken; returns those that were taken before.
 */
function before(waiting: ComputeQueue<Order>, name: string, costMs: (share: string) => number) {
  let ms = 0;
  for (let count = 0;; count++) {
    const next = waiting.take();
    assert.ok(next, `${name} was never taken`);
    if (next.order.name === name) return { count, ms };
    ms += costMs(next.share);
    waiting.spent(next.share, costMs(next.share));
  }
}

Deno.test("jobs of our tunnels are taken in the order in which they were added", () => {
  const waiting = queue();
  const names = Array.from({ length: 3_000 }, (_, i) => String(i));
  for (const name of names) waiting.add(order(name), OURS);
  const taken: string[] = [];
  for (let next = waiting.take(); next; next = waiting.take()) taken.push(next.order.name);
  assert.deepEqual(taken, names);
  assert.equal(waiting.waiting, 0);
});

Deno.test("a flood of jobs of an expensive group does not delay those of a cheap one", () => {
  const waiting = queue();
  const costMs = (share: string) => share === "group 18" ? 30 : 0.1;
  const flood = { share: "group 18", source: "a" };
  for (let i = 0; i < 1_000; i++) waiting.add(order("flood"), flood);
  for (let i = 0; i < 100; i++) waiting.spent(waiting.take()!.share, 30);
  waiting.add(order("honest"), { share: "group 31", source: "b" });
  assert.ok(before(waiting, "honest", costMs).ms <= 30);
});

Deno.test("within a group all addresses take turns", () => {
  const waiting = queue();
  for (let i = 0; i < 1_000; i++) waiting.add(order("flood"), { share: "group 31", source: "a" });
  waiting.add(order("honest"), { share: "group 31", source: "b" });
  assert.ok(before(waiting, "honest", () => 1).count <= 1);
});

Deno.test("jobs of strangers get at most half of the time, and our own at most half as well while both wait", () => {
  const waiting = queue();
  const ms = new Map<string, number>();
  for (let i = 0; i < 3_000; i++) {
    waiting.add(order("ours"), OURS);
    for (const share of ["group 14", "group 18", "group 31"]) {
      waiting.add(order("theirs"), { share, source: String(i % 7) });
    }
  }
  for (let i = 0; i < 3_000; i++) {
    const { share } = waiting.take()!;
    waiting.spent(share, 1);
    ms.set(share, (ms.get(share) ?? 0) + 1);
  }
  assert.ok(Math.abs(ms.get("ours")! - 1_500) < 20, JSON.stringify([...ms]));
  for (const share of ["group 14", "group 18", "group 31"]) {
    assert.ok(Math.abs(ms.get(share)! - 500) < 20, JSON.stringify([...ms]));
  }
});

Deno.test("a share that was idle gets no additional time later", () => {
  const waiting = queue();
  const source = "a";
  waiting.add(order("first"), { share: "group 14", source });
  waiting.take();
  for (let i = 0; i < 1_000; i++) {
    waiting.add(order("busy"), { share: "group 31", source });
    waiting.spent(waiting.take()!.share, 1);
  }
  for (let i = 0; i < 100; i++) {
    waiting.add(order("late"), { share: "group 14", source });
    waiting.add(order("busy"), { share: "group 31", source });
  }
  let late = 0;
  for (let i = 0; i < 100; i++) {
    const { order, share } = waiting.take()!;
    waiting.spent(share, 1);
    if (order.name === "late") late++;
  }
  assert.ok(Math.abs(late - 50) < 5, `${late} of 100`);
});

Deno.test("jobs whose results are not needed any more are dropped from the queue", () => {
  const waiting = queue();
  const gone = order("gone");
  gone.wanted = false;
  for (let i = 0; i < 100_000; i++) waiting.add(gone, { share: "group 18", source: String(i) });
  assert.ok(waiting.waiting <= 1_024, `${waiting.waiting} wait`);
  waiting.add(order("wanted"), { share: "group 18", source: "x" });
  assert.equal(waiting.take()!.order.name, "wanted");
  assert.equal(waiting.take(), undefined);
  assert.equal(waiting.waiting, 0);
});
