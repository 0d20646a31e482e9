import assert from "node:assert/strict";
import { DialWindow } from "@/engine/load/dial_window.ts";

/** Lets `count` tunnels be established, one in each millisecond, each `setupMs` after its first message. */
function feed(window: DialWindow, count: number, setupMs: (i: number) => number, fromMs = 0) {
  for (let i = 0; i < count; i++) window.established(setupMs(i), fromMs + i);
}

Deno.test("a peer that answers at once has the whole window", () => {
  const window = new DialWindow(2520, true);
  feed(window, 5_000, (i) => 2 + i % 400);
  assert.equal(window.size, 2520);
});

Deno.test("a peer whose answers wait in queues gets fewer at a time, and more again when they do not", () => {
  const window = new DialWindow(2520, true);
  window.established(3, -1);
  // The peer has a queue, from which one set-up leaves in each millisecond.
  feed(window, 20_000, () => window.size);
  assert.ok(window.size > 200 && window.size < 800, `${window.size}`);
  feed(window, 5_000, () => 10, 20_000);
  assert.equal(window.size, 2520);
});

Deno.test("a line that loses much, or is long, makes nothing smaller; a peer that is slow has a least", () => {
  const lossy = new DialWindow(100, true);
  feed(lossy, 5_000, (i) => i % 3 === 0 ? 5_000 : 4);
  assert.equal(lossy.size, 100);
  const long = new DialWindow(100, true);
  feed(long, 5_000, (i) => 2_000 + i % 300);
  assert.equal(long.size, 100);
  const slow = new DialWindow(100, true);
  feed(slow, 50_000, (i) => i);
  assert.equal(slow.size, 32);
  const few = new DialWindow(8, true);
  feed(few, 50_000, (i) => i);
  assert.equal(few.size, 8);
});

Deno.test("a window that the setup gives stays", () => {
  const window = new DialWindow(100, false);
  feed(window, 50_000, (i) => i);
  assert.equal(window.size, 100);
});
