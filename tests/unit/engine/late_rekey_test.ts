import assert from "node:assert/strict";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, isRequest, rig } from "./rig.ts";

const CREATE_CHILD_SA = 36;
const SECOND = 1_000;

/** A client whose margin is so short that a lifetime ends while its rekey is under way. */
function world(part: { readonly ikeSec?: number; readonly childSec?: number }) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const quick = { ...CONFIG, retransmitIntervalMs: SECOND, transmissionsMax: 3 };
  const { ikeSec = 0, childSec = 0 } = part;
  const config = {
    ...quick,
    marginMs: 1,
    ikeLifetimeMs: ikeSec * SECOND,
    children: quick.children.map((child) => ({ ...child, lifetimeMs: childSec * SECOND })),
  };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 3 }), config });
  const gateway = rig(network, clock, {
    plan: gatewayPlan(),
    config: { ...quick, transmissionsMax: 100 },
  });
  gateway.run.start();
  client.run.start();
  clock.pass(100);
  return { clock, network, client, gateway };
}

Deno.test("a lifetime that ends before the response to its rekey arrives loses no tunnel", () => {
  for (const part of [{ childSec: 10 }, { ikeSec: 10 }, { childSec: 10, ikeSec: 10 }]) {
    const { clock, client, gateway } = world(part);
    clock.pass(95 * SECOND);
    const { lost, ikeRekeys, childRekeys } = client.run.figures();
    assert.deepEqual([lost, client.run.summary().live, gateway.run.summary().live], [0, 3, 3]);
    const expected = 3 * 9;
    if (part.ikeSec) assert.equal(ikeRekeys, expected);
    if (part.childSec) assert.equal(childRekeys, expected);
  }
});

Deno.test("a lifetime that ends while its rekey is not answered ends the tunnel", () => {
  for (const part of [{ childSec: 10 }, { ikeSec: 10 }]) {
    const { clock, network, client } = world(part);
    network.loses = (octets) => isRequest(octets, CREATE_CHILD_SA);
    clock.pass(14 * SECOND);
    assert.equal(client.run.figures().lost, 3);
  }
});

Deno.test("a rekey postponed by TEMPORARY_FAILURE may follow the lifetime, but only for a limited time", () => {
  for (const forEver of [false, true]) {
    const { clock, network, client, gateway } = world({ ikeSec: 10 });
    clock.pass(9.5 * SECOND);
    // The gateway is busy with CHILD_SAs: its requests are lost, once or always.
    network.loses = (octets, path) =>
      path.ownAddress[1] === 9 && isRequest(octets, CREATE_CHILD_SA) &&
      (forEver || clock.nowMs() < 11_000);
    for (const { spi } of gateway.run.sas.ikeSas(0, 0)) {
      gateway.run.rekeys.child(gateway.run.sas.childSas(spi)![0]!);
    }
    clock.pass(1.5 * SECOND);
    assert.deepEqual([client.run.figures().ikeRekeys, client.run.figures().lost], [0, 0]);
    clock.pass(3 * SECOND);
    if (!forEver) {
      assert.deepEqual([client.run.figures().ikeRekeys, client.run.figures().lost], [3, 0]);
      continue;
    }
    assert.equal(client.run.figures().ikeRekeys, 0);
    clock.pass(9 * SECOND);
    assert.equal(client.run.figures().lost, 3);
  }
});
