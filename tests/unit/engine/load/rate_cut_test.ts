import assert from "node:assert/strict";
import { DialWindow } from "@/engine/load/dial_window.ts";
import { RateCut } from "@/engine/load/rate_cut.ts";
import { Throttling } from "@/engine/load/throttling.ts";
import { SeededRandom } from "@/base/random.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

/** A peer that serves one set-up after the other, each in a time that is drawn. Times are in milliseconds. */
interface PeerOptions {
  readonly meanMs: (atMs: number) => number;
  readonly seed?: number;
  /** The most tunnels at a time; absent: the window of a client, which follows the peer. */
  readonly windowMax?: number | undefined;
  /** When each tunnel is due; absent: all are at once. */
  readonly dueMs?: (index: number) => number;
}

/** Lets a client set up `count` tunnels at such a peer in a virtual time. */
function client(count: number, { meanMs, seed = 1, windowMax, dueMs = () => 0 }: PeerOptions) {
  const random = new SeededRandom(seed);
  const window = new DialWindow({ max: windowMax ?? 2_520, adapts: windowMax === undefined });
  let next = 0;
  let nowMs = 0;
  let freeMs = 0;
  const isPressed = () => next < count && dueMs(next) <= nowMs && !window.hasRoom(nowMs);
  const cut = new RateCut(isPressed);
  cut.begun(0);
  const ends: { readonly index: number; readonly atMs: number }[] = [];
  const dial = () => {
    while (next < count && dueMs(next) <= nowMs && window.hasRoom(nowMs)) {
      window.dialled(next, nowMs);
      const fromMs = Math.max(nowMs, freeMs);
      freeMs = fromMs - meanMs(fromMs) * Math.log(1 - random.fraction());
      ends.push({ index: next++, atMs: freeMs + 0.5 });
    }
  };
  for (let done = 0; done < count;) {
    dial();
    const end = ends[0];
    const wakeMs = next < count ? Math.max(dueMs(next), nowMs) : Infinity;
    if (!end || next < count && window.hasRoom(nowMs) && wakeMs < end.atMs) {
      nowMs = wakeMs;
      continue;
    }
    ends.shift();
    nowMs = end.atMs;
    done++;
    window.established(end.index, nowMs);
    dial();
    cut.established(nowMs);
  }
  return cut.found;
}

for (const windowMax of [undefined, 64]) {
  const name = windowMax ? `a window of ${windowMax}` : "a window that follows the peer";
  Deno.test(`a peer that serves 400 a second for 6 s and then 100 is recognized, by ${name}`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const meanMs = (atMs: number) => atMs < 6_000 ? 2.5 : 10;
      const found = client(4_000, { meanMs, seed, windowMax })!;
      assert.ok(found.sinceMs >= 5_000 && found.sinceMs <= 7_000, `${seed}: ${found.sinceMs}`);
      assert.ok(found.before > 350 && found.before < 480, `${seed}: ${found.before}`);
      assert.ok(found.after > 70 && found.after <= 220, `${seed}: ${found.after}`);
      assert.ok(found.seconds >= 12 && found.seconds <= 22, `${seed}: ${found.seconds}`);
    }
  });
}

Deno.test("a slow peer is compared over more seconds: 20 a second, and then 5", () => {
  const found = client(600, { meanMs: (atMs) => atMs < 20_000 ? 50 : 200 })!;
  assert.ok(found.sinceMs >= 14_000 && found.sinceMs <= 26_000, `${found.sinceMs}`);
});

Deno.test("a peer that keeps its rate is not recognized, whatever the rate and the chance", () => {
  for (const perSecond of [5, 20, 50, 500, 3_000]) {
    for (let seed = 1; seed <= 12; seed++) {
      const found = client(Math.min(20_000, 60 * perSecond), {
        meanMs: () => 1_000 / perSecond,
        seed,
      });
      assert.equal(found, undefined, `${perSecond} a second, seed ${seed}`);
    }
  }
});

Deno.test("a client that dials more slowly itself says nothing of its peer", () => {
  const dueMs = (index: number) => index < 2_000 ? 0 : 10_000 + (index - 2_000) * 50;
  assert.equal(client(2_300, { meanMs: () => 2.5, dueMs }), undefined);
});

Deno.test("a cut rate is told when it is recognized, with the time, both rates, and what to change", () => {
  const said: string[] = [];
  const throttling = new Throttling({
    halfOpen: () => 10,
    isPressed: () => true,
    say: (_, text) => void said.push(text),
  });
  throttling.begun(1_000);
  const set = (atMs: number) =>
    throttling.handlers.established!({ kind: "established" }, { index: 0 } as IkeSa, atMs);
  for (let ms = 0; ms < 5_000; ms += 5) set(1_000 + ms);
  assert.deepEqual(throttling.figures(), []);
  for (let ms = 5_000; ms < 12_000; ms += 50) set(1_000 + ms);
  const [figure] = throttling.figures();
  assert.deepEqual([figure!.cause, figure!.count], ["RATE_CUT", 6]);
  assert.match(
    figure!.example,
    /^from 5s on: the peer completed 20 set-ups a second, after 200 before, .*loadconf\.stages.*setupinterval/,
  );
  assert.deepEqual(said, [`The peer throttles, ${figure!.example}`]);
});
