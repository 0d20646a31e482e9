import assert from "node:assert/strict";
import { addressPlus, parseAddress } from "@/base/address.ts";
import { SeededRandom } from "@/base/random.ts";
import type { PingCarrier, ReplyReceiver } from "@/ping/carrier.ts";
import { Pinger, type PingTotals } from "@/ping/pinger.ts";
import { SAME_ENDS_MAX } from "@/ping/task_table.ts";

const OWN = parseAddress("10.0.0.1")!;
const PEER = parseAddress("10.1.0.1")!;
const ANY = new Uint8Array(4);

interface Request {
  readonly own: Uint8Array;
  readonly peer: Uint8Array;
  readonly identifier: number;
  readonly sequence: number;
  readonly atMs: number;
}

/** A pinger whose requests wait in a list, and whose time a test moves. */
class Bench implements PingCarrier {
  receiver: ReplyReceiver | undefined;
  readonly unsent = 0;
  flushes = 0;
  nowMs = 1_000;
  readonly sent: Request[] = [];
  readonly latencies: number[] = [];
  readonly firsts: number[] = [];
  readonly pinger: Pinger;

  constructor(intervalMs = 1_000, tasks = 1) {
    this.pinger = new Pinger({
      carrier: this,
      intervalMs,
      tasks,
      firstIdentifier: 0xfffe,
      nowMs: () => this.nowMs,
      replied: (latencyMs) => this.latencies.push(latencyMs),
      first: (sinceUpMs) => this.firsts.push(sinceUpMs),
    });
  }

  send(own: Uint8Array, peer: Uint8Array, identifier: number, sequence: number): void {
    const atMs = this.nowMs;
    this.sent.push({ own: own.slice(), peer: peer.slice(), identifier, sequence, atMs });
  }

