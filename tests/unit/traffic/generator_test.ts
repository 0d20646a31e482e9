import assert from "node:assert/strict";
import { type IpAddress, parseAddress } from "@/base/address.ts";
import { SeededRandom } from "@/base/random.ts";
import type { TrafficCarrier, TrafficReceiver } from "@/traffic/carrier.ts";
import { TrafficGenerator, type TrafficOptions } from "@/traffic/generator.ts";
import { IMIX, sizesOf } from "@/traffic/sizes.ts";
import { udpKind } from "@/ping/echo.ts";

const OWN = parseAddress("10.2.0.1")!;
const PEER = parseAddress("10.3.0.1")!;

interface Sent {
  readonly own: IpAddress;
  readonly peer: IpAddress;
  readonly payload: Uint8Array;
}

/** A path in memory: what was sent waits until the test decides what becomes of it. */
class Wire implements TrafficCarrier {
  receiver: TrafficReceiver | undefined;
  unsent = 0;
  waiting: Sent[] = [];

  send(own: IpAddress, peer: IpAddress, payload: Uint8Array): void {
    this.waiting.push({ own: own.slice(), peer: peer.slice(), payload: payload.slice() });
  }
  flush(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Gives a packet back to its sender, as the echo server does. */
  giveBack({ own, peer, payload }: Sent): string {
    const returned = payload.slice();
    returned.set(new TextEncoder().encode("pong"), 4);
    return this.receiver!.arrived({ own, peer, buffer: returned, at: 0, octets: returned.length });
  }
}

/** A generator whose time passes as the test says. */
class Bench {
  readonly wire = new Wire();
  nowMs = 5_000;
  readonly latencies: number[] = [];
  readonly phases: (string | undefined)[] = [];
  readonly jitters: number[] = [];
  readonly came: number[] = [];
  readonly generator: TrafficGenerator;

  constructor(options: Partial<TrafficOptions> = {}) {
    this.generator = new TrafficGenerator({
      carrier: this.wire,
      rate: { perSecond: 100, unit: "packets" },
      isEach: true,
      sizes: [100],
      returns: true,
      flowsMax: 10,
      tag: 7,
      clock: 3,
      nowMs: () => this.nowMs,
      nowUs: () => 1_796_000_000_000_000 + 1_000 * this.nowMs,
      returned: (ms, phase) => {
        this.latencies.push(ms);
        this.phases.push(phase);
      },
      jitter: (ms) => void this.jitters.push(ms),
      came: (ms) => void this.came.push(ms),
      cameJitter: () => {},
      ...options,
    });
  }

  /** Adds a flow that sends. */
  flow(own = OWN, peer = PEER): number {
    const flow = this.generator.add({ own, peer });
    this.generator.resume(flow);
    return flow;
  }

  /** Lets time pass, with a pump whenever one is due. */
  pass(ms: number): Sent[] {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const nextMs = this.generator.nextMs();
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(nextMs, this.nowMs);
      this.generator.pump();
    }
    this.nowMs = untilMs;
    this.generator.look();
    return this.wire.waiting.splice(0);
  }
}

Deno.test("losses, copies and changes of order are counted exactly, whatever becomes of packets", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const chance = (of: number) => random.octets(1)[0]! < 256 * of;
    const bench = new Bench();
    const { generator, wire } = bench;
    for (let i = 0; i < 4; i++) bench.flow();
    let lost = 0;
    let copies = 0;
    let reordered = 0;
    for (let second = 0; second < 5; second++) {
      const kept: Sent[] = [];
      for (const one of bench.pass(1_000)) {
        if (chance(0.1)) lost++;
        else kept.push(one);
      }
      // Of two neighbours of one flow that change places, the earlier one comes too late.
      for (let i = 0; i + 4 < kept.length; i += 9) {
        const [a, b] = [kept[i]!, kept[i + 4]!];
        const [flowA, flowB] = [a.payload[13], b.payload[13]];
        if (flowA !== flowB) continue;
        [kept[i], kept[i + 4]] = [b, a];
        const between = kept.slice(i + 1, i + 4).filter(({ payload }) => payload[13] === flowA);
        reordered += 1 + between.length;
      }
      for (const one of kept) {
        wire.giveBack(one);
        if (!chance(0.05)) continue;
        wire.giveBack(one);
        copies++;
      }
    }
    generator.stop();
    generator.judgeAll();
    const { sent, received, meter } = generator;
    assert.ok(sent >= 2_000 && sent <= 2_004, `seed ${seed}: ${sent}`);
    const counted = [generator.lost, meter.duplicates, meter.reordered, received];
    assert.deepEqual(counted, [lost, copies, reordered, sent - lost], `seed ${seed}`);
    const ofFlows = [0, 1, 2, 3].map((flow) => generator.sentOf(flow) - meter.receivedOf[flow]!);
    assert.equal(ofFlows.reduce((sum, n) => sum + n), lost);
    assert.equal(generator.outstanding, 0);
  }
});

