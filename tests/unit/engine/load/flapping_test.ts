import assert from "node:assert/strict";
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
  type RiggedRun,
} from "../rig.ts";

const IKE_SA_INIT = 34;
const INFORMATIONAL = 37;
const SECOND = 1_000;

interface World {
  readonly clock: FakeClock;
  readonly network: FakeNetwork;
  readonly client: RiggedRun;
  readonly gateway: RiggedRun;
}

/** Five tunnels, of which the first `flapping` flap after 10 to 20 s. */
function world(flapping: number, part: Parameters<typeof clientPlan>[0] = {}): World {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const flap = { tunnels: flapping, minMs: 10 * SECOND, maxMs: 20 * SECOND };
  const config = { ...CONFIG, retransmitIntervalMs: SECOND, transmissionsMax: 2 };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 5, flap, ...part }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 5 }), config });
  gateway.run.start();
  client.run.start();
  clock.pass(100);
  return { clock, network, client, gateway };
}

Deno.test("some tunnels are closed and set up again and again, and the others stay established", () => {
  const { clock, client, gateway } = world(3);
  const standing = client.run.sas.ikeSas(0, 0).map((sa) => client.run.sas.ikeSa(sa.spi)!)
    .filter((sa) => sa.tunnel >= 3).map((sa) => sa.spi);
  let downSeen = 0;
  for (let second = 0; second < 600; second++) {
    clock.pass(SECOND);
    const { flapping, createdLive, live, createdTunnels, configured } = client.run.summary();
    // A Delete and a set-up take the time of the network.
    assert.equal(flapping + createdLive, configured);
    assert.ok(live >= 2 && flapping <= 3);
    assert.equal(createdTunnels, 5);
    downSeen = Math.max(downSeen, flapping);
  }
  const { flaps, rebuilds, established, failed, lost, retries } = client.run.figures();
  assert.ok(downSeen >= 2, `${downSeen} were down at a time`);
  // Ten minutes of pauses of 15 s on average, three tunnels, every other pause ends in a flap.
  assert.ok(flaps >= 45 && flaps <= 90, `${flaps} flaps`);
  assert.ok(flaps - rebuilds <= 3 && rebuilds <= flaps);
  assert.deepEqual([established, failed, lost, retries], [5, 0, 0, 0]);
  for (const spi of standing) {
    assert.equal(client.run.sas.ikeSa(spi)?.state, 3, "it was not to flap");
  }
  const theirs = gateway.run.figures();
  assert.deepEqual([theirs.established, theirs.failed, theirs.lost], [5, 0, 0]);
  assert.deepEqual([theirs.flaps, gateway.run.summary().flapping], [0, 0]);
  assert.equal(theirs.created, 5 + rebuilds);
  assert.equal(client.run.figures().setupMs!.samples, 5, "a rebuilt tunnel is no new one");
});

Deno.test("every pause before closing and before set-up is within its limits, and pauses differ", () => {
  const { clock, network } = world(1);
  const times: number[] = [];
  network.loses = (octets, path) => {
    if (path.ownAddress[3] !== 1 || path.ownAddress[0] !== 10) return false;
    if (isRequest(octets, INFORMATIONAL) || isRequest(octets, IKE_SA_INIT)) {
      times.push(clock.nowMs());
    }
    return false;
  };
  clock.pass(600 * SECOND);
  const pauses = times.slice(1).map((ms, i) => ms - times[i]!);
  assert.ok(pauses.length > 30);
  for (const ms of pauses) assert.ok(ms >= 10 * SECOND && ms < 20 * SECOND + 50, `${ms} ms`);
  assert.ok(Math.max(...pauses) - Math.min(...pauses) > 5 * SECOND);
});

Deno.test("a flap is a Delete, with close code 65545 here and a deleted tunnel there", () => {
  const { clock, client, gateway } = world(1);
  const codes = new Set<number>();
  const [first] = [...client.run.loop.endpoint.bySpi.values()];
  for (let i = 0; i < 210; i++) {
    clock.pass(100);
    if (first!.phase === "closed") codes.add(first!.closeCode);
  }
  assert.deepEqual([...codes], [65545]);
  assert.ok(client.said(4).some((msg) => /^Tunnel 0 flaps: closing IKE SA/.test(msg)));
  assert.ok(client.said(4).some((msg) => /^Tunnel 0 closed \(FLAPPED\)/.test(msg)));
  assert.ok(gateway.said(4).some((msg) => /closed \(DELETED_BY_PEER\)/.test(msg)));
  clock.pass(30 * SECOND);
  assert.ok(client.said(4).some((msg) => /^Tunnel 0 established again/.test(msg)));
});

Deno.test("a stop while tunnels are down: the test passes, and no tunnel is set up again", async () => {
  const { clock, network, client, gateway } = world(5);
  while (client.run.summary().flapping < 2) clock.pass(100);
  network.sent.length = 0;
  client.run.stop(true);
  clock.pass(60 * SECOND);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.failed, figures.lost, figures.deletesUnanswered], [0, 0, 0]);
  assert.equal(network.sent.filter(({ octets }) => isRequest(octets, IKE_SA_INIT)).length, 0);
  gateway.run.stop(true);
  assert.equal((await gateway.run.finalResult).result, RunResult.PASSED);
});

Deno.test("the test continues when all tunnels are down on purpose", () => {
  const { clock, client } = world(5, { flap: { tunnels: 5, minMs: 10_000, maxMs: 10_000 } });
  clock.pass(15 * SECOND);
  const { flapping, live, result } = client.run.summary();
  assert.deepEqual([flapping, live, result], [5, 0, RunResult.RUNNING]);
  clock.pass(10 * SECOND);
  assert.deepEqual([client.run.summary().flapping, client.run.summary().live], [0, 5]);
});

