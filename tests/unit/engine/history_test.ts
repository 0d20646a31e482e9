// Rekeyed SAs that stay listed: what is shown of them, that they are not counted, and their limit.
import assert from "node:assert/strict";
import { ChildHistory } from "@/engine/run/child_history.ts";
import { ChildStateNumber, IkeStateNumber } from "@/engine/show/view.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { receive } from "@/ike/endpoint.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, rig } from "./rig.ts";

const SECOND = 1_000;

/** A tunnel whose CHILD_SA is rekeyed every 4 s, its IKE SA every 10 s, by the client. */
function stage(rekeyedKeptMax: number, childHistoryMax: number) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const [child] = CONFIG.children;
  const config = {
    ...CONFIG,
    rekeyedKeptMax,
    marginMs: SECOND,
    jitter: false,
    ikeLifetimeMs: 11 * SECOND,
    children: [{ ...child!, peerTsStep: 0, lifetimeMs: 5 * SECOND }],
  };
  const calm = {
    ...config,
    ikeLifetimeMs: 0,
    children: [{ ...config.children[0]!, lifetimeMs: 0 }],
  };
  const gateway = rig(network, clock, {
    plan: gatewayPlan({ tunnels: 1, childHistoryMax }),
    config: calm,
  });
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1, childHistoryMax }), config });
  gateway.run.start();
  client.run.start();
  return { clock, ends: [client.run, gateway.run] };
}

Deno.test("rekeyed SAs stay listed at both ends, and count as rekeyed (CloseCode 65539)", () => {
  const { clock, ends } = stage(10, 10);
  clock.pass(100 * SECOND);
  for (const run of ends) {
    const list = run.sas.ikeSas(0, 0);
    const summary = run.summary();
    const live = list.filter(({ state }) => state === IkeStateNumber.ESTABLISHED);
    assert.equal(live.length, 1);
    assert.equal(list.at(-1), live[0], "the order of creation");
    assert.equal(summary.ikeSasByState[IkeStateNumber.REKEYED], list.length - 1);
    assert.deepEqual([summary.live, summary.hasChild, summary.createdLive], [1, 1, 1]);
    assert.equal(summary.ikeSasTotal, list.length);
    // Nine have gone by then, and the ends of the last ones still repeat their answers.
    assert.ok(list.length >= 8 && list.length <= 13, String(list.length));
    const first = run.sas.ikeSa(list[0]!.spi)!;
    assert.deepEqual([first.state, first.closeCode], [IkeStateNumber.REKEYED, CloseCode.REKEYED]);
    assert.ok(first.keys!.skEi.length > 0, "a capture can still be decrypted");
    assert.deepEqual(run.sas.childSas(first.spi), [], "its CHILD_SAs went with the tunnel");
    const children = run.sas.childSas(live[0]!.spi)!.map((spi) => run.sas.childSa(spi)!);
    assert.equal(children.length, 10 + 1);
    const states = children.map(({ state }) => state);
    assert.deepEqual(states.filter((s) => s === ChildStateNumber.ESTABLISHED).length, 1);
    assert.equal(states[0], ChildStateNumber.ESTABLISHED, "what is asked for stands first");
    assert.equal(states.at(-1), ChildStateNumber.REKEYED);
    const kept = children.slice(1);
    assert.equal(kept[0]!.parentSpi, live[0]!.spi);
    assert.ok(kept[0]!.keys!.skEi.length > 0);
    const times = kept.map(({ establishedEpochMs }) => establishedEpochMs!);
    assert.deepEqual(times, times.toSorted((a, b) => a - b));
  }
});

