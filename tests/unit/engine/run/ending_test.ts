import assert from "node:assert/strict";
import { showAddress } from "@/base/address.ts";
import { SystemError } from "@/base/errors.ts";
import { RunResult } from "@/engine/show/view.ts";
import {
  clientPlan,
  CONFIG,
  FakeClock,
  fakeEnv,
  FakeNetwork,
  gatewayPlan,
  isRequest,
  rig,
} from "../rig.ts";

const INFORMATIONAL = 37;

function world() {
  const clock = new FakeClock();
  return { clock, network: new FakeNetwork(clock) };
}

Deno.test("abortonerr ends the test at the first failed tunnel, and closes the others", async () => {
  const { clock, network } = world();
  const config = { ...CONFIG, retransmitIntervalMs: 1_000, transmissionsMax: 2 };
  const plan = clientPlan({ tunnels: 5, triesMax: 1, abortOnError: true });
  const client = rig(network, clock, { plan, config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 5 }) });
  gateway.run.start();
  network.loses = (_, path) => path.ownAddress[3] === 3;
  client.run.start();
  clock.pass(4_000);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual([figures.established, figures.failed], [4, 1]);
  assert.equal(gateway.run.summary().live, 0);
});

Deno.test("the running time ends a complete client with passed, an incomplete one with failed", async () => {
  for (const [runningTimeMs, expected] of [[2_000, RunResult.PASSED], [150, RunResult.FAILED]]) {
    const { clock, network } = world();
    const plan = clientPlan({ tunnels: 3, setupIntervalMs: 100, runningTimeMs: runningTimeMs! });
    const client = rig(network, clock, { plan });
    const gateway = rig(network, clock, { plan: gatewayPlan() });
    gateway.run.start();
    client.run.start();
    assert.equal(client.run.figures().timeLeftMs, runningTimeMs);
    clock.pass(12_000);
    const { result, summary } = await client.run.finalResult;
    assert.equal(result, expected);
    assert.equal(summary.testEndEpochMs! - summary.startEpochMs, runningTimeMs);
    assert.ok(summary.actualEndEpochMs! - summary.testEndEpochMs! < 100);
    if (expected === RunResult.FAILED) assert.match(summary.lastErrMsg, /2 of 3 tunnels/);
  }
});

Deno.test("stopped before its end, with nothing failed: stopped", async () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ runningTimeMs: 60_000 }) });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 4 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  client.run.stop(true);
  clock.pass(100);
  gateway.run.stop(true);
  clock.pass(100);
  assert.equal((await client.run.finalResult).result, RunResult.STOPPED);
  // One tunnel is missing at the gateway, but nothing failed there.
  assert.equal((await gateway.run.finalResult).result, RunResult.STOPPED);
});

Deno.test("stopped while a tunnel waits for its next attempt: failed, with the reason", async () => {
  const { clock, network } = world();
  const config = { ...CONFIG, retransmitIntervalMs: 1_000, transmissionsMax: 2 };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }), config });
  client.run.start();
  clock.pass(5_000);
  client.run.stop(true);
  clock.pass(100);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.equal(figures.failures[0]?.cause, "NO_ANSWER");
});

Deno.test("a graceful end without answers takes at most 10 s and counts the Deletes", async () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 300 }) });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 300 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  assert.equal(client.run.summary().live, 300);
  network.loses = () => true;
  network.sent.length = 0;
  client.run.stop(true);
  clock.pass(9_100);
  // All Deletes were sent although none was answered.
  const told = network.sent.filter(({ octets }) => isRequest(octets, INFORMATIONAL));
  assert.equal(new Set(told.map(({ path }) => showAddress(path.ownAddress))).size, 300);
  assert.equal(client.run.summary().result, RunResult.RUNNING);
  clock.pass(900);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.equal(figures.deletesUnanswered, 300);
  assert.match(client.said(3).at(-1)!, /300 of 300 deletes went unanswered/);
});

