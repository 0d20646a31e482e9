/** IKE SAs that have ended: how long they are listed, in which state, and what they count for. */
import assert from "node:assert/strict";
import { bothByPsk } from "@/ike/auth/psk.ts";
import { ENDED_MAX } from "@/ike/ended.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, rig } from "./rig.ts";

const config = { ...CONFIG, endedKeptMs: 5_000 };

function world() {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 2 }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 2 }), config });
  gateway.run.start();
  return { clock, network, client, gateway };
}

Deno.test("the CloseCode of a deleted IKE SA is listed for 5 s at both ends", async () => {
  const { clock, client, gateway } = world();
  client.run.start();
  clock.pass(500);
  const spis = [client, gateway].map(({ run }) => run.sas.ikeSas(0, 1)[0]!.spi);
  client.run.stop(true);
  clock.pass(4_900);
  await client.run.finalResult;
  for (const [i, { run }] of [client, gateway].entries()) {
    const { ikeSasByState, ikeSasTotal, live, hasChild, createdLive, createdTunnels } = run
      .summary();
    assert.deepEqual([ikeSasByState[7], ikeSasTotal, createdTunnels], [2, 2, 2]);
    assert.deepEqual([live, hasChild, createdLive], [0, 0, 0]);
    const { state, closeCode } = run.sas.ikeSa(spis[i]!)!;
    const expected = [CloseCode.STOPPED, CloseCode.DELETED_BY_PEER][i];
    assert.deepEqual([state, closeCode], [7, expected]);
    assert.equal(run.sas.ikeSas(0, 0)[0]!.spi, spis[i], "in the order of creation");
  }
  clock.pass(200);
  for (const [i, { run }] of [client, gateway].entries()) {
    assert.equal(run.summary().ikeSasTotal, 0);
    assert.deepEqual([run.sas.ikeSa(spis[i]!), run.sas.childSas(spis[i]!)], [undefined, undefined]);
    assert.deepEqual(run.sas.ikeSas(0, 0), []);
  }
});

Deno.test("an IKE SA that a rekey replaced is listed for 5 s in state 6, and is in no other count", async () => {
  const { clock, client, gateway } = world();
  client.run.start();
  clock.pass(500);
  const { spi } = client.run.sas.ikeSas(0, 1)[0]!;
  const rekey = client.run.rekeys.ikeSa(spi);
  clock.pass(500);
  assert.equal((await rekey).kind, "done");
  for (const { run } of [client, gateway]) {
    const { ikeSasByState, ikeSasTotal, live, createdLive } = run.summary();
    assert.deepEqual([ikeSasByState[6], ikeSasByState[3], ikeSasTotal], [1, 2, 3]);
    assert.deepEqual([live, createdLive], [2, 2]);
  }
  const { state, closeCode } = client.run.sas.ikeSa(spi)!;
  assert.deepEqual([state, closeCode], [6, CloseCode.REKEYED]);
  clock.pass(5_000);
  assert.deepEqual([client.run.sas.ikeSa(spi), client.run.summary().ikeSasTotal], [undefined, 2]);
  assert.equal(gateway.run.summary().ikeSasTotal, 2);
});

Deno.test("an IKE SA whose IKE_AUTH is refused is listed with its notify, a refused IKE_SA_INIT never", () => {
  const { clock, network, client, gateway } = world();
  const wrong = rig(network, clock, {
    plan: clientPlan({ tunnels: 1, triesMax: 1 }),
    config: { ...config, auth: bothByPsk("another") },
  });
  wrong.run.start();
  clock.pass(500);
  for (const { run } of [wrong, gateway]) {
    const [sa, ...others] = run.sas.ikeSas(0, 0);
    const { state, closeCode } = run.sas.ikeSa(sa!.spi)!;
    assert.deepEqual([state, closeCode, others.length], [7, 24, 0]);
  }
  clock.pass(5_000);
  assert.deepEqual(gateway.run.sas.ikeSas(0, 0), []);
  const algorithms = { ...CONFIG.algorithms, prf: [2] };
  const refused = rig(network, clock, { plan: clientPlan(), config: { ...config, algorithms } });
  refused.run.start();
  clock.pass(500);
  assert.ok(refused.run.figures().retries > 0, "NO_PROPOSAL_CHOSEN");
  const [sa] = refused.run.sas.ikeSas(0, 0);
  assert.deepEqual([sa, gateway.run.summary().ikeSasByState[7]], [undefined, 0]);
  assert.equal(client.run.summary().ikeSasTotal, 0);
});

Deno.test("of many IKE SAs that end at once the last ten thousand are listed", () => {
  const { clock, gateway } = world();
  const { loop } = gateway.run;
  const count = ENDED_MAX + 5;
  const path = {
    ownAddress: Uint8Array.of(10, 1, 0, 1),
    ownPort: 500,
    peerAddress: Uint8Array.of(10, 9, 0, 1),
    peerPort: 500,
  };
  loop.turn(() => {
    for (let index = 0; index < count; index++) {
      const sa = loop.initiate({ index, path });
      sa.keys = new Uint8Array(1);
      loop.command(sa, { kind: "abandon", closeCode: CloseCode.STOPPED, why: "over" });
    }
  });
  const { bySpi, ended } = loop.endpoint;
  assert.deepEqual([bySpi.size, ended.size], [ENDED_MAX, ENDED_MAX]);
  const [first] = bySpi.values();
  assert.equal(first!.index, 5);
  clock.pass(5_000);
  assert.equal(gateway.run.summary().ikeSasTotal, 0);
  assert.deepEqual([bySpi.size, ended.size], [0, 0]);
});
