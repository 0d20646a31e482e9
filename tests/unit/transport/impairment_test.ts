/**
 * The effects of impairment rules on messages: each kind, which messages they apply to, and that they are
 * repeatable.
 */
import assert from "node:assert/strict";
import type { Path } from "@/base/address.ts";
import { ImpairedTransport } from "@/transport/impaired.ts";
import { Impairment, type ImpairmentRule } from "@/transport/impairment.ts";
import {
  type Datagram,
  noDatagrams,
  type Transport,
  type TransportListener,
} from "@/transport/transport.ts";

const NOTHING: ImpairmentRule = {
  direction: "both",
  exchange: undefined,
  message: "any",
  skip: 0,
  count: 0,
  loss: 0,
  duplication: 0,
  reorder: 0,
  reorderWaitMs: 100,
  delay: 0,
  delayMinMs: 10,
  delayMaxMs: 20,
  replay: 0,
  replayAfterMs: 1_000,
  corruption: 0,
  corruptionPlace: "any",
  crossingMs: 0,
  crossingWith: undefined,
};
const PATH: Path = {
  ownAddress: Uint8Array.of(127, 0, 0, 1),
  ownPort: 500,
  peerAddress: Uint8Array.of(127, 0, 0, 2),
  peerPort: 500,
};
const INIT = 34;
const AUTH = 35;
const CREATE = 36;
const INFORMATIONAL = 37;

/** An IKE header with a mark in its last octet. */
function message(mark: number, exchange = AUTH, response = false): Uint8Array {
  const octets = new Uint8Array(28);
  octets[18] = exchange;
  octets[19] = response ? 0x20 : 0;
  octets[27] = mark;
  return octets;
}

/** A transport that records messages, behind an impaired one; time only passes when a test lets it. */
class Bench {
  readonly sent: Uint8Array[] = [];
  readonly delivered: Uint8Array[] = [];
  readonly impaired: ImpairedTransport;
  readonly impairment: Impairment;
  nowMs = 0;
  #listener: TransportListener | undefined;
  #alarms: { atMs: number; call: () => void }[] = [];

  constructor(...rules: Partial<ImpairmentRule>[]) {
    this.impairment = new Impairment(rules.map((rule) => ({ ...NOTHING, ...rule })), 7);
    const inner = {
      name: "portable",
      counters: noDatagrams(),
      ikePort: 500,
      nattPort: undefined,
      halfOpenMax: 64,
      listen: (listener: TransportListener) => this.#listener = listener,
      send: (octets: Uint8Array) => this.sent.push(octets.slice()),
      keepalive() {},
      flush() {},
      close: () => Promise.resolve(),
    } as unknown as Transport;
    this.impaired = new ImpairedTransport(inner, this.impairment, (ms, call) => {
      const alarm = { atMs: this.nowMs + ms, call };
      this.#alarms.push(alarm);
      return () => this.#alarms = this.#alarms.filter((other) => other !== alarm);
    });
    this.impaired.listen({
      datagrams: (batch) => {
        for (const { octets } of batch) this.delivered.push(octets.slice());
      },
      failed: (error) => {
        throw error;
      },
    });
  }

  send(octets: Uint8Array): void {
    this.impaired.send(octets, PATH);
  }

  receive(octets: Uint8Array): void {
    const datagram: Datagram = { octets, path: PATH, encapsulated: false };
    this.#listener!.datagrams([datagram]);
    // Octets are only valid during the call.
    octets.fill(0xee);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.#alarms.filter(({ atMs }) => atMs <= this.nowMs);
    this.#alarms = this.#alarms.filter(({ atMs }) => atMs > this.nowMs);
    for (const { call } of due) call();
  }

  static marks(messages: readonly Uint8Array[]): number[] {
    return messages.map((octets) => octets[27]!);
  }
}

Deno.test("what no rule is about passes as it is, at once", () => {
  const bench = new Bench({ exchange: INIT, loss: 1 }, { direction: "in", loss: 1 });
  bench.send(message(1));
  assert.deepEqual(bench.sent, [message(1)]);
  bench.receive(message(2, INIT));
  assert.deepEqual(bench.delivered, []);
});

Deno.test("requests and responses, directions and exchanges are told apart", () => {
  const bench = new Bench({ direction: "out", exchange: CREATE, message: "response", loss: 1 });
  for (const octets of [message(1, CREATE), message(2, CREATE, true), message(3, AUTH, true)]) {
    bench.send(octets.slice());
    bench.receive(octets.slice());
  }
  assert.deepEqual(Bench.marks(bench.sent), [1, 3]);
  assert.deepEqual(Bench.marks(bench.delivered), [1, 2, 3]);
});