Deno.test("a tunnel that flapped and cannot be set up again is lost", async () => {
  const { clock, network, client } = world(1, { tunnels: 1, triesMax: 2, retryIntervalMs: SECOND });
  while (client.run.summary().flapping < 1) clock.pass(100);
  network.loses = () => true;
  clock.pass(60 * SECOND);
  const { result, figures, summary } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual([figures.lost, figures.failed, figures.established], [1, 1, 1]);
  assert.equal(summary.flapping, 0);
  assert.match(summary.lastErrMsg, /Tunnel 0 failed \(try 2 of 2\).*it had flapped/);
});

Deno.test("a Delete of a flap that nobody answers is no loss", () => {
  const { clock, network, client } = world(1);
  network.loses = (octets, path) =>
    isRequest(octets, INFORMATIONAL) && path.ownAddress[3] === 1 && path.ownAddress[0] === 10;
  clock.pass(60 * SECOND);
  const { flaps, rebuilds, lost, failed } = client.run.figures();
  assert.ok(flaps >= 1 && rebuilds >= 1);
  assert.deepEqual([lost, failed], [0, 0]);
});

Deno.test("a rekeyed tunnel flaps as well", () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const config = { ...CONFIG, ikeLifetimeMs: 8 * SECOND, marginMs: SECOND };
  const flap = { tunnels: 1, minMs: 20 * SECOND, maxMs: 20 * SECOND };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1, flap }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(19 * SECOND);
  assert.equal(client.run.figures().ikeRekeys, 2);
  clock.pass(2 * SECOND);
  assert.deepEqual([client.run.summary().flapping, client.run.summary().live], [1, 0]);
  assert.equal(client.run.figures().lost, 0);
});

Deno.test("a peer vanishes: state dpd, lost by the liveness check, tried again, and established when the peer is back", async () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const quick = { ...CONFIG, retransmitIntervalMs: SECOND, transmissionsMax: 3 };
  const config = { ...quick, livenessIntervalMs: 5 * SECOND };
  const plan = clientPlan({ tunnels: 1, triesMax: 3, retryIntervalMs: 4 * SECOND });
  const client = rig(network, clock, { plan, config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }), config: quick });
  gateway.run.start();
  client.run.start();
  clock.pass(SECOND);
  const [sa] = [...client.run.loop.endpoint.bySpi.values()];
  network.loses = () => true;
  clock.pass(5 * SECOND);
  assert.equal(client.run.summary().ikeSasByState[9], 1);
  assert.deepEqual([client.run.summary().live, client.run.figures().lost], [1, 0]);
  clock.pass(3 * SECOND);
  assert.deepEqual([sa!.closeCode, client.run.figures().lost], [65541, 1]);
  assert.match(client.said(2)[0]!, /^Tunnel 0 lost: No answer to INFORMATIONAL after 3 trans/);
  assert.match(client.said(3).at(-1)!, /^Tunnel 0 was lost; next try in 4s/);
  // The next try gets no answer either; the one after that is answered.
  clock.pass(8 * SECOND);
  assert.deepEqual([client.run.figures().retries, client.run.summary().live], [1, 0]);
  network.loses = () => false;
  clock.pass(4 * SECOND);
  const { live, createdLive, createdTunnels } = client.run.summary();
  assert.deepEqual([live, createdLive, createdTunnels], [1, 1, 1]);
  client.run.stop(true);
  clock.pass(SECOND);
  const { result, figures, summary } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED, "a tunnel was lost, though it came back");
  assert.deepEqual([figures.lost, figures.failed], [1, 1]);
  assert.match(summary.lastErrMsg, /Tunnel 0 lost/);
});

Deno.test("a lost tunnel has tunnelmaxretry attempts, then the test ends", async () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const config = {
    ...CONFIG,
    retransmitIntervalMs: SECOND,
    transmissionsMax: 2,
    livenessIntervalMs: 5 * SECOND,
  };
  const plan = clientPlan({ tunnels: 1, triesMax: 2, retryIntervalMs: 4 * SECOND });
  const client = rig(network, clock, { plan, config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }), env: fakeEnv(3) });
  gateway.run.start();
  client.run.start();
  clock.pass(SECOND);
  network.loses = () => true;
  network.sent.length = 0;
  clock.pass(60 * SECOND);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual([figures.lost, figures.failed, figures.retries], [1, 1, 1]);
  const inits = network.sent.filter(({ octets }) => isRequest(octets, IKE_SA_INIT));
  assert.equal(inits.length, 2 * 2, "two tries of two transmissions");
  assert.ok(client.said(2).some((msg) => /try 2 of 2.*it had been lost before/.test(msg)));
});

Deno.test("abortonerr: the first lost tunnel ends the test", async () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const config = { ...CONFIG, retransmitIntervalMs: SECOND, transmissionsMax: 2 };
  const plan = clientPlan({ tunnels: 2, abortOnError: true });
  const client = rig(network, clock, {
    plan,
    config: { ...config, livenessIntervalMs: 5 * SECOND },
  });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 2 }), config });
  gateway.run.start();
  client.run.start();
  clock.pass(SECOND);
  network.loses = (_, path) => path.ownAddress[3] === 2;
  clock.pass(20 * SECOND);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.equal(figures.failures[0]?.cause, "LIVENESS_FAILED");
  assert.deepEqual([figures.lost, gateway.run.summary().live], [1, 1]);
});
