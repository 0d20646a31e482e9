import assert from "node:assert/strict";
import { callersChanged } from "@/native/iterations.ts";
import { bothByPsk } from "@/ike/auth/psk.ts";
import { showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import type { ChildSaDump, IkeSaDump } from "@/engine/show/view.ts";
import { RunResult } from "@/engine/show/view.ts";
import { parseThreshold } from "@/setup/threshold.ts";
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

const IKE_SA_INIT = 34;
const IKE_AUTH = 35;

function world() {
  const clock = new FakeClock();
  return { clock, network: new FakeNetwork(clock) };
}

Deno.test("client and gateway establish all tunnels, and both pass when stopped", async () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 20 }) });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 20 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  for (const { run } of [client, gateway]) {
    const { live, hasChild, createdTunnels, createdLive, ikeSasByState, result } = run.summary();
    assert.deepEqual([live, hasChild, createdTunnels, createdLive], [20, 20, 20, 20]);
    assert.equal(ikeSasByState[3], 20);
    assert.equal(result, RunResult.RUNNING);
    assert.equal(run.figures().retransmissions, 0);
  }
  client.run.stop(true);
  clock.pass(1_000);
  const { live, createdTunnels, createdLive } = gateway.run.summary();
  assert.deepEqual([live, createdTunnels, createdLive], [0, 20, 0]);
  gateway.run.stop(true);
  clock.pass(1_000);
  const ended = await client.run.finalResult;
  assert.equal(ended.result, RunResult.PASSED);
  assert.equal(ended.figures.deletesUnanswered, 0);
  assert.equal((await gateway.run.finalResult).result, RunResult.PASSED);
  assert.deepEqual(client.said(3), []);
});

Deno.test("tunnel i dials from the first address + i, at the interval", () => {
  const { clock, network } = world();
  const plan = clientPlan({ tunnels: 4, setupIntervalMs: 100, addressStep: 2 });
  const client = rig(network, clock, { plan });
  const begun: [string, number][] = [];
  network.loses = (_, path) => (begun.push([showAddress(path.ownAddress), clock.nowMs()]), true);
  client.run.start();
  clock.pass(1_000);
  const addresses = begun.map(([address]) => address);
  assert.deepEqual(addresses, ["10.1.0.1", "10.1.0.3", "10.1.0.5", "10.1.0.7"]);
  const times = begun.map(([, ms]) => ms - begun[0]![1]);
  assert.deepEqual(times, [0, 100, 200, 300]);
});

Deno.test("an interval below the tick of the timer wheel is kept on average", () => {
  const { clock, network } = world();
  const plan = clientPlan({ tunnels: 400, setupIntervalMs: 1, halfOpenMax: 400 });
  const client = rig(network, clock, { plan });
  network.loses = () => true;
  client.run.start();
  clock.pass(100);
  const { created } = client.run.figures();
  assert.ok(created >= 90 && created <= 101, `${created} tunnels in 100 ms`);
  // A second in which nothing could be done: a tenth of it is caught up with.
  clock.busy(1_000);
  clock.pass(10);
  const more = client.run.figures().created - created;
  assert.ok(more >= 100 && more <= 115, `${more} tunnels`);
});

Deno.test("tunnels are dialled some at a time, so that others have their turn in between", () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 200, halfOpenMax: 200 }) });
  network.loses = () => true;
  let turns = 0;
  const after = clock.after.bind(clock);
  clock.after = (delayMs, ring) => after(delayMs, () => (turns++, ring()));
  client.run.start();
  assert.equal(client.run.figures().created, 32);
  clock.pass(0);
  assert.equal(client.run.figures().created, 200);
  assert.ok(turns >= 6, `${turns} turns`);
});

Deno.test("at most halfOpenMax tunnels are set up at the same time", () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 50, halfOpenMax: 8 }) });
  network.loses = () => true;
  client.run.start();
  clock.pass(9_000);
  assert.equal(network.sent.length, 8);
  assert.equal(client.run.figures().halfOpen, 8);
  assert.equal(client.run.figures().created, 8);
});

Deno.test("tunnels that had to wait are late from when they were due, not from their first message", () => {
  const { clock, network } = world();
  const config = { ...CONFIG, retransmitIntervalMs: 1_000 };
  const plan = clientPlan({ tunnels: 3, setupIntervalMs: 10, halfOpenMax: 1 });
  const client = rig(network, clock, { plan, config });
  const gateway = rig(network, clock, { plan: gatewayPlan() });
  let lost = 0;
  network.loses = () => lost++ === 0;
  gateway.run.start();
  client.run.start();
  clock.pass(2_000);
  const { setupMs, setupFromDueMs } = client.run.figures();
  assert.ok(setupMs!.p50 < 100, `${setupMs!.p50}`);
  assert.ok(setupFromDueMs!.p50 > 900 && setupFromDueMs!.samples === 3, `${setupFromDueMs!.p50}`);
});