Deno.test("a packet that does not come back for two seconds is lost, and late when it comes", () => {
  const bench = new Bench({ rate: { perSecond: 1, unit: "packets" } });
  const { generator, wire } = bench;
  bench.flow();
  const [first] = bench.pass(500);
  bench.pass(1_400);
  assert.deepEqual([generator.lost, generator.outstanding], [0, 2]);
  bench.pass(1_200);
  assert.equal(generator.lost, 1, "the first one alone");
  assert.equal(wire.giveBack(first!), "taken");
  assert.deepEqual([generator.lost, generator.late, generator.received], [1, 1, 0]);
});

Deno.test("a process that was held up reads what has come before it takes anything for lost", () => {
  const bench = new Bench({ rate: { perSecond: 10, unit: "packets" } });
  const { generator, wire } = bench;
  bench.flow();
  const sent = bench.pass(1_000);
  bench.nowMs += 4_000;
  generator.pump();
  assert.equal(generator.lost, 0);
  for (const one of sent) wire.giveBack(one);
  assert.deepEqual([generator.received, generator.late], [sent.length, 0]);
  bench.nowMs += 20_000;
  generator.pump();
  for (let i = 0; i < 6; i++) bench.pass(500);
  generator.stop();
  generator.judgeAll();
  assert.equal(generator.sent, generator.received + generator.lost);
});

Deno.test("packets leave at the rate, each flow in its turn, and a paused one does not", () => {
  const bench = new Bench({ rate: { perSecond: 50, unit: "packets" } });
  const flows = [bench.flow(), bench.flow(), bench.flow()];
  const sent = bench.pass(10_000);
  assert.ok(Math.abs(sent.length - 1_500) <= 3, `${sent.length}`);
  bench.generator.pause(flows[1]!);
  const later = bench.pass(2_000);
  assert.ok(Math.abs(later.length - 200) <= 1, `${later.length}`);
  assert.ok(later.every(({ payload }) => payload[13] !== 1));
  bench.generator.resume(1);
  bench.generator.pause(0);
  assert.deepEqual(new Set(bench.pass(1_000).map(({ payload }) => payload[13])), new Set([1, 2]));
  const total = new Bench({ rate: { perSecond: 50, unit: "packets" }, isEach: false });
  for (let i = 0; i < 5; i++) total.flow();
  assert.ok(Math.abs(total.pass(10_000).length - 500) <= 1);
});

Deno.test("bits of inner packets are counted with their headers, and IMIX is sent as it is stated", () => {
  const bench = new Bench({ rate: { perSecond: 1e6, unit: "bits" }, sizes: sizesOf(["imix"]) });
  bench.flow();
  const sizes = bench.pass(10_000).map(({ payload }) => payload.length + 28);
  const bits = 8 * sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(Math.abs(bits - 1e7) < 8 * 1_400 * 2, `${bits}`);
  assert.deepEqual(sizes.slice(0, 12), IMIX);
  const count = (size: number) => IMIX.filter((one) => one === size).length;
  assert.deepEqual([count(72), count(576), count(1400)], [7, 4, 1]);
});

Deno.test("a driver that comes too late says how many packets it left out", () => {
  const bench = new Bench({ rate: { perSecond: 1_000, unit: "packets" } });
  bench.flow();
  bench.pass(100);
  assert.equal(bench.generator.behind, 0);
  bench.nowMs += 500;
  bench.generator.pump();
  const burst = bench.wire.waiting.splice(0).length;
  assert.ok(burst >= 20 && burst <= 22, `${burst} at once`);
  assert.ok(Math.abs(bench.generator.behind - 479) <= 2, `${bench.generator.behind}`);
});

