import assert from "node:assert/strict";
import type { RekeyIkeOutcome } from "@/engine/show/view.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, isRequest, rig } from "./rig.ts";

const CREATE_CHILD_SA = 36;

function world(gatewayGroups = [31]) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const config = {
    ...CONFIG,
    retransmitIntervalMs: 1_000,
    transmissionsMax: 2,
    endedKeptMs: 5_000,
  };
  const algorithms = { ...CONFIG.algorithms, groups: gatewayGroups };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 2 }), config });
  const plan = gatewayPlan({ tunnels: 2 });
  const gateway = rig(network, clock, { plan, config: { ...config, algorithms } });
  gateway.run.start();
  client.run.start();
  clock.pass(500);
  const [sa] = client.run.sas.ikeSas(0, 0);
  return { clock, network, client, gateway, spi: sa!.spi };
}

/** The outcome of a promise. */
async function settled(promise: Promise<RekeyIkeOutcome>): Promise<RekeyIkeOutcome | "waiting"> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return await Promise.race([promise, Promise.resolve("waiting" as const)]);
}

Deno.test("rekeyIke of either end answers with the new SA, which has the CHILD_SA", async () => {
  for (const end of ["client", "gateway"] as const) {
    const world1 = world();
    const { clock } = world1;
    const { run } = world1[end];
    const spi = run.sas.ikeSas(0, 0)[0]!.spi;
    const [child] = run.sas.childSas(spi)!;
    const outcome = run.rekeys.ikeSa(spi);
    assert.equal(await settled(outcome), "waiting");
    clock.pass(500);
    const done = await outcome;
    assert.ok(done.kind === "done" && done.spi !== spi);
    assert.equal(run.sas.ikeSa(done.spi)!.state, 3);
    assert.deepEqual(run.sas.childSas(done.spi), [child]);
    assert.equal(run.figures().ikeRekeys, 1);
    assert.equal(run.summary().live, 2);
  }
});

Deno.test("two calls of rekeyIke make one rekey, and both are answered", async () => {
  const { clock, client: { run }, spi } = world();
  const both = [run.rekeys.ikeSa(spi), run.rekeys.ikeSa(spi)];
  clock.pass(500);
  const [first, second] = await Promise.all(both);
  assert.deepEqual(first, second);
  assert.deepEqual([first!.kind, run.figures().ikeRekeys], ["done", 1]);
});

Deno.test("rekeyIke of an unknown SA, of one that was replaced, of one that is closing", async () => {
  const { clock, client: { run }, gateway, spi } = world();
  assert.deepEqual(await run.rekeys.ikeSa(1n), { kind: "unknown" });
  const done = run.rekeys.ikeSa(spi);
  clock.pass(500);
  assert.equal((await done).kind, "done");
  // Both ends still show it.
  const [old] = gateway.run.sas.ikeSas(0, 1);
  assert.deepEqual(await run.rekeys.ikeSa(spi), { kind: "not_established" });
  assert.deepEqual(await gateway.run.rekeys.ikeSa(old!.spi), { kind: "not_established" });
  clock.pass(5_000);
  assert.equal(run.sas.ikeSa(spi), undefined);
  assert.deepEqual(await run.rekeys.ikeSa(spi), { kind: "unknown" });
  const next = run.sas.ikeSas(0, 0).find((sa) => sa.state === 3)!.spi;
  run.stop(true);
  assert.deepEqual(await run.rekeys.ikeSa(next), { kind: "not_established" });
});

Deno.test("rekeyIke fails with the notify of a peer that refuses, and with NO_ANSWER of one that does not answer", async () => {
  const { clock, network, client: { run }, gateway, spi } = world();
  // It is rekeying a CHILD_SA itself, and its request is lost (RFC 7296 §2.25.1).
  const peer = gateway.run.sas.ikeSas(0, 1)[0]!.spi;
  network.loses = (octets, path) => isRequest(octets, CREATE_CHILD_SA) && path.ownAddress[1] === 9;
  gateway.run.rekeys.child(gateway.run.sas.childSas(peer)![0]!);
  const busy = run.rekeys.ikeSa(spi);
  clock.pass(500);
  const told = await settled(busy);
  assert.ok(told !== "waiting" && told.kind === "refused", told === "waiting" ? told : told.kind);
  assert.equal(told.cause, "TEMPORARY_FAILURE");
  const other = run.sas.ikeSas(1, 1)[0]!.spi;
  network.loses = (octets) => isRequest(octets, CREATE_CHILD_SA);
  const silent = run.rekeys.ikeSa(other);
  clock.pass(5_000);
  const outcome = await silent;
  assert.ok(outcome.kind === "refused" && outcome.cause === "NO_ANSWER");
});

Deno.test("rekeyIke is answered if the test ends meanwhile, and refused afterwards", async () => {
  const { clock, network, client: { run }, spi } = world();
  network.loses = () => true;
  const waiting = run.rekeys.ikeSa(spi);
  const child = run.rekeys.child(run.sas.childSas(run.sas.ikeSas(1, 1)[0]!.spi)![0]!);
  run.stop(false);
  clock.pass(10);
  for (const outcome of [await waiting, await child]) {
    assert.ok(outcome.kind === "refused" && outcome.text.includes("ended"));
  }
  assert.deepEqual(await run.rekeys.ikeSa(spi), { kind: "not_established" });
});