Deno.test("a broken threshold fails a test whose tunnels are all up, and ends it if wanted", async () => {
  for (const abortOnFail of [false, true]) {
    const { clock, network } = world();
    const thresholds = ["failed < 1", "max(setup) < 1ms"].map((text) => parseThreshold(text)!);
    const plan = clientPlan({ tunnels: 3, thresholds, abortOnFail });
    const client = rig(network, clock, { plan });
    const gateway = rig(network, clock, { plan: gatewayPlan() });
    gateway.run.start();
    client.run.start();
    clock.pass(1_500);
    assert.equal(client.run.summary().result, abortOnFail ? RunResult.FAILED : RunResult.RUNNING);
    client.run.stop(true);
    clock.pass(100);
    const { result, figures, summary } = await client.run.finalResult;
    assert.equal(result, RunResult.FAILED);
    assert.deepEqual(figures.thresholds.verdicts.map(({ held }) => held), [true, false]);
    assert.match(summary.lastErrMsg, /^Threshold max\(setup\) < 1ms: broken, \d/);
    assert.equal(figures.established, 3);
  }
});

Deno.test("without an answer all attempts are made, and the test ends and names the peer", async () => {
  const { clock, network } = world();
  const plan = clientPlan({ tunnels: 2, triesMax: 2, retryIntervalMs: 5_000 });
  const config = { ...CONFIG, retransmitIntervalMs: 1_000, transmissionsMax: 3 };
  const client = rig(network, clock, { plan, config });
  client.run.start();
  // Two tries of three transmissions, a second each, five seconds between.
  clock.pass(10_900);
  assert.equal(client.run.summary().result, RunResult.RUNNING);
  clock.pass(200);
  const { result, figures, summary } = await client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual([figures.failed, figures.retries, figures.established], [2, 2, 0]);
  assert.equal(figures.retransmissions, 8);
  assert.equal(figures.failures[0]?.cause, "NO_ANSWER");
  assert.equal(figures.failures[0]?.count, 2);
  assert.match(
    summary.lastErrMsg,
    /Tunnel 0 failed \(try 2 of 2\): .*3 transmissions.*10\.9\.0\.1/,
  );
  assert.deepEqual([figures.setupMs, figures.ikeSaInitMs, figures.setupRate], [
    undefined,
    undefined,
    undefined,
  ]);
  assert.equal(figures.cpuMsPerTunnel, undefined);
  assert.ok(summary.createDurationMs! > 10_000);
});

Deno.test("a tunnel whose second attempt succeeds is no failure", async () => {
  const { clock, network } = world();
  const config = { ...CONFIG, retransmitIntervalMs: 1_000, transmissionsMax: 2 };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }) });
  gateway.run.start();
  network.loses = () => clock.nowMs() < 5_000;
  client.run.start();
  clock.pass(20_000);
  client.run.stop(true);
  clock.pass(1_000);
  const { result, figures, summary } = await client.run.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.failed, figures.retries], [0, 1]);
  assert.equal(summary.lastErrMsg, "");
  assert.match(client.said(3)[0]!, /Tunnel 0 failed \(try 1 of 3\).*next try in 10s/);
});

Deno.test("a wrong psk fails the client's tunnel; the gateway counts a stranger, which is named at the end", async () => {
  const { clock, network } = world();
  const config = {
    ...CONFIG,
    auth: bothByPsk("another"),
  };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1, triesMax: 1 }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1, runningTimeMs: 5_000 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(6_000);
  const ours = await client.run.finalResult;
  const theirs = await gateway.run.finalResult;
  assert.equal(ours.result, RunResult.FAILED);
  assert.equal(theirs.result, RunResult.FAILED);
  assert.equal(ours.figures.failures[0]?.cause, "AUTHENTICATION_FAILED");
  assert.deepEqual([theirs.figures.failed, theirs.figures.failures], [0, []]);
  assert.deepEqual(theirs.figures.strangers.map(({ cause, count }) => [cause, count]), [
    ["AUTHENTICATION_FAILED", 1],
  ]);
  assert.match(
    theirs.summary.lastErrMsg,
    /^0 of 1 expected tunnels established; 1 peer did not authenticate by AUTHENTICATION_FAILED, .*10\.1\.0\.1:500.*pre-shared key/,
  );
  for (const { said } of [client, gateway]) {
    assert.ok(said(4).every((msg) => !msg.includes("another") && !msg.includes("a shared secret")));
  }
});