Deno.test("jitter is that of RFC 3550 §6.4.1", () => {
  const bench = new Bench({ rate: { perSecond: 10, unit: "packets" } });
  bench.flow();
  const delays = [10, 30, 10, 50, 50];
  for (const delay of delays) {
    const [one] = bench.pass(100);
    bench.nowMs += delay;
    bench.wire.giveBack(one!);
    bench.nowMs -= delay;
  }
  let jitter = 0;
  const { latencies } = bench;
  assert.ok(new Set(latencies).size >= 3);
  const expected = latencies.slice(1).map((ms, i) =>
    jitter += (Math.abs(ms - latencies[i]!) - jitter) / 16
  );
  assert.deepEqual(bench.jitters.map((ms) => ms.toFixed(6)), expected.map((ms) => ms.toFixed(6)));
});

Deno.test("packets around an event of their tunnel are counted in its phase, each in one alone", () => {
  const bench = new Bench();
  const { generator, wire } = bench;
  const flow = bench.flow();
  generator.phases.begin(flow, "setup");
  for (const one of bench.pass(500)) wire.giveBack(one);
  generator.phases.close(flow);
  for (let i = 0; i < 6; i++) for (const one of bench.pass(500)) wire.giveBack(one);
  const before = bench.pass(200);
  for (const one of before.slice(0, 10)) wire.giveBack(one);
  generator.phases.begin(flow, "rekey", bench.nowMs);
  for (const one of before.slice(15)) wire.giveBack(one);
  for (let i = 0; i < 4; i++) for (const one of bench.pass(500)) wire.giveBack(one);
  generator.stop();
  generator.judgeAll();
  const { setup, rekey, move } = generator.phases.counts;
  assert.ok(setup.sent >= 50 && setup.sent <= 51 && setup.received === setup.sent);
  assert.equal(rekey.sent - rekey.received, 5, "those that the rekey cost");
  assert.ok(rekey.sent >= 199 && rekey.sent <= 202, `a second before and after: ${rekey.sent}`);
  assert.deepEqual(move, { sent: 0, received: 0 });
  assert.equal(generator.lost, 5);
  assert.ok(bench.phases.includes("setup") && bench.phases.includes("rekey"));
});

Deno.test("a phase that follows another takes what has not come yet, so that nothing counts twice", () => {
  const bench = new Bench();
  const { generator, wire } = bench;
  const flow = bench.flow();
  generator.phases.begin(flow, "rekey", bench.nowMs);
  const waiting = bench.pass(300);
  generator.phases.begin(flow, "outage");
  const later = bench.pass(5_000);
  generator.phases.begin(flow, "outage", bench.nowMs);
  for (const one of later.slice(-10)) wire.giveBack(one);
  bench.pass(2_000);
  const { rekey, outage } = generator.phases.counts;
  assert.equal(rekey.sent, 0);
  assert.ok(waiting.length > 25 && outage.received === 10);
  assert.ok(outage.sent >= 625 && outage.sent <= 635, `${outage.sent}`);
});

Deno.test("answers that answer nothing of this run change no count of packets", () => {
  const bench = new Bench();
  const { generator, wire } = bench;
  bench.flow();
  const [one] = bench.pass(5);
  const give = (changed: Partial<Sent>) => wire.giveBack({ ...one!, ...changed });
  const at = (place: number, value: number) => ({ payload: one!.payload.with(place, value) });
  assert.equal(give(at(9, 8)), "other", "the tag of another run");
  assert.equal(give(at(13, 9)), "taken", "no flow of ours");
  assert.equal(give(at(0, 1)), "taken", "never sent");
  assert.equal(give({ peer: OWN }), "taken", "another peer");
  assert.equal(generator.strange, 3);
  give({ payload: one!.payload.slice(0, 40) });
  assert.equal(generator.altered, 1);
  assert.equal(generator.received, 0);
  assert.equal(give({}), "taken");
  assert.equal(generator.received, 1);
});

