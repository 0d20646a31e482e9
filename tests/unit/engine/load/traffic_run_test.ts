import assert from "node:assert/strict";
import type { TestRun } from "@/engine/run/test_run.ts";
import { RunResult } from "@/engine/show/view.ts";
import { PingBench, type PingWish } from "../ping_rig.ts";
import { isRequest } from "../rig.ts";

const HUNDRED = { perSecond: 100, unit: "packets" } as const;
const OFF = { off: true } as const;

function begun(wish: Partial<PingWish>): PingBench {
  const bench = new PingBench({ client: OFF, tunnels: 2, ...wish });
  bench.start();
  return bench;
}

async function ended(bench: PingBench) {
  bench.client.run.stop(true);
  await bench.pass(3_000);
  return await bench.client.run.finalResult;
}

function trafficOf(run: TestRun) {
  return run.figures().traffic!;
}

Deno.test("traffic goes through every tunnel and back, without an option of the gateway", async () => {
  const bench = begun({ clientTraffic: { rate: HUNDRED, size: ["imix"] } });
  await bench.pass(3_000);
  const { result, figures } = await ended(bench);
  const { flows, sent, received, lost, lossPercent, latencyMs, worst } = figures.traffic!;
  assert.equal(result, RunResult.PASSED);
  assert.equal(flows, 2);
  assert.ok(sent > 500 && received === sent && lost === 0 && lossPercent === 0, `${sent}`);
  assert.equal(latencyMs!.p50 >= 2 && latencyMs!.max <= 3, true, "two ways of a millisecond");
  assert.deepEqual(worst, []);
  assert.equal(bench.gateway.run.figures().traffic, undefined);
  assert.equal(bench.gateway.run.figures().pingsAnswered, sent);
  assert.ok(Math.abs(figures.traffic!.sentPerSecond! - 200) < 5);
});

Deno.test("both ends send by themselves, one way, and each counts what comes from the other", async () => {
  const conf = { rate: HUNDRED, direction: "out" } as const;
  const bench = begun({ clientTraffic: conf, gatewayTraffic: conf });
  let lost = 0;
  bench.loses = (from, number) => from === "10.1." && number % 10 === 3 && ++lost > 0;
  await bench.pass(3_000);
  const toClient = bench.client.run.figures().trafficIn!;
  const toGateway = bench.gateway.run.figures().trafficIn!;
  assert.ok(toClient.received > 400 && toClient.lost === 0);
  assert.ok(lost > 30 && Math.abs(toGateway.lost - lost) <= 2, `${toGateway.lost} of ${lost}`);
  assert.equal(toGateway.latencyMs!.p50, 1, "one way, by one clock");
  assert.equal(toGateway.flows, 2);
  assert.equal(trafficOf(bench.client.run).lossPercent, undefined);
  assert.equal((await ended(bench)).result, RunResult.PASSED);
});

Deno.test("a gateway with direction: in counts what asks for an answer too, and answers it", async () => {
  const bench = begun({
    clientTraffic: { rate: HUNDRED, startwith: "tunnel" },
    gatewayTraffic: { direction: "in" },
  });
  await bench.pass(2_000);
  const { received, expected } = bench.gateway.run.figures().trafficIn!;
  assert.ok(received > 300 && expected === received);
  assert.equal(bench.gateway.run.figures().pingsAnswered, 0);
  const { figures } = await ended(bench);
  assert.equal(figures.traffic!.lost, 0);
});

Deno.test("what is sent while the last tunnels are set up is told apart", async () => {
  const bench = new PingBench({
    client: OFF,
    tunnels: 3,
    clientTraffic: { rate: HUNDRED, startwith: "tunnel" },
  });
  bench.network.loses = (octets) => isRequest(octets, 35) && bench.network.sent.length < 8;
  bench.start();
  await bench.pass(1_000);
  assert.ok(trafficOf(bench.client.run).setup!.sent > 80);
  await bench.pass(12_000);
  const { setup, sent } = trafficOf(bench.client.run);
  assert.equal(setup!.received, setup!.sent);
  assert.ok(sent > setup!.sent + 200, `${sent} and ${setup!.sent}`);
});

Deno.test("packets of a rekey are those of its tunnel a second before and after it; none is lost", async () => {
  const bench = begun({ clientTraffic: { rate: HUNDRED } });
  await bench.pass(3_000);
  const { run } = bench.client;
  for (const sa of run.loop.endpoint.bySpi.values()) {
    run.loop.turn(() => run.loop.command(sa, { kind: "rekey_child", child: sa.children[0]! }));
    break;
  }
  await bench.pass(4_000);
  const { rekey } = trafficOf(run);
  assert.equal(run.figures().childRekeys, 1);
  assert.ok(rekey!.sent >= 195 && rekey!.sent <= 205, `${rekey!.sent}`);
  assert.equal(rekey!.received, rekey!.sent);
  assert.equal(rekey!.latencyMs!.samples > 95, true);
  const { figures } = await ended(bench);
  assert.equal(figures.traffic!.lost, 0);
});

Deno.test("a tunnel that flaps sends nothing while it is down, and its outage is told", async () => {
  const bench = begun({ clientTraffic: { rate: HUNDRED }, flapping: 1, runningTimeMs: 25_000 });
  await bench.pass(30_000);
  const { figures } = await bench.client.run.finalResult;
  const { outage, sent, received, lost } = figures.traffic!;
  assert.ok(figures.flaps >= 1 && outage!.sent >= 100, `${outage!.sent}`);
  assert.equal(sent, received + lost);
  assert.equal(outage!.sent - outage!.received, lost, "nothing is lost but by the outages");
});

Deno.test("losses above maxlossrate fail a client; the worst tunnels are named", async () => {
  const bench = begun({ clientTraffic: { rate: HUNDRED, maxlossrate: 20 } });
  bench.loses = (from) => from === "10.9.0.1";
  await bench.pass(5_000);
  const { result, summary, figures } = await ended(bench);
  assert.equal(result, RunResult.FAILED);
  assert.match(summary.lastErrMsg, /^100 % of the traffic did not come back.*maxlossrate 20 %$/);
  assert.ok(
    bench.client.said(2).some((msg) => /^Nothing of the traffic came back.*10\.3/.test(msg)),
  );
  assert.equal(figures.traffic!.worst.length, 2);
  assert.equal(figures.traffic!.worst[0]!.received, 0);
});

Deno.test("traffic ends after its duration, and the run goes on", async () => {
  const bench = begun({ clientTraffic: { rate: HUNDRED, duration: 1_000 } });
  await bench.pass(4_000);
  const { sent, lost } = trafficOf(bench.client.run);
  assert.ok(sent >= 195 && sent <= 205 && lost === 0, `${sent}`);
  assert.equal(bench.client.run.figures().live, 2);
});

Deno.test("a tunnel has its traffic in the list of tunnels", async () => {
  const bench = begun({ clientTraffic: { rate: HUNDRED } });
  await bench.pass(2_000);
  const { sent, received, p50Ms, jitterMs } = bench.client.run.traffic!.ofTunnel(1)!;
  assert.ok(sent > 150 && received >= sent - 1);
  assert.ok(p50Ms! > 0 && jitterMs! >= 0);
  assert.equal(bench.client.run.traffic!.ofTunnel(7), undefined);
});