for (const [callers, each] of [[0, 2], [1, 1]] as const) {
  Deno.test(`work that takes its whole slice continues after sockets were read, with ${callers} callers`, () => {
    const { clock, network } = world();
    const env = fakeEnv(5);
    const crypto = {
      ...env.crypto,
      keyExchange: (group: number) => {
        const exchange = env.crypto.keyExchange(group)!;
        return { ...exchange, generate: () => (clock.busy(8), exchange.generate()) };
      },
    };
    const plan = clientPlan({ tunnels: 20 });
    const client = rig(network, clock, { plan, env: { ...env, crypto } });
    network.loses = () => true;
    if (callers > 0) callersChanged(1);
    try {
      client.run.start();
      // A slice takes so many of twenty jobs of 8 ms each; the others wait for the next.
      assert.equal(network.sent.length, each);
      clock.pass(0);
      assert.equal(network.sent.length, 2 * each);
      clock.pass(200);
      assert.equal(network.sent.length, 20);
    } finally {
      if (callers > 0) callersChanged(-1);
    }
  });
}

Deno.test("creation ends with the last expected tunnel, whatever comes after", () => {
  const { clock, network } = world();
  const plan = clientPlan({ tunnels: 4, setupIntervalMs: 100 });
  const client = rig(network, clock, { plan });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 2 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  const { createDurationMs, createdTunnels } = gateway.run.summary();
  assert.equal(createdTunnels, 4);
  assert.ok(createDurationMs! > 90 && createDurationMs! < 120, `${createDurationMs}`);
});

Deno.test("tunnels the gateway deletes are lost to a client, closed to the gateway", async () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan() });
  const gateway = rig(network, clock, { plan: gatewayPlan() });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  gateway.run.stop(true);
  clock.pass(1_000);
  // No tunnel is live and no try left: the client ends by itself.
  const ours = await client.run.finalResult;
  assert.equal(ours.result, RunResult.FAILED);
  assert.deepEqual([ours.figures.lost, ours.figures.established], [3, 3]);
  assert.equal(ours.figures.failures[0]?.cause, "DELETED_BY_PEER");
  assert.match(ours.summary.lastErrMsg, /Tunnel 0 lost: .*deleted/);
  assert.equal((await gateway.run.finalResult).result, RunResult.PASSED);
});

Deno.test("an identity that returns is the same tunnel if its earlier IKE SA has ended", () => {
  // The old IKE SA is ended by the client's Delete, by its INITIAL_CONTACT, or not at all: then there is one
  // more tunnel.
  for (
    const [initialContact, graceful] of [[false, true], [true, false], [false, false]] as const
  ) {
    const { clock, network } = world();
    const same = initialContact || graceful;
    const config = { ...CONFIG, initialContact };
    const gateway = rig(network, clock, { plan: gatewayPlan() });
    gateway.run.start();
    const first = rig(network, clock, { plan: clientPlan({ tunnels: 2 }), config });
    first.run.start();
    clock.pass(500);
    first.run.stop(graceful);
    clock.pass(500);
    const env = fakeEnv(77);
    const plan = clientPlan({ tunnels: 2, ownPort: 501 });
    const second = rig(network, clock, { plan, config, env });
    second.run.start();
    clock.pass(500);
    const { createdTunnels, createdLive, live } = gateway.run.summary();
    const expected = same ? 2 : 4;
    assert.deepEqual([createdTunnels, createdLive, live], [expected, expected, expected]);
    assert.equal(gateway.run.figures().created, 4);
    assert.equal(gateway.run.figures().lost, 0);
  }
});

Deno.test("lists are in the order of creation, also after some SAs have ended", () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 10, setupIntervalMs: 10 }) });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 10 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  const all = gateway.run.sas.ikeSas(0, 0);
  assert.deepEqual(all.map((sa) => sa.peerAddress[3]), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(gateway.run.sas.ikeSas(3, 2), all.slice(3, 5));
  assert.deepEqual(gateway.run.sas.ikeSas(9, 5), all.slice(9));
  assert.deepEqual(gateway.run.sas.ikeSas(10, 5), []);
  for (const { state, establishedEpochMs } of all) {
    assert.equal(state, 3);
    assert.ok(establishedEpochMs! > 1_700_000_001_000 && establishedEpochMs! < 1_700_000_003_000);
  }
});

