import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { type Timed, TimerWheel } from "@/engine/run/timer_wheel.ts";

interface Item extends Timed {
  readonly name: string;
}

function item(name: string, deadlineMs: number): Item {
  return { name, deadlineMs };
}

/** Advances the wheel, and removes deadlines as they are met. */
function due(wheel: TimerWheel<Item>, nowMs: number): string[] {
  const names: string[] = [];
  wheel.advance(nowMs, (i) => {
    names.push(i.name);
    i.deadlineMs = Infinity;
  });
  return names;
}

Deno.test("an alarm comes within one tick after its deadline, never early", () => {
  const wheel = new TimerWheel<Item>(0, 10);
  wheel.arm(item("a", 25));
  assert.equal(wheel.nextMs(), 30);
  assert.deepEqual(due(wheel, 24.9), []);
  assert.deepEqual(due(wheel, 29.9), []);
  assert.deepEqual(due(wheel, 30), ["a"]);
  assert.equal(wheel.size, 0);
  assert.equal(wheel.nextMs(), Infinity);
});

Deno.test("a deadline in the past is met with the next tick", () => {
  const wheel = new TimerWheel<Item>(1_000, 10);
  wheel.arm(item("late", 3));
  assert.equal(wheel.nextMs(), 1_010);
  assert.deepEqual(due(wheel, 1_010), ["late"]);
});

Deno.test("a deadline that was postponed is examined once at the old time and met at the new one", () => {
  const wheel = new TimerWheel<Item>(0, 10);
  const moving = item("m", 50);
  wheel.arm(moving);
  moving.deadlineMs = 200;
  wheel.arm(moving);
  assert.deepEqual(due(wheel, 100), []);
  assert.equal(wheel.nextMs(), 200);
  assert.deepEqual(due(wheel, 200), ["m"]);
});

Deno.test("a deadline that moved earlier is met once", () => {
  const wheel = new TimerWheel<Item>(0, 10);
  const moving = item("m", 500);
  wheel.arm(moving);
  moving.deadlineMs = 50;
  wheel.arm(moving);
  assert.deepEqual(due(wheel, 60), ["m"]);
  assert.deepEqual(due(wheel, 600), []);
});

Deno.test("a deadline that went away, or an item disarmed, is not met", () => {
  const wheel = new TimerWheel<Item>(0, 10);
  const gone = item("gone", 50);
  const disarmed = item("disarmed", 50);
  wheel.arm(gone);
  wheel.arm(disarmed);
  gone.deadlineMs = Infinity;
  wheel.disarm(disarmed);
  assert.deepEqual(due(wheel, 100), []);
  assert.equal(wheel.size, 0);
});

Deno.test("a deadline beyond one revolution waits for its own", () => {
  const wheel = new TimerWheel<Item>(0, 10);
  wheel.arm(item("far", 100_000));
  for (let now = 0; now < 99_990; now += 500) assert.deepEqual(due(wheel, now), []);
  assert.deepEqual(due(wheel, 100_000), ["far"]);
});

Deno.test("after a long pause everything due is met", () => {
  const wheel = new TimerWheel<Item>(0, 10);
  wheel.arm(item("a", 20));
  wheel.arm(item("b", 90_000));
  assert.deepEqual(due(wheel, 1e7).sort(), ["a", "b"]);
});

Deno.test("a deadline set by its own alarm is kept; one left in the past comes next tick", () => {
  const wheel = new TimerWheel<Item>(0, 10);
  const repeating = item("r", 10);
  wheel.arm(repeating);
  let rings = 0;
  wheel.advance(10, (i) => {
    rings++;
    i.deadlineMs = 30;
  });
  wheel.advance(30, () => rings++);
  wheel.advance(35, () => rings++);
  assert.equal(rings, 2);
  wheel.advance(40, () => rings++);
  assert.equal(rings, 3);
});

Deno.test("10,000 items with moving deadlines are all met in time", () => {
  const random = new SeededRandom(7);
  const wheel = new TimerWheel<Item>(0, 10);
  const items = Array.from({ length: 10_000 }, (_, i) => item(String(i), random.below(60_000)));
  for (const one of items) wheel.arm(one);
  let met = 0;
  let moves = 0;
  for (let now = 0; now <= 140_000; now += 10) {
    wheel.advance(now, (i) => {
      assert.ok(i.deadlineMs <= now && i.deadlineMs > now - 10 - 1, `${i.deadlineMs} at ${now}`);
      i.deadlineMs = Infinity;
      met++;
    });
    const moved = random.pick(items);
    if (now < 60_000 && moved.deadlineMs !== Infinity) {
      moved.deadlineMs = now + random.below(60_000);
      wheel.arm(moved);
      moves++;
    }
  }
  assert.ok(moves > 1_000);
  assert.equal(met, items.length);
  assert.equal(wheel.size, 0);
});

Deno.test("if it is only called at the times that it asks for, every deadline is met within a tick", () => {
  const random = new SeededRandom(8);
  const wheel = new TimerWheel<Item>(0, 10);
  for (let i = 0; i < 200; i++) wheel.arm(item(String(i), random.below(200_000)));
  let met = 0;
  let calls = 0;
  for (let now = wheel.nextMs(); now !== Infinity; now = wheel.nextMs()) {
    calls++;
    wheel.advance(now, (i) => {
      assert.ok(i.deadlineMs <= now && i.deadlineMs > now - 11, `${i.deadlineMs} at ${now}`);
      met++;
      i.deadlineMs = Infinity;
      if (met % 3 > 0) return;
      i.deadlineMs = now + random.below(1_000);
    });
  }
  assert.ok(met > 200 && calls < 2_000, `${met} met in ${calls} calls`);
});

Deno.test("alarms of one moment may be handled in several parts, in order", () => {
  const wheel = new TimerWheel<Item>(0, 10);
  const items = ["a", "b", "c", "d", "e"];
  const all = items.map((name) => item(name, 100));
  for (const one of all) wheel.arm(one);
  wheel.arm(item("later", 110));
  const parts: string[][] = [];
  const part = (count: number) => {
    const names: string[] = [];
    wheel.advance(120, (i) => {
      names.push(i.name);
      i.deadlineMs = Infinity;
    }, () => names.length >= count);
    parts.push(names);
  };
  part(2);
  assert.ok(wheel.nextMs() <= 120);
  all[2]!.deadlineMs = 500; // The deadline was moved meanwhile.
  wheel.disarm(all[3]!);
  part(1);
  part(9);
  assert.deepEqual(parts, [["a", "b"], ["e"], ["later"]]);
  assert.deepEqual(due(wheel, 499), []);
  assert.deepEqual(due(wheel, 500), ["c"]);
});
