import assert from "node:assert/strict";
import { DialWindow } from "@/engine/load/dial_window.ts";
import { SeededRandom } from "@/base/random.ts";

/** A peer with a queue. Times are in milliseconds. */
interface PeerOptions {
  /** The average time that a set-up occupies the peer; each is drawn. */
  readonly serviceMs: (atMs: number) => number;
  /** What is added to the time of each set-up without occupying the peer. */
  readonly awayMs?: number;
  /** The most set-ups that wait; others are lost, and repeated later. Absent: any number. */
  readonly queueMax?: number;
  /** The part of set-ups that the network loses. */
  readonly loss?: number;
}

/** The outcome of the tunnels that a window let begin. */
interface Outcome {
  readonly window: DialWindow;
  readonly doneMs: number;
  /** Set-ups that took longer than a retransmission. */
  readonly repeated: number;
  readonly sizes: readonly number[];
}

const REPEATED_AFTER_MS = 10_000;

/** Sets up `count` tunnels in a virtual time, as a client does. */
function setUp(window: DialWindow, count: number, peer: PeerOptions): Outcome {
  const random = new SeededRandom(7);
  const draw = (meanMs: number) => -meanMs * Math.log(1 - random.fraction());
  const done: { atMs: number; index: number }[] = [];
  const sizes: number[] = [];
  let [nowMs, next, open, repeated, freeMs] = [0, 0, 0, 0, 0];
  const finishes: number[] = [];
  const serve = () => {
    const { serviceMs, awayMs = 0.5, queueMax = Infinity, loss = 0 } = peer;
    while (finishes[0] !== undefined && finishes[0] <= nowMs) finishes.shift();
    const isLost = random.fraction() < loss || finishes.length >= queueMax;
    if (isLost) repeated++;
    const fromMs = Math.max(isLost ? nowMs + REPEATED_AFTER_MS : nowMs, isLost ? 0 : freeMs);
    const endMs = fromMs + draw(serviceMs(fromMs));
    if (!isLost) {
      freeMs = endMs;
      finishes.push(endMs);
    }
    if (endMs + awayMs - nowMs > REPEATED_AFTER_MS && !isLost) repeated++;
    return endMs + awayMs;
  };
  while (next < count || open > 0) {
    while (next < count && window.hasRoom(nowMs)) {
      window.dialled(next, nowMs);
      const atMs = serve();
      done.splice(done.findLastIndex((one) => one.atMs <= atMs) + 1, 0, { atMs, index: next++ });
      open++;
    }
    const wakeMs = next < count ? window.roomMs : Infinity;
    if (open === 0 || wakeMs < done[0]!.atMs) {
      nowMs = Math.max(nowMs, wakeMs);
      continue;
    }
    const first = done.shift()!;
    nowMs = first.atMs;
    window.established(first.index, nowMs);
    open--;
    sizes.push(window.size);
  }
  return { window, doneMs: nowMs, repeated, sizes };
}

const adapting = (max = 2520) => new DialWindow({ max, adapts: true });

for (const perSecond of [50, 500, 5_000]) {
  Deno.test(`a peer that serves ${perSecond} a second is kept busy, and its queue short`, () => {
    const serviceMs = () => 1_000 / perSecond;
    const count = Math.min(20_000, 20 * perSecond);
    const ours = setUp(adapting(), count, { serviceMs });
    const best = [1, 4, 16, 64, 256, 1024].map((max) =>
      setUp(new DialWindow({ max, adapts: false }), count, { serviceMs }).doneMs
    );
    assert.ok(ours.doneMs * 0.95 <= Math.min(...best), `${ours.doneMs}, by hand ${best}`);
    assert.equal(ours.repeated, 0);
    // The peer never has work for a whole second.
    assert.ok(Math.max(...ours.sizes) < Math.max(17, perSecond), `${Math.max(...ours.sizes)}`);
  });
}

Deno.test("a distant peer with much room is not held up by the way to it", () => {
  const peer = { serviceMs: () => 0.5, awayMs: 300 };
  const ours = setUp(adapting(), 10_000, peer);
  const best = setUp(new DialWindow({ max: 2520, adapts: false }), 10_000, peer);
  assert.ok(ours.doneMs < 1.25 * best.doneMs, `${ours.doneMs} and ${best.doneMs}`);
});

Deno.test("a short queue of the peer loses nothing", () => {
  const { repeated } = setUp(adapting(), 8_000, { serviceMs: () => 1, queueMax: 250 });
  assert.equal(repeated, 0);
  const all = new DialWindow({ max: 2520, adapts: false });
  assert.ok(setUp(all, 8_000, { serviceMs: () => 1, queueMax: 250 }).repeated > 1_000);
});

Deno.test("the window follows a peer that becomes slower, and quicker again", () => {
  const serviceMs = (atMs: number) => atMs > 4_000 && atMs < 24_000 ? 20 : 1;
  const { sizes } = setUp(adapting(), 10_000, { serviceMs });
  const middle = (from: number) => sizes.slice(from, from + 50).sort((a, b) => a - b)[25]!;
  assert.ok(middle(3_000) > 50, `${middle(3_000)}`);
  // 4,000 set-ups in 4 s, then 1,000 in 20 s.
  assert.ok(middle(4_700) < 12, `${middle(4_700)}`);
  assert.ok(middle(9_000) > 50, `${middle(9_000)}`);
});

Deno.test("a line that loses one of a hundred makes the window no smaller", () => {
  const { sizes, doneMs } = setUp(adapting(), 8_000, { serviceMs: () => 2, loss: 0.01 });
  assert.ok(sizes.slice(4_000, 7_900).every((size) => size > 16), `${Math.min(...sizes)}`);
  assert.ok(doneMs < 16_000 + 2 * REPEATED_AFTER_MS, `${doneMs}`);
});

Deno.test("where much is lost the window becomes small", () => {
  const { sizes } = setUp(adapting(), 12_000, { serviceMs: () => 1, loss: 0.5 });
  assert.ok(Math.min(...sizes) <= 40, `${Math.min(...sizes)}`);
  const whole = setUp(adapting(), 12_000, { serviceMs: () => 1 });
  assert.ok(Math.min(...whole.sizes.slice(400)) > 64, `${Math.min(...whole.sizes.slice(400))}`);
});

Deno.test("a peer that never answers is asked for its first tunnels again and again", () => {
  const window = adapting();
  let nowMs = 0;
  let dialled = 0;
  for (; nowMs <= 10_000; nowMs = window.roomMs) {
    while (window.hasRoom(nowMs)) window.dialled(dialled++, nowMs);
  }
  assert.equal(dialled, 11 * 16);
});

Deno.test("an explicit maximum is a ceiling, for those that are taken for lost as well", () => {
  const window = adapting(8);
  assert.equal(window.size, 8);
  for (let i = 0; i < 8; i++) window.dialled(i, 0);
  assert.equal(window.hasRoom(60_000), false);
  assert.equal(window.roomMs, Infinity);
  window.failed(3);
  assert.equal(window.hasRoom(60_000), true);
  const { sizes } = setUp(adapting(8), 5_000, { serviceMs: () => 0.01 });
  assert.equal(Math.max(...sizes), 8);
});

Deno.test("a window that does not adapt stays", () => {
  const { sizes } = setUp(new DialWindow({ max: 100, adapts: false }), 3_000, {
    serviceMs: () => 50,
  });
  assert.ok(sizes.every((size) => size === 100));
});