  flush(): void {
    this.flushes++;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  add(own = OWN, peer = PEER, upMs = NaN): number {
    return this.pinger.add({ own, peer, upMs, startMs: this.nowMs })!;
  }

  /** Lets time pass up to `untilMs`, each request at its time. */
  runUntil(untilMs: number): void {
    for (let next = this.pinger.nextMs(); next <= untilMs; next = this.pinger.nextMs()) {
      this.nowMs = Math.max(this.nowMs, next);
      this.pinger.pump();
    }
    this.nowMs = untilMs;
  }

  answer({ own, peer, identifier, sequence }: Request): boolean {
    return this.receiver!.reply(own, peer, identifier, sequence);
  }

  totals(): Partial<PingTotals> {
    const told = Object.entries(this.pinger.totals).filter(([, count]) => count !== 0);
    return Object.fromEntries(told);
  }
}

Deno.test("a task sends at its interval, and replies count with their latency", () => {
  const bench = new Bench();
  const task = bench.add(OWN, PEER, 400);
  bench.runUntil(1_000);
  bench.nowMs = 1_012.5;
  assert.equal(bench.answer(bench.sent[0]!), true);
  bench.runUntil(3_500);
  assert.deepEqual(bench.sent.map((r) => r.atMs), [1_000, 2_000, 3_000]);
  assert.deepEqual(bench.sent.map((r) => r.sequence), [0, 1, 2]);
  assert.deepEqual(bench.latencies, [12.5]);
  assert.deepEqual(bench.totals(), { sent: 3, received: 1 });
  assert.deepEqual(bench.firsts, [612.5]);
  assert.equal(bench.pinger.counts.firstMs[task], 612.5);
  assert.equal(bench.pinger.outstanding, 2);
});

Deno.test("a request is lost when its window has passed, and losses in a row are a burst", () => {
  const bench = new Bench();
  const task = bench.add();
  for (let second = 1; second <= 20; second++) {
    bench.runUntil(1_000 * second + 1);
    if (![3, 4, 5, 9].includes(second)) bench.answer(bench.sent.at(-1)!);
  }
  assert.deepEqual(bench.totals(), { sent: 20, received: 16, lost: 4, burstMax: 3 });
  const { lost, burstMax, received, judged } = bench.pinger.counts;
  assert.deepEqual([lost[task], burstMax[task], received[task]], [4, 3, 16]);
  assert.ok(judged[task]! < 20, "the last requests may still be answered");
});

Deno.test("what nobody has answered by the end is lost", () => {
  const bench = new Bench();
  bench.add();
  bench.runUntil(3_000);
  bench.answer(bench.sent[1]!);
  assert.deepEqual(bench.totals(), { sent: 3, received: 1 });
  bench.pinger.stop();
  bench.pinger.judgeAll();
  assert.deepEqual(bench.totals(), { sent: 3, received: 1, lost: 2, burstMax: 1 });
  assert.equal(bench.pinger.nextMs(), Infinity);
});

Deno.test("second, late and reordered replies are told apart, and none counts twice", () => {
  const bench = new Bench();
  bench.add();
  bench.runUntil(3_000);
  const [first, second, third] = bench.sent;
  bench.answer(third!);
  bench.answer(second!);
  bench.answer(second!);
  assert.deepEqual(bench.totals(), { sent: 3, received: 2, duplicates: 1, reordered: 1 });
  bench.runUntil(10_000);
  assert.equal(bench.answer(first!), true);
  assert.equal(bench.pinger.totals.late, 1);
  assert.equal(bench.pinger.totals.received, 2);
});

Deno.test("clearing while requests are on their way: their replies count no more", () => {
  const bench = new Bench();
  const task = bench.add();
  bench.runUntil(2_000);
  bench.answer(bench.sent[0]!);
  bench.pinger.clear();
  assert.deepEqual(bench.totals(), {});
  assert.equal(bench.answer(bench.sent[1]!), true, "it is ours all the same");
  assert.deepEqual(bench.totals(), {});
  bench.runUntil(3_000);
  bench.answer(bench.sent[2]!);
  assert.deepEqual(bench.totals(), { sent: 1, received: 1 });
  const { next, base, received } = bench.pinger.counts;
  assert.deepEqual([next[task]! - base[task]!, received[task]], [1, 1]);
  bench.runUntil(20_000);
  assert.equal(bench.pinger.totals.lost + bench.pinger.outstanding, 17);
});

Deno.test("a task whose tunnel is down on purpose sends nothing, and what was on its way counts nowhere", () => {
  const bench = new Bench();
  const task = bench.add();
  const other = bench.add(addressPlus(OWN, 1)!);
  bench.runUntil(2_000);
  const [first, , second] = bench.sent;
  bench.answer(first!);
  bench.pinger.pause(task);
  bench.pinger.pause(task);
  bench.runUntil(6_500);
  assert.equal(bench.answer(second!), true);
  const { sent, received, lost } = bench.pinger.counts;
  assert.deepEqual([sent[task], received[task], lost[task], sent[other]], [1, 1, 0, 6]);
  bench.pinger.resume(task);
  bench.runUntil(8_000);
  bench.answer(bench.sent.findLast(({ own }) => own[3] === 1)!);
  assert.deepEqual([sent[task], received[task]], [3, 2]);
  bench.pinger.judgeAll();
  assert.deepEqual([lost[task], lost[other]], [1, 8]);
  assert.deepEqual(bench.totals(), { sent: 11, received: 2, lost: 9, burstMax: 8 });
});

Deno.test("an interval shorter than the ticks of who drives it is kept all the same", () => {
  const bench = new Bench(2);
  bench.add();
  for (bench.nowMs = 1_000; bench.nowMs < 2_000; bench.nowMs += 10) bench.pinger.pump();
  assert.ok(Math.abs(bench.sent.length - 500) < 10, `${bench.sent.length} requests`);
});

Deno.test("sequence numbers go on behind the 16 bits of the wire", () => {
  const bench = new Bench(1);
  bench.add();
  bench.runUntil(1_000 + 70_000);
  for (const request of bench.sent.slice(-100)) bench.answer(request);
  assert.equal(bench.sent.length, 70_001);
  assert.equal(bench.sent.at(-1)!.sequence, 70_000 - 65_536);
  assert.equal(bench.pinger.totals.received, 100);
  assert.equal(bench.pinger.totals.late, 0);
});

Deno.test("replies find their task among many, by ends and identifier", () => {
  const bench = new Bench(1_000, 10);
  const ends = Array.from({ length: 3_000 }, (_, i) => addressPlus(OWN, i)!);
  for (const own of ends) bench.add(own);
  const twin = bench.add(ends[5]!);
  const six = bench.add(parseAddress("fd00::1")!, parseAddress("fd01::1")!);
  bench.runUntil(1_001);
  assert.equal(bench.sent.length, 3_002);
  const identifiers = new Set(
    bench.sent.filter((r) => r.own.length === 4).map((r) => r.identifier),
  );
  assert.deepEqual([...identifiers], [0xfffe, 0xffff]);
  for (const request of [bench.sent[7]!, bench.sent[twin]!, bench.sent[six]!]) {
    bench.answer(request);
  }
  const { received } = bench.pinger.counts;
  assert.deepEqual([received[5], received[7], received[twin], received[six]], [0, 1, 1, 1]);
  assert.equal(bench.receiver!.reply(ends[5]!, PEER, 0, 0), false, "an identifier of nobody");
  assert.equal(bench.receiver!.reply(PEER, OWN, 0xfffe, 0), false, "the wrong way round");
  assert.equal(bench.receiver!.altered(ends[5]!, PEER, 0xfffe), true);
  assert.equal(bench.pinger.totals.altered, 1);
  assert.equal(received[5], 0);
});

Deno.test("a task that leaves its address to the carrier learns it from its first reply", () => {
  const bench = new Bench();
  const task = bench.add(ANY);
  bench.runUntil(1_000);
  assert.deepEqual(bench.pinger.endsOf(task), [ANY, PEER]);
  assert.equal(bench.answer({ ...bench.sent[0]!, own: OWN }), true);
  assert.deepEqual(bench.pinger.endsOf(task), [OWN, PEER]);
  assert.equal(bench.pinger.totals.received, 1);
});

Deno.test("tasks of the same ends are as many as can be told apart", () => {
  const bench = new Bench();
  for (let i = 0; i < SAME_ENDS_MAX; i++) assert.equal(bench.add(), i);
  assert.equal(bench.add(), undefined);
  assert.equal(bench.add(addressPlus(OWN, 1)!), SAME_ENDS_MAX);
});

Deno.test("tasks begin one after the other, each keeps its own beat", () => {
  const bench = new Bench(1_000, 3);
  for (const startMs of [1_000, 1_300, 1_600]) {
    bench.pinger.add({ own: addressPlus(OWN, startMs)!, peer: PEER, upMs: NaN, startMs });
  }
  assert.equal(bench.pinger.begun, 0);
  bench.runUntil(3_400);
  assert.equal(bench.pinger.begun, 3);
  const times = bench.sent.map((r) => r.atMs);
  assert.deepEqual(times, [1_000, 1_300, 1_600, 2_000, 2_300, 2_600, 3_000, 3_300]);
});

Deno.test("who was held up sends once and not in a burst, and pumps in portions", () => {
  const bench = new Bench(100, 3_000);
  for (let i = 0; i < 3_000; i++) bench.add(addressPlus(OWN, i)!);
  bench.nowMs = 1_950;
  bench.pinger.pump();
  assert.ok(bench.sent.length < 3_000 && bench.flushes > 10);
  assert.ok(bench.pinger.nextMs() <= bench.nowMs, "there is more to do now");
  while (bench.pinger.nextMs() <= bench.nowMs) bench.pinger.pump();
  assert.equal(bench.sent.length, 3_000);
  // Half an interval at least from request to request.
  assert.equal(bench.pinger.nextMs(), 2_000);
  bench.nowMs = 2_375;
  while (bench.pinger.nextMs() <= bench.nowMs) bench.pinger.pump();
  assert.equal(bench.sent.length, 6_000);
  assert.equal(bench.pinger.nextMs(), 2_425);
});

Deno.test("any order of losses, repeats and delays keeps the books", () => {
  const random = new SeededRandom(7);
  const bench = new Bench(50, 20);
  for (let i = 0; i < 20; i++) bench.add(addressPlus(OWN, i)!);
  const way: { atMs: number; request: Request }[] = [];
  let answers = 0;
  for (let nowMs = 1_000; nowMs < 30_000; nowMs += 10) {
    const before = bench.sent.length;
    bench.runUntil(nowMs);
    for (const request of bench.sent.slice(before)) {
      if (random.fraction() < 0.1) continue;
      for (let copies = random.fraction() < 0.1 ? 2 : 1; copies > 0; copies--) {
        way.push({ atMs: nowMs + 200 * random.fraction(), request });
      }
    }
    for (const one of way.filter(({ atMs }) => atMs <= nowMs)) {
      way.splice(way.indexOf(one), 1);
      assert.equal(bench.answer(one.request), true);
      answers++;
    }
  }
  bench.pinger.stop();
  bench.pinger.judgeAll();
  const { sent, received, lost, duplicates, late, reordered } = bench.pinger.totals;
  assert.equal(sent, received + lost);
  assert.equal(answers, received + duplicates + late);
  assert.equal(late, 0);
  assert.equal(bench.latencies.length, received);
  assert.ok(Math.max(...bench.latencies) <= 210 && reordered > 100 && duplicates > 100);
  assert.ok(lost / sent > 0.08 && lost / sent < 0.12, `${lost} of ${sent}`);
  const { counts } = bench.pinger;
  const sum = (of: Uint32Array) => of.reduce((total, count) => total + count, 0);
  assert.deepEqual([sum(counts.received), sum(counts.lost)], [received, lost]);
});