Deno.test("the last rekeyed SAs are kept, as many as configured, and none by default", () => {
  const { clock, ends } = stage(3, 2);
  clock.pass(400 * SECOND);
  const bare = stage(0, 0);
  bare.clock.pass(400 * SECOND);
  for (const [i, run] of ends.entries()) {
    const { endpoint } = run.loop;
    assert.equal(endpoint.rekeyed.size, 3);
    // Beside the live one and the kept ones: those that still repeat their last answer.
    const others = endpoint.bySpi.size - 3;
    assert.equal(others, bare.ends[i]!.loop.endpoint.bySpi.size);
    assert.equal(run.sas.childSas(run.sas.ikeSas(0, 0).at(-1)!.spi)!.length, 2 + 1);
    assert.equal(bare.ends[i]!.sas.childSas(bare.ends[i]!.sas.ikeSas(0, 0).at(-1)!.spi)!.length, 1);
  }
});

Deno.test("a CHILD_SA that is only kept in the list cannot be rekeyed", async () => {
  const { clock, ends: [client] } = stage(0, 10);
  clock.pass(30 * SECOND);
  const children = client!.sas.childSas(client!.sas.ikeSas(0, 0).at(-1)!.spi)!;
  assert.deepEqual(await client!.rekeys.child(children.at(-1)!), { kind: "not_established" });
  assert.deepEqual(await client!.rekeys.child(1), { kind: "unknown" });
});

Deno.test("the kept CHILD_SAs of a tunnel are removed when it is closed", () => {
  const { clock, ends: [client, gateway] } = stage(0, 10);
  clock.pass(30 * SECOND);
  const kept = gateway!.sas.childSas(gateway!.sas.ikeSas(0, 0).at(-1)!.spi)!;
  assert.ok(kept.every((spi) => gateway!.sas.childSa(spi) !== undefined) && kept.length > 1);
  client!.stop(true);
  clock.pass(SECOND);
  assert.deepEqual(kept.map((spi) => gateway!.sas.childSa(spi)), kept.map(() => undefined));
});

Deno.test("a datagram for a rekeyed SA that is only kept in the list is dropped", () => {
  const { clock, ends: [client] } = stage(10, 0);
  clock.pass(100 * SECOND);
  const [oldest] = client!.sas.ikeSas(0, 1);
  const sa = client!.loop.endpoint.bySpi.get(oldest!.spi)!;
  assert.ok(sa.forgotten && sa.window.answered === undefined);
  // An empty INFORMATIONAL request of the peer: only the header is looked at.
  const octets = new Uint8Array(28);
  const view = new DataView(octets.buffer, octets.byteOffset);
  view.setBigUint64(0, sa.spiI);
  view.setBigUint64(8, sa.spiR);
  octets.set([0, 0x20, ExchangeType.INFORMATIONAL, sa.originalInitiator ? 0 : 8], 16);
  octets[27] = octets.length;
  const { endpoint } = client!.loop;
  const before = endpoint.drops.get("an SPI nobody has") ?? 0;
  receive(endpoint, { octets, path: sa.path }, 0, { push: () => {} });
  assert.equal(endpoint.drops.get("an SPI nobody has"), before + 1);
});

Deno.test("the history of a tunnel follows its rekeys, is bounded, and is removed with the tunnel", () => {
  const history = new ChildHistory(3);
  const [sa, next, other] = [{}, {}, {}] as IkeSa[];
  const child = (spiIn: number, parent: IkeSa, replaced = true) =>
    ({ spiIn, parent, replaced }) as ChildSa;
  const spis = (of: IkeSa) => history.of(of).map(({ spiIn }) => spiIn);
  history.keep(child(300, sa!, false));
  assert.equal(history.size, 0, "one that was deleted for another reason");
  for (const spi of [301, 302]) history.keep(child(spi, sa!));
  history.keep(child(303, other!));
  history.keep(child(304, sa!));
  assert.deepEqual([spis(sa!), spis(other!)], [[302, 304], [303]]);
  history.moved(sa!, next!);
  assert.deepEqual([spis(sa!), spis(next!)], [[], [302, 304]]);
  assert.equal(history.get(304)!.parent, next);
  history.keep(child(303, next!));
  assert.deepEqual([spis(next!), spis(other!)], [[302, 304, 303], []], "an SPI that came again");
  history.dropped(next!);
  assert.equal(history.size, 0);
  assert.equal(history.get(302), undefined);
});
