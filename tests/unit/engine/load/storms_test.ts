/**
 * Storms: many tunnels rekey at once, or go down and come back, on simulated time and over sockets.
 * @module
 */
import assert from "node:assert/strict";
import type { StormPlan } from "@/engine/run/plan.ts";
import { RunResult } from "@/engine/show/view.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, isRequest, rig } from "../rig.ts";
import { clientOf, gatewayAt, stopped, until } from "../two_runs.ts";

const IKE_SA_INIT = 34;
const CREATE_CHILD_SA = 36;
const INFORMATIONAL = 37;
const SECOND = 1_000;

const storm = (kind: StormPlan["kind"], part: Partial<StormPlan> = {}): StormPlan => ({
  kind,
  afterMs: 5 * SECOND,
  tunnels: Infinity,
  spreadMs: 0,
  count: 1,
  everyMs: 0,
  ...part,
});

/** Both ends with their storms, after all tunnels are up. */
function world(
  ours: readonly StormPlan[],
  theirs: readonly StormPlan[] = [],
  part: Parameters<typeof clientPlan>[0] = {},
) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const tunnels = part.tunnels ?? 40;
  const config = { ...CONFIG, retransmitIntervalMs: SECOND, transmissionsMax: 2 };
  const client = rig(network, clock, {
    plan: clientPlan({ storms: ours, ...part, tunnels }),
    config,
  });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels, storms: theirs }), config });
  gateway.run.start();
  client.run.start();
  clock.pass(SECOND);
  assert.equal(client.run.figures().established, tunnels);
  network.sent.length = 0;
  const requests = (exchange: number) =>
    network.sent.filter(({ octets }) => isRequest(octets, exchange)).length;
  return { clock, network, client, gateway, requests };
}

Deno.test("a rekey storm replaces all IKE SAs at once, and another one all CHILD_SAs", () => {
  const { clock, client, gateway, requests } = world([
    storm("rekey-ike"),
    storm("rekey-child", { afterMs: 8 * SECOND }),
  ]);
  clock.pass(3_900);
  assert.equal(requests(CREATE_CHILD_SA), 0, "nothing before its time");
  clock.pass(200);
  assert.equal(requests(CREATE_CHILD_SA), 40);
  clock.pass(SECOND);
  assert.deepEqual([client.run.figures().ikeRekeys, gateway.run.figures().ikeRekeys], [40, 40]);
  clock.pass(3 * SECOND);
  const { storms, childRekeys, createChildMs, failed, lost } = client.run.figures();
  assert.deepEqual([childRekeys, createChildMs!.samples, failed, lost], [40, 80, 0, 0]);
  assert.deepEqual(
    storms.map(({ kind, tunnels, done, failed }) => [kind, tunnels, done, failed]),
    [["rekey-ike", 40, 40, 0], ["rekey-child", 40, 40, 0]],
  );
  // All were due at the same time, some milliseconds after the last tunnel was up.
  assert.ok(Math.abs(storms[0]!.atMs! - 5_000) < 50, `${storms[0]!.atMs} ms`);
  assert.ok(storms[0]!.latencyMs!.samples === 40 && storms[0]!.latencyMs!.max < 200);
});