Deno.test("skip and count bound a rule", () => {
  const bench = new Bench({ skip: 1, count: 2, loss: 1 });
  for (const mark of [1, 2, 3, 4, 5]) bench.send(message(mark));
  assert.deepEqual(Bench.marks(bench.sent), [1, 4, 5]);
  assert.deepEqual(bench.impaired.impairment[0], {
    matched: 5,
    lost: 2,
    duplicated: 0,
    reordered: 0,
    delayed: 0,
    replayed: 0,
    corrupted: 0,
    crossed: 0,
  });
});

Deno.test("chance is the seed's: the same messages meet the same fate, others another", () => {
  const fates = (seed: number) => {
    const impairment = new Impairment([{ ...NOTHING, loss: 0.5 }], seed);
    return Array.from({ length: 64 }, () => impairment.judge("out", message(0))!.lost).join();
  };
  assert.equal(fates(1), fates(1));
  assert.notEqual(fates(1), fates(2));
});

Deno.test("a probability is one of messages", () => {
  const bench = new Bench({ loss: 0.2 });
  for (let i = 0; i < 5_000; i++) bench.send(message(0));
  const { lost } = bench.impaired.impairment[0]!;
  assert.ok(lost > 850 && lost < 1_150, `${lost} of 5,000 lost`);
});

Deno.test("duplicates, late ones and replays", () => {
  const double = new Bench({ duplication: 1 });
  double.receive(message(1));
  assert.deepEqual(Bench.marks(double.delivered), [1, 1]);

  const late = new Bench({ delay: 1, delayMinMs: 10, delayMaxMs: 20 });
  late.receive(message(1));
  late.pass(9);
  assert.deepEqual(late.delivered, []);
  late.pass(11);
  assert.deepEqual(Bench.marks(late.delivered), [1]);

  const again = new Bench({ replay: 1, replayAfterMs: 1_000 });
  again.send(message(1));
  assert.deepEqual(Bench.marks(again.sent), [1]);
  again.pass(1_000);
  assert.deepEqual(Bench.marks(again.sent), [1, 1]);
});

Deno.test("reordered: the next passes it; without a next it waits, and goes", () => {
  const bench = new Bench({ reorder: 1, count: 1 });
  for (const mark of [1, 2, 3]) bench.send(message(mark));
  assert.deepEqual(Bench.marks(bench.sent), [2, 1, 3]);

  const alone = new Bench({ reorder: 1 });
  alone.send(message(1));
  assert.deepEqual(alone.sent, []);
  alone.pass(100);
  assert.deepEqual(Bench.marks(alone.sent), [1]);
});

Deno.test("every message reordered: pairs change places, none is lost", () => {
  const bench = new Bench({ reorder: 1 });
  for (const mark of [1, 2, 3, 4]) bench.send(message(mark));
  bench.pass(100);
  assert.deepEqual(Bench.marks(bench.sent).sort(), [1, 2, 3, 4]);
});

Deno.test("corruption turns bits of a copy, header and all", () => {
  const bench = new Bench({ corruption: 1 });
  const touched = new Set<number>();
  for (let i = 0; i < 2_000; i++) {
    const original = message(0);
    bench.send(original);
    assert.deepEqual(original, message(0), "the caller's octets stay");
    const sent = bench.sent.at(-1)!;
    sent.forEach((octet, at) => octet !== original[at] && touched.add(at));
  }
  assert.equal(touched.size, 28);
});

for (
  const [corruptionPlace, from, end] of [["spi", 0, 16], ["header", 16, 28], [
    "body",
    28,
    60,
  ]] as const
) {
  Deno.test(`corruption of ${corruptionPlace} hits octets ${from} to ${end - 1} alone, each`, () => {
    const bench = new Bench({ corruption: 1, corruptionPlace });
    const touched = new Set<number>();
    for (let i = 0; i < 2_000; i++) {
      bench.send(new Uint8Array(60));
      bench.sent.at(-1)!.forEach((octet, at) => octet !== 0 && touched.add(at));
    }
    const wanted = Array.from({ length: end - from }, (_, i) => from + i);
    assert.deepEqual([...touched].sort((a, b) => a - b), wanted);
  });
}

Deno.test("requests that are held cross: ours leaves when theirs is there, and theirs comes in", () => {
  const bench = new Bench({ exchange: CREATE, message: "request", count: 2, crossingMs: 5_000 });
  bench.send(message(1, CREATE));
  assert.deepEqual(bench.sent, []);
  bench.receive(message(2, CREATE));
  assert.deepEqual(Bench.marks(bench.sent), [1]);
  assert.deepEqual(Bench.marks(bench.delivered), [2]);
  assert.equal(bench.impaired.impairment[0]!.crossed, 2);
  // The rule is over.
  bench.send(message(3, CREATE));
  assert.deepEqual(Bench.marks(bench.sent), [1, 3]);
});

