/** LastErrMsg while a test still runs, and events about CHILD_SAs. */
import assert from "node:assert/strict";
import { showSpi32, showSpi64 } from "@/base/bytes.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, rig } from "./rig.ts";

function world() {
  const clock = new FakeClock();
  return { clock, network: new FakeNetwork(clock) };
}

Deno.test("LastErrMsg says at once why an attempt failed, and is empty when the next one succeeds", () => {
  const { clock, network } = world();
  const config = { ...CONFIG, retransmitIntervalMs: 1_000, transmissionsMax: 2 };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }) });
  gateway.run.start();
  network.loses = () => clock.nowMs() < 5_000;
  client.run.start();
  clock.pass(1_900);
  assert.equal(client.run.summary().lastErrMsg, "");
  clock.pass(200);
  assert.match(client.run.summary().lastErrMsg, /^Tunnel 0 failed \(try 1 of 3\): No answer to /);
  clock.pass(10_000);
  assert.equal(client.run.summary().live, 1);
  assert.equal(client.run.summary().lastErrMsg, "");
});

/** A client that wants two CHILD_SAs, and a gateway that accepts both, or only the first. */
function twoChildren(gatewayTakesBoth: boolean) {
  const { clock, network } = world();
  const [child] = CONFIG.children;
  const other = { ...child!, encryption: [{ id: 20, keyBits: 256 }] };
  const children = [child!, other];
  const client = rig(network, clock, { plan: clientPlan(), config: { ...CONFIG, children } });
  const config = { ...CONFIG, children: gatewayTakesBoth ? children : [child!] };
  const gateway = rig(network, clock, { plan: gatewayPlan(), config });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  return { clock, client, gateway };
}

Deno.test("LastErrMsg names a refused second CHILD_SA as long as its tunnel exists", async () => {
  const { clock, client } = twoChildren(false);
  assert.equal(client.run.summary().live, 3);
  const words =
    /^Tunnel 0 lacks a CHILD_SA: Peer refused the CHILD_SA \(NO_PROPOSAL_CHOSEN\): offered /;
  assert.match(client.run.summary().lastErrMsg, words);
  // The tunnel is the same after the rekey of its IKE SA.
  const rekey = client.run.rekeys.ikeSa(client.run.sas.ikeSas(0, 0)[0]!.spi);
  clock.pass(1_000);
  assert.equal((await rekey).kind, "done");
  assert.match(client.run.summary().lastErrMsg, /^Tunnel [01] lacks a CHILD_SA/);
  client.run.stop(true);
  clock.pass(1_000);
  assert.equal((await client.run.finalResult).summary.lastErrMsg, "");
});

Deno.test("LastErrMsg is empty if both CHILD_SAs exist", () => {
  const { client } = twoChildren(true);
  assert.equal(client.run.summary().hasChild, 3);
  assert.equal(client.run.summary().lastErrMsg, "");
});

Deno.test("right after a rekey the list has the new CHILD_SA first, and the event names old and new", async () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 2 }) });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 2 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  const { spi } = client.run.sas.ikeSas(1, 1)[0]!;
  const [old] = client.run.sas.childSas(spi)!;
  const before = client.run.sas.childSa(old!)!;
  // The Delete of the old one is never answered: both stand there.
  network.loses = (octets) => octets[18] === 37;
  const rekeyed = client.run.rekeys.child(old!);
  clock.pass(100);
  assert.equal((await rekeyed).kind, "done");
  const [first, second] = client.run.sas.childSas(spi)!;
  const now = client.run.sas.childSa(first!)!;
  assert.deepEqual([second, now.state], [old, 2]);
  const pair = (own: number, peer: number) => `CHILD_SA ${showSpi32(own)}/${showSpi32(peer)}`;
  const words =
    `${pair(old!, before.peerSpi)} rekeyed: ${pair(first!, now.peerSpi)} now, tunnel 1; ` +
    `IKE SA ${showSpi64(spi)}/`;
  assert.ok(client.said(4).some((msg) => msg.startsWith(words)), client.said(4).join("\n"));
});

Deno.test("a client that has lost its last tunnel says why its test ends", async () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }) });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(500);
  gateway.run.stop(true);
  clock.pass(500);
  await client.run.finalResult;
  const said = client.said(3).filter((msg) => msg.startsWith("The test ends: no tunnel is live"));
  assert.equal(said.length, 1);
});