Deno.test("dumps of both ends agree on SPIs, keys and selectors", () => {
  const { clock, network } = world();
  const keyed: IkeSaDump[] = [];
  const children: ChildSaDump[] = [];
  const hooks = {
    ikeKeyed: (sa: IkeSaDump) => void keyed.push(sa),
    childKeyed: (child: ChildSaDump) => void children.push(child),
  };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }), hooks });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  const ours = client.run.sas.ikeSa(client.run.sas.ikeSas(0, 0)[0]!.spi)!;
  const theirs = gateway.run.sas.ikeSa(ours.peerSpi)!;
  assert.equal(theirs.peerSpi, ours.spi);
  assert.deepEqual([ours.encryption, ours.keyBits, ours.prf, ours.integrity], [20, 128, 5, 0]);
  assert.deepEqual([ours.ownAuth, ours.peerAuth, ours.ownIdType], [2, 2, 1]);
  assert.deepEqual(ours.keys, theirs.keys);
  assert.equal(ours.keys!.skEi.length, 20);
  assert.equal(ours.keys!.skAi.length, 0);
  assert.match(ours.ownId, /^10\.1\.0\.1 /);
  const [spi] = client.run.sas.childSas(ours.spi)!;
  const child = client.run.sas.childSa(spi!)!;
  const peer = gateway.run.sas.childSa(child.peerSpi)!;
  assert.equal(peer.peerSpi, child.spi);
  assert.deepEqual(child.keys, peer.keys);
  assert.deepEqual(child.ownTs, peer.peerTs);
  assert.deepEqual([child.parentSpi, child.state, child.protocol], [ours.spi, 2, 3]);
  assert.deepEqual([child.initiatedHere, peer.initiatedHere], [true, false]);
  assert.equal(keyed.length, 1);
  assert.deepEqual(keyed[0]!.keys, ours.keys);
  assert.equal(children[0]!.spi, child.spi);
  assert.equal(client.run.sas.ikeSa(1n), undefined);
  assert.equal(client.run.sas.childSas(1n), undefined);
  assert.equal(client.run.sas.childSa(1), undefined);
});

Deno.test("messages are decoded only while there is a reader of level 5", () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 2, setupIntervalMs: 500 }) });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 2 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(300);
  const lines: string[] = [];
  const filter = { level: 5, keyword: "IKE_" };
  const { config } = client.run.loop.endpoint;
  assert.equal(config.trace, false);
  client.run.events.attach({ filter, write: (e) => void lines.push(e.msg) });
  assert.equal(config.trace, true);
  clock.pass(1_000);
  const messages = lines.filter((l) => /^(Sent|Received)/.test(l));
  assert.equal(messages.length, 4);
  assert.match(messages[0]!, /^Sent 10\.1\.0\.2:500 → 10\.9\.0\.1:500\n?.*IKE_SA_INIT request/);
  assert.match(messages[3]!, /^Received .*\n?.*IKE_AUTH response/);
});

Deno.test("a repeated IKE_AUTH is a retransmission, counted, and harmless", () => {
  const { clock, network } = world();
  const config = { ...CONFIG, retransmitIntervalMs: 1_000 };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }) });
  gateway.run.start();
  let lost = 0;
  network.loses = (octets) =>
    octets[18] === IKE_AUTH && !isRequest(octets, IKE_AUTH) && lost++ === 0;
  client.run.start();
  clock.pass(2_000);
  assert.equal(client.run.figures().retransmissions, 1);
  assert.equal(gateway.run.figures().retransmissions, 0);
  assert.equal(gateway.run.figures().established, 1);
  assert.equal(client.run.figures().ikeAuthMs!.samples, 1);
  assert.ok(client.run.figures().ikeAuthMs!.max >= 1_000);
  assert.ok(client.run.figures().ikeSaInitMs!.max < 100);
  assert.ok(isRequest(network.sent[0]!.octets, IKE_SA_INIT));
});

Deno.test("a client whose last tunnel would have no address is refused before it starts", () => {
  const { clock, network } = world();
  const plan = clientPlan({ tunnels: 3, ownAddress: Uint8Array.of(255, 255, 255, 254) });
  assert.throws(() => rig(network, clock, { plan }), SetupError);
});