Deno.test("theirs first: it is held until ours sets out", () => {
  const bench = new Bench({ exchange: CREATE, message: "request", count: 2, crossingMs: 5_000 });
  bench.receive(message(2, CREATE));
  assert.deepEqual(bench.delivered, []);
  bench.send(message(1, CREATE));
  assert.deepEqual(Bench.marks(bench.sent), [1]);
  assert.deepEqual(Bench.marks(bench.delivered), [2]);
});

Deno.test("only messages of one IKE SA cross: another's neither sets free nor is held up", () => {
  const bench = new Bench({ exchange: CREATE, message: "request", crossingMs: 5_000 });
  const of = (spi: number, mark: number) => {
    const octets = message(mark, CREATE);
    octets[3] = spi;
    return octets;
  };
  bench.send(of(1, 1));
  bench.send(of(2, 2));
  assert.deepEqual(bench.sent, []);
  bench.receive(of(2, 3));
  assert.deepEqual(Bench.marks(bench.sent), [2]);
  bench.receive(of(1, 4));
  assert.deepEqual(Bench.marks(bench.sent), [2, 1]);
  assert.deepEqual(Bench.marks(bench.delivered), [3, 4]);
  assert.equal(bench.impaired.impairment[0]!.crossed, 4);
});

Deno.test("repeats of what is held wait with it, and do not count", () => {
  const bench = new Bench({ exchange: CREATE, message: "request", count: 2, crossingMs: 5_000 });
  for (let i = 0; i < 3; i++) bench.send(message(1, CREATE));
  assert.deepEqual(bench.sent, []);
  bench.receive(message(2, CREATE));
  assert.deepEqual(Bench.marks(bench.sent), [1]);
  assert.deepEqual(Bench.marks(bench.delivered), [2]);
  const { matched, crossed } = bench.impaired.impairment[0]!;
  assert.deepEqual([matched, crossed], [2, 2]);
  // It is on its way: a repeat is one as any.
  bench.send(message(1, CREATE));
  assert.deepEqual(Bench.marks(bench.sent), [1, 1]);
});

Deno.test("what has been held once is not held again, the next message is", () => {
  const bench = new Bench({ exchange: CREATE, message: "request", crossingMs: 5_000 });
  bench.send(message(1, CREATE));
  bench.receive(message(2, CREATE));
  bench.send(message(1, CREATE));
  bench.receive(message(2, CREATE));
  assert.deepEqual(Bench.marks(bench.sent), [1, 1]);
  assert.deepEqual(Bench.marks(bench.delivered), [2, 2]);
  bench.send(message(3, CREATE));
  assert.deepEqual(Bench.marks(bench.sent), [1, 1]);
  // And it is not held after its time was over.
  bench.pass(5_000);
  bench.send(message(3, CREATE));
  assert.deepEqual(Bench.marks(bench.sent), [1, 1, 3, 3]);
});

Deno.test("a rekey is held for a message of another exchange, and only for that", () => {
  const bench = new Bench(
    { exchange: CREATE, message: "request", crossingMs: 5_000, crossingWith: INFORMATIONAL },
  );
  bench.send(message(1, CREATE));
  bench.receive(message(3, CREATE, true));
  bench.receive(message(4, INFORMATIONAL, true));
  assert.deepEqual(bench.sent, []);
  bench.receive(message(2, INFORMATIONAL));
  assert.deepEqual(Bench.marks(bench.sent), [1]);
  assert.deepEqual(Bench.marks(bench.delivered), [3, 4, 2]);
  assert.equal(bench.impaired.impairment[0]!.crossed, 1);
});

Deno.test("a message that is lost crosses nothing", () => {
  const bench = new Bench(
    { direction: "in", loss: 1 },
    { exchange: CREATE, message: "request", crossingMs: 5_000 },
  );
  bench.send(message(1, CREATE));
  bench.receive(message(2, CREATE));
  assert.deepEqual(bench.sent, []);
});

Deno.test("what nobody crosses goes when its time is over", () => {
  const bench = new Bench({ crossingMs: 5_000 });
  bench.send(message(1, CREATE));
  bench.pass(5_000);
  assert.deepEqual(Bench.marks(bench.sent), [1]);
  assert.equal(bench.impaired.impairment[0]!.crossed, 0);
});

Deno.test("after the end nothing leaves any more", async () => {
  const bench = new Bench({ delay: 1 });
  bench.send(message(1));
  await bench.impaired.close();
  bench.pass(1_000);
  assert.deepEqual(bench.sent, []);
});