Deno.test("a storm that is spread begins evenly, one that repeats comes again, and some tunnels stay out", () => {
  const { clock, client, requests } = world([
    storm("rekey-child", { tunnels: 10, spreadMs: 10 * SECOND, count: 2, everyMs: 20 * SECOND }),
  ]);
  const seen: number[] = [];
  clock.pass(4_100);
  for (let second = 0; second < 10; second++) {
    seen.push(requests(CREATE_CHILD_SA));
    clock.pass(SECOND);
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  clock.pass(20 * SECOND);
  assert.equal(requests(CREATE_CHILD_SA), 20);
  assert.deepEqual(client.run.figures().storms.map(({ done }) => done), [10, 10]);
  const { storms } = client.run.figures();
  assert.equal(Math.round(storms[1]!.atMs! - storms[0]!.atMs!), 20_000);
  assert.ok(storms[0]!.latencyMs!.max < 100, "each is measured from when it was due itself");
});

Deno.test("both ends rekey at once: the rekeys cross, and every tunnel is left with one SA", () => {
  const both = [storm("rekey-child"), storm("rekey-ike", { afterMs: 10 * SECOND })];
  const { clock, client, gateway } = world(both, both, { tunnels: 100 });
  clock.pass(30 * SECOND);
  const ours = client.run.figures();
  const theirs = gateway.run.figures();
  for (const { crossedRekeys, storms, lost, failed } of [ours, theirs]) {
    assert.ok(crossedRekeys.child >= 50, `${crossedRekeys.child} CHILD_SAs crossed`);
    assert.ok(crossedRekeys.ike >= 50, `${crossedRekeys.ike} IKE SAs crossed`);
    assert.deepEqual([lost, failed], [0, 0]);
    for (const { tunnels, done } of storms) assert.equal(done, tunnels);
  }
  const { live, hasChild, ikeSasTotal } = client.run.summary();
  assert.deepEqual([live, hasChild, ikeSasTotal], [100, 100, 100]);
  for (const sa of client.run.loop.endpoint.bySpi.values()) assert.equal(sa.children.length, 1);
});

Deno.test("a reconnect storm deletes and sets up all tunnels again; one that drops sends no Delete", () => {
  const { clock, client, gateway, requests } = world([
    storm("reconnect"),
    storm("drop", { afterMs: 20 * SECOND, tunnels: 7 }),
  ]);
  clock.pass(10 * SECOND);
  assert.deepEqual([requests(INFORMATIONAL), requests(IKE_SA_INIT)], [40, 40]);
  assert.deepEqual([client.run.summary().live, gateway.run.summary().live], [40, 40]);
  clock.pass(15 * SECOND);
  assert.deepEqual([requests(INFORMATIONAL), requests(IKE_SA_INIT)], [40, 47]);
  const { storms, established, lost, failed, setupAgainMs, flaps, rebuilds } = client.run.figures();
  assert.deepEqual([established, lost, failed], [40, 0, 0]);
  assert.deepEqual([setupAgainMs!.samples, flaps, rebuilds], [47, 47, 47]);
  assert.deepEqual(storms.map(({ tunnels, done }) => [tunnels, done]), [[40, 40], [7, 7]]);
  assert.deepEqual(client.run.summary().flapping, 0);
});

Deno.test("a tunnel that does not come back after its storm is lost, and has failed in the storm", async () => {
  const { clock, network, client } = world([storm("drop", { tunnels: 2 })], [], {
    triesMax: 2,
    retryIntervalMs: SECOND,
    tunnels: 4,
  });
  clock.pass(3_500);
  network.loses = (_, path) => path.ownAddress[1] === 1 && path.ownAddress[3] === 1;
  clock.pass(20 * SECOND);
  const { storms, lost } = client.run.figures();
  assert.deepEqual([storms[0]!.tunnels, storms[0]!.done, storms[0]!.failed, lost], [2, 1, 1, 1]);
  client.run.stop(true);
  clock.pass(20 * SECOND);
  assert.equal((await client.run.finalResult).result, RunResult.FAILED);
});

Deno.test("storms that the end cuts off are reported", () => {
  const { clock, client } = world([storm("drop"), storm("rekey-ike", { afterMs: 60 * SECOND })]);
  clock.pass(4_050);
  client.run.stop(false);
  const said = client.said(3);
  assert.ok(said.some((line) => line.startsWith("The test ended before 1 of its storms began")));
  assert.equal(client.run.figures().storms[1]!.atMs, undefined);
});

Deno.test("over sockets tunnels reconnect in a storm, and are resumed by their tickets", async () => {
  const gateway = gatewayAt("127.0.0.72", { resume: "allow" }, { numberoftunnels: 5 });
  const one = { kind: "drop", after: 100, tunnels: -1, spread: 0, count: 1, every: 0 } as const;
  const stages = [{ rate: 0, ramp: 0, hold: 0 }];
  const loadconf = {
    arrival: "regular",
    burst: 1,
    seed: 1,
    soak: 0,
    dhreuse: 1,
    keypool: 0,
    stages,
    storms: [one],
  } as const;
  const client = clientOf(gateway, "127.0.0.72", { resume: "allow" }, {
    numberoftunnels: 5,
    loadconf,
  });
  await until(() => client.run.figures().storms[0]!.done === 5);
  const { resumptions, lost } = client.run.figures();
  assert.deepEqual([resumptions, lost], [5, 0]);
  const { result } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  await stopped(gateway);
});