Deno.test("the end goes on while answers come, each Delete repeated after 2 s, and tells every peer", async () => {
  const { clock, network } = world();
  const plan = clientPlan({ tunnels: 400, halfOpenMax: 400, stopTimeoutMs: 3_000 });
  const client = rig(network, clock, { plan });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 400 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(4_000);
  assert.equal(client.run.summary().live, 400);
  const deletes = new Map<string, number[]>();
  // Of 20 Deletes one is lost once, and one twice: 38 of the 400 addresses are such.
  network.loses = (octets, path) => {
    if (!isRequest(octets, INFORMATIONAL)) return false;
    const times = deletes.get(showAddress(path.ownAddress)) ?? [];
    deletes.set(showAddress(path.ownAddress), [...times, clock.nowMs()]);
    return times.length < Math.max(0, path.ownAddress[3]! % 20 - 17);
  };
  client.run.stop(true);
  assert.ok(deletes.size < 64, `${deletes.size} at once`);
  clock.pass(4_900);
  const { figures } = await client.run.finalResult;
  assert.equal(figures.deletesUnanswered, 0);
  assert.equal(gateway.run.summary().live, 0);
  const repeated = [...deletes.values()].filter(({ length }) => length > 1);
  assert.equal(repeated.length, 38);
  assert.ok(repeated.every(([first, second]) => Math.abs(second! - first! - 2_000) < 100));
});

Deno.test("a graceful end is complete when all transmissions of every Delete were made", async () => {
  const { clock, network } = world();
  const config = { ...CONFIG, retransmitIntervalMs: 1_000, transmissionsMax: 2 };
  const client = rig(network, clock, { plan: clientPlan(), config });
  const gateway = rig(network, clock, { plan: gatewayPlan() });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  network.loses = (_, path) => path.ownAddress[3] === 2;
  client.run.stop(true);
  clock.pass(2_100);
  const { figures, summary } = await client.run.finalResult;
  assert.equal(figures.deletesUnanswered, 1);
  assert.ok(summary.actualEndEpochMs! - summary.startEpochMs < 3_200);
});

Deno.test("a second stop, or one that is not graceful, ends at once", async () => {
  for (const first of [true, false]) {
    const { clock, network } = world();
    const client = rig(network, clock, { plan: clientPlan() });
    const gateway = rig(network, clock, { plan: gatewayPlan() });
    gateway.run.start();
    client.run.start();
    clock.pass(1_000);
    network.loses = () => true;
    client.run.stop(first);
    if (first) client.run.stop(true);
    const { figures } = await client.run.finalResult;
    assert.equal(figures.deletesUnanswered, first ? 3 : undefined);
  }
});

Deno.test("a gateway that ends accepts no new peers", () => {
  const { clock, network } = world();
  const gateway = rig(network, clock, { plan: gatewayPlan() });
  const client = rig(network, clock, { plan: clientPlan() });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  network.loses = (octets) => isRequest(octets, INFORMATIONAL);
  gateway.run.stop(true);
  const late = rig(network, clock, { plan: clientPlan({ tunnels: 1 }), env: fakeEnv(9) });
  late.run.start();
  clock.pass(1_000);
  assert.equal(gateway.run.figures().created, 3);
});

Deno.test("a failing socket ends the run at once, with its error", async () => {
  const { clock, network } = world();
  const gateway = rig(network, clock, { plan: gatewayPlan() });
  gateway.run.start();
  network.fail("10.9.", new SystemError("Cannot receive at 10.9.0.1:500", "recvmmsg", "ENETDOWN"));
  const { result, summary } = await gateway.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.equal(summary.lastErrMsg, "Cannot receive at 10.9.0.1:500");
});

Deno.test("an internal error ends the run at once, and is reported as one", async () => {
  const { clock, network } = world();
  const hooks = {
    ikeKeyed: () => {
      throw new Error("recorder broke");
    },
  };
  const client = rig(network, clock, { plan: clientPlan(), hooks });
  const gateway = rig(network, clock, { plan: gatewayPlan() });
  gateway.run.start();
  client.run.start();
  clock.pass(100);
  const { result, summary } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.equal(summary.lastErrMsg, "Internal error: recorder broke");
  assert.match(client.said(1)[0]!, /ending_test\.ts/);
});