Deno.test("an echo server that knows nothing of us returns packets as they are (RFC 862)", () => {
  const bench = new Bench();
  bench.flow();
  const [{ own, peer, payload }] = bench.pass(5) as [Sent];
  const verdict = bench.wire.receiver!.arrived({
    own,
    peer,
    buffer: payload,
    at: 0,
    octets: payload.length,
  });
  assert.deepEqual([verdict, bench.generator.received], ["taken", 1]);
});

/** Hands the packets of one end to the other. */
function hand(to: Bench, sent: readonly Sent[]): string[] {
  return sent.map(({ own, peer, payload }) =>
    to.wire.receiver!.arrived({
      own: peer,
      peer: own,
      buffer: payload,
      at: 0,
      octets: payload.length,
    })
  );
}

Deno.test("the other end counts what goes one way: loss, order, and latency by one clock", () => {
  const sender = new Bench({ returns: false, tag: 9 });
  const receiver = new Bench({ rate: undefined });
  sender.flow();
  receiver.flow(PEER, OWN);
  const sent = sender.pass(1_000);
  assert.equal(udpKind(sent[0]!.payload, 0, sent[0]!.payload.length), "plain", "no echo wanted");
  receiver.nowMs = sender.nowMs;
  const kept = sent.filter((_, i) => i % 10 !== 0);
  const verdicts = new Set(hand(receiver, [...kept.slice(1, 5), kept[0]!, ...kept.slice(5)]));
  assert.deepEqual(verdicts, new Set(["taken"]));
  const { incoming } = receiver.generator;
  assert.equal(incoming.expected, sent.length - (sent.length % 10 === 1 ? 1 : 0));
  assert.equal(incoming.meter.received, kept.length);
  assert.equal(incoming.meter.reordered, 1);
  assert.equal(receiver.came.length, kept.length);
  assert.equal(sender.generator.outstanding, 0);
  hand(receiver, kept.slice(0, 2));
  assert.equal(incoming.meter.duplicates, 2);
});

Deno.test("a sender on another host has a clock of its own, and one in no tunnel is a stranger", () => {
  const sender = new Bench({ returns: false, clock: 4, tag: 9 });
  const receiver = new Bench({ rate: undefined });
  sender.flow();
  receiver.flow(PEER, OWN);
  const sent = sender.pass(500);
  hand(receiver, sent);
  const { incoming } = receiver.generator;
  assert.deepEqual([incoming.otherClock, receiver.came.length], [sent.length, 0]);
  assert.equal(incoming.strange, 0);
  hand(
    receiver,
    sent.map((one) => ({
      ...one,
      own: parseAddress("10.2.0.9")!,
      payload: one.payload.with(9, 5),
    })),
  );
  assert.deepEqual([incoming.strange, incoming.flows], [sent.length, 1]);
});

Deno.test("a sender that begins anew is counted anew, and one that asks for it gets its packets back", () => {
  const receiver = new Bench({ rate: undefined });
  receiver.flow(PEER, OWN);
  const { incoming } = receiver.generator;
  for (const tag of [9, 10]) {
    const sender = new Bench({ tag });
    sender.flow();
    const sent = sender.pass(300);
    assert.deepEqual(new Set(hand(receiver, sent)), new Set(["return"]));
    assert.equal(incoming.expected, incoming.meter.received);
  }
  assert.equal(incoming.flows, 1);
  assert.equal(incoming.meter.late + incoming.meter.duplicates, 0);
});

Deno.test("octets that are no traffic are nobody's", () => {
  const bench = new Bench();
  bench.flow();
  const arrive = (octets: Uint8Array) =>
    bench.wire.receiver!.arrived({
      own: OWN,
      peer: PEER,
      buffer: octets,
      at: 0,
      octets: octets.length,
    });
  assert.equal(arrive(new Uint8Array(0)), "other");
  assert.equal(arrive(new Uint8Array(100)), "other");
  const pinged = new Uint8Array(64);
  pinged.set(new TextEncoder().encode("pong"), 4);
  assert.equal(arrive(pinged), "other");
  pinged.set(new TextEncoder().encode("ping"), 4);
  assert.equal(arrive(pinged), "return", "a UDP ping is returned, and is no traffic");
  assert.deepEqual([bench.generator.incoming.flows, bench.generator.incoming.strange], [0, 0]);
});
