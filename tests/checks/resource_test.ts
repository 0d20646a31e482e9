// CHILD_SAs with the same selectors for several resources, by hand-made messages. RFC 9611.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { ChildSa } from "@/ike/records/sa.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { CHILD, range4 } from "@/sim/scenarios.ts";
import type { Payload } from "@/wire/message.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { CREATE_CHILD_SA, IKE_AUTH } = ExchangeType;
const { NO_ADDITIONAL_SAS, REKEY_SA, SA_RESOURCE_INFO, TS_MAX_QUEUE } = NotifyType;

const several = (resources: number) => ({ children: [{ ...CHILD, resources }] });
const info = (...octets: number[]) => notify(SA_RESOURCE_INFO, Uint8Array.from(octets));
const named = ({ sa }: Bench) => sa.children.map(({ resource }) => resource);
const sentIn = (payloads: readonly Payload[]) => findNotify(payloads, SA_RESOURCE_INFO)?.data;

/** A responder of a CHILD_SA whose initiator has taken part, or has not. */
function asked(resources: number, ...said: Payload[]) {
  const bench = Bench.keyed("responder", several(resources));
  const answer = bench.ask(IKE_AUTH, [...bench.peer.authPayloads(), ...said]);
  return { bench, answer };
}

/** The request for another CHILD_SA like the first. */
const another = ({ peer }: Bench, ...octets: number[]) => peer.createChild([info(...octets)]);

check("RFC 9611", "A responder that takes part says so, and gives each next one a number", () => {
  const { bench, answer } = asked(2, info());
  assert.deepEqual([...sentIn(answer)!], []);
  // The octets of the peer mean something to the peer alone.
  const data = [[7], [0, 0, 0, 9]].map((octets) =>
    sentIn(bench.ask(CREATE_CHILD_SA, another(bench, ...octets)))
  );
  assert.deepEqual(data.map((one) => [...one!]), [[0, 0, 0, 1], [0, 0, 0, 2]]);
  assert.deepEqual(named(bench), ["any", 1, 2]);
});

check("RFC 9611", "A responder with as many as it makes says TS_MAX_QUEUE, and keeps them", () => {
  const { bench } = asked(1, info());
  bench.ask(CREATE_CHILD_SA, another(bench, 1));
  bench.refuses(TS_MAX_QUEUE, CREATE_CHILD_SA, another(bench, 2));
  bench.stands(2);
});

check(
  "RFC 9611",
  "A responder counts those with the same selectors, and not those that end",
  () => {
    const { bench } = asked(1, info());
    bench.ask(CREATE_CHILD_SA, another(bench, 1));
    const ts = range4([10, 0, 0, 0], [10, 0, 0, 255]);
    const other = another(bench, 2).map((payload) =>
      "selectors" in payload ? { ...payload, selectors: [ts] } : payload
    ) as Payload[];
    assert.deepEqual([...sentIn(bench.ask(CREATE_CHILD_SA, other))!], []);
    bench.tell({ kind: "delete_child", child: bench.sa.children[1]! });
    bench.answer([]);
    assert.deepEqual([...sentIn(bench.ask(CREATE_CHILD_SA, another(bench, 3)))!], [0, 0, 0, 1]);
  },
);

check("RFC 9611", "A responder that takes no part, or is not asked, says nothing of it", () => {
  for (const { bench, answer } of [asked(0, info(1)), asked(2)]) {
    assert.equal(sentIn(answer), undefined);
    assert.deepEqual(named(bench), [undefined]);
    assert.equal(sentIn(bench.ask(CREATE_CHILD_SA, bench.peer.createChild())), undefined);
    bench.stands(2);
  }
});

check("RFC 9611", "A rekey keeps the resource without the notify, beyond no limit", () => {
  const { bench } = asked(1, info());
  bench.ask(CREATE_CHILD_SA, another(bench, 1));
  for (const [i, resource] of [[0, "any"], [1, 1]] as const) {
    const answer = bench.ask(CREATE_CHILD_SA, rekeyOf(bench, bench.sa.children[i]!));
    assert.equal(sentIn(answer), undefined);
    assert.equal(bench.sa.children.at(-1)!.resource, resource);
  }
});

function rekeyOf({ peer }: Bench, { spiOut }: ChildSa): Payload[] {
  const spi = new Uint8Array(4);
  new DataView(spi.buffer).setUint32(0, spiOut);
  return peer.createChild([{ ...notify(REKEY_SA), protocol: 3, spi }]);
}

/** An initiator whose first CHILD_SA is answered with these payloads. */
function answered(resources: number, ...said: Payload[]): Bench {
  const bench = Bench.keyed("initiator", several(resources));
  assert.deepEqual(sentIn(bench.said().at(-1)!.payloads)?.length, resources > 0 ? 0 : undefined);
  bench.answer([...bench.peer.authPayloads(), ...said]);
  return bench;
}

check("RFC 9611", "An initiator asks for one of each resource if the responder takes part", () => {
  const bench = answered(2, info());
  for (const number of [1, 2]) {
    const { payloads } = bench.said().at(-1)!;
    assert.deepEqual([...sentIn(payloads)!], [0, 0, 0, number]);
    bench.answer(another(bench, 9));
  }
  assert.deepEqual(named(bench), ["any", 1, 2]);
  assert.deepEqual(bench.said(), []);
});

check("RFC 9611", "An initiator that is told to make one more takes a number that is free", () => {
  const bench = answered(2, info());
  bench.tell({ kind: "create_child", configIndex: 0 });
  for (let i = 0; i < 3; i++) bench.answer(another(bench, 9));
  assert.deepEqual(named(bench), ["any", 1, 2, 3]);
});

check("RFC 9611", "An initiator asks for no others if the responder takes no part", () => {
  const bench = answered(2);
  assert.deepEqual(bench.said(), []);
  assert.deepEqual(named(bench), [undefined]);
});

check("RFC 9611", "An initiator asks for no more once the responder makes no more", () => {
  for (const error of [TS_MAX_QUEUE, NO_ADDITIONAL_SAS]) {
    const bench = answered(3, info());
    bench.answer(another(bench));
    bench.said();
    bench.answer([notify(error)]);
    assert.deepEqual(bench.said(), []);
    bench.stands(2);
    const failed = bench.effects.findLast(({ kind }) => kind === "create_child_failed");
    assert.match(JSON.stringify(failed), /TS_MAX_QUEUE|NO_ADDITIONAL_SAS/);
  }
});

check(
  "RFC 9611",
  "An initiator that gets one without the notify takes it, and asks no more",
  () => {
    const bench = answered(3, info());
    bench.answer(bench.peer.createChild());
    assert.deepEqual(bench.said().filter(({ header }) => !header.response).length, 1);
    assert.deepEqual(named(bench), ["any", undefined]);
  },
);

check("RFC 9611", "An initiator ignores the notify that it did not ask for", () => {
  const bench = answered(0, info(1));
  assert.deepEqual(named(bench), [undefined]);
  assert.deepEqual(bench.said(), []);
});