Deno.test("a message repeated in fragments is one retransmission; incomplete messages have timers of their own", () => {
  const { clock, network } = world();
  const config = { ...CONFIG, fragmentOctets: 64, reassembleTimeoutMs: 4_000 };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }), config });
  const fragments = () => network.sent.filter(({ octets }) => isRequest(octets, IKE_AUTH)).length;
  let lost = 0;
  network.loses = (octets) => isRequest(octets, IKE_AUTH) && octets[33] === 2 && lost++ === 0;
  gateway.run.start();
  client.run.start();
  clock.pass(3_900);
  const sa = [...gateway.run.loop.endpoint.bySpi.values()][0]!;
  assert.equal(sa.window.partialRequest?.contents.size, fragments() - 1);
  clock.pass(200);
  assert.equal(sa.window.partialRequest, undefined);
  clock.pass(7_000);
  assert.equal(client.run.figures().retransmissions, 1);
  assert.deepEqual([lost, fragments() % 2, client.run.figures().established], [2, 0, 1]);
});

Deno.test("tunnels that are being closed, and those that are not established yet, are not live", () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 6 }) });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 6 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  network.loses = () => true;
  for (const { run } of [client, gateway]) {
    run.stop(true);
    const { live, createdLive, createdTunnels, ikeSasByState } = run.summary();
    assert.deepEqual([live, createdLive, createdTunnels], [0, 0, 6]);
    assert.equal(ikeSasByState[8], 6, "closing");
    assert.equal(run.figures().live, 0);
  }
});

Deno.test("after an end without Deletes no IKE SA is live, and all were closed by us", async () => {
  const { clock, network } = world();
  const config = { ...CONFIG, endedKeptMs: 5_000 };
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 6 }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 6 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  const sent = network.sent.length;
  client.run.stop(false);
  const { summary } = await client.run.finalResult;
  assert.deepEqual([summary.live, summary.hasChild, summary.createdLive], [0, 0, 0]);
  assert.deepEqual([summary.createdTunnels, summary.ikeSasByState[7], summary.ikeSasTotal], [
    6,
    6,
    6,
  ]);
  for (const { spi } of client.run.sas.ikeSas(0, 0)) {
    assert.equal(client.run.sas.ikeSa(spi)!.closeCode, 65537);
    assert.deepEqual(client.run.sas.childSas(spi), []);
  }
  clock.pass(100);
  assert.equal(network.sent.length, sent, "nothing was sent");
  clock.pass(5_000);
  assert.equal(client.run.summary().ikeSasTotal, 0);
});

Deno.test("creation begins with the first IKE_SA_INIT of a client, answered or not", () => {
  const { clock, network } = world();
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }) });
  network.loses = () => true;
  client.run.start();
  clock.pass(700);
  const { creationStartEpochMs, createDurationMs, startEpochMs } = client.run.summary();
  assert.equal(creationStartEpochMs, startEpochMs);
  assert.equal(createDurationMs, 700);
});

Deno.test("creation of a gateway begins with the first IKE_SA_INIT that made an IKE SA", () => {
  const { clock, network } = world();
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }) });
  const algorithms = { ...CONFIG.algorithms, prf: [2] };
  const stranger = rig(network, clock, { plan: clientPlan(), config: { ...CONFIG, algorithms } });
  gateway.run.start();
  stranger.run.start();
  clock.pass(500);
  assert.equal(gateway.run.summary().creationStartEpochMs, undefined, "NO_PROPOSAL_CHOSEN");
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 1 }), env: fakeEnv(8) });
  network.loses = (octets) => isRequest(octets, IKE_AUTH) && clock.nowMs() < 3_000;
  client.run.start();
  clock.pass(500);
  const onItsWay = gateway.run.summary();
  assert.ok(onItsWay.creationStartEpochMs! - onItsWay.startEpochMs >= 500);
  clock.pass(15_000);
  const { creationStartEpochMs, createDurationMs, createdTunnels } = gateway.run.summary();
  assert.equal(createdTunnels, 1);
  assert.equal(creationStartEpochMs, onItsWay.creationStartEpochMs);
  assert.ok(createDurationMs! > 9_000 && createDurationMs! < 11_000, `${createDurationMs}`);
});

Deno.test("the set-up rate is that of the configured tunnels, whatever comes after", () => {
  const { clock, network } = world();
  const plan = clientPlan({ tunnels: 9, setupIntervalMs: 100 });
  const client = rig(network, clock, { plan });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 3 }) });
  gateway.run.start();
  client.run.start();
  clock.pass(2_000);
  const { createdTunnels, createDurationMs, setupRate } = gateway.run.summary();
  assert.equal(createdTunnels, 9);
  assert.ok(Math.abs(setupRate! - 3 / (createDurationMs! / 1_000)) < 1e-6, `${setupRate}`);
  assert.equal(gateway.run.figures().setupRate, setupRate);
});
