/**
 * Runs with a load of stages, on simulated time and over sockets: what the plan says is what is sent.
 * @module
 */
import assert from "node:assert/strict";
import type { LoadPlan } from "@/engine/run/plan.ts";
import { RunResult } from "@/engine/show/view.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, isRequest, rig } from "../rig.ts";
import { clientOf, gatewayAt, stopped, until } from "../two_runs.ts";

const IKE_SA_INIT = 34;
const SECOND = 1_000;

const stage = (ratePerSec: number, rampMs = 0, holdMs = 0) => ({ ratePerSec, rampMs, holdMs });

/** A client with a load, its gateway, and the times at which IKE_SA_INIT requests were sent. */
function world(load: LoadPlan, part: Parameters<typeof clientPlan>[0] = {}) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const sentMs: number[] = [];
  network.loses = (octets) => {
    if (isRequest(octets, IKE_SA_INIT)) sentMs.push(clock.nowMs());
    return false;
  };
  const { tunnels = 60 } = part;
  const client = rig(network, clock, {
    plan: clientPlan({ load, ...part, tunnels }),
    config: CONFIG,
  });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels }), config: CONFIG });
  gateway.run.start();
  const beganMs = clock.nowMs();
  client.run.start();
  const perSecond = (seconds: number) => {
    const counts = new Array<number>(seconds).fill(0);
    for (const ms of sentMs) counts[Math.floor((ms - beganMs) / SECOND)]!++;
    return counts;
  };
  return { clock, client, gateway, perSecond };
}

Deno.test("each second has as many IKE_SA_INIT requests as its stage says", () => {
  const stages = [stage(10, 0, 2 * SECOND), stage(0, 0, SECOND), stage(20)];
  const { clock, client, perSecond } = world({ stages, poisson: false, burst: 1, seed: 1 });
  clock.pass(5_500);
  assert.deepEqual(perSecond(6), [10, 10, 0, 20, 20, 0]);
  const { established, setupFromDueMs, setupMs } = client.run.figures();
  assert.equal(established, 60);
  assert.equal(setupFromDueMs!.samples, 60);
  assert.ok(setupFromDueMs!.max - setupMs!.max < 1.5, "nothing had to wait");
});

Deno.test("maxhalfopen holds tunnels back, and the wait is in the latency from when they were due", () => {
  const load = { stages: [stage(1_000)], poisson: false, burst: 30, seed: 1 };
  const { clock, client } = world(load, { halfOpenMax: 2, tunnels: 30 });
  let most = 0;
  for (let ms = 0; ms < 200; ms++) {
    clock.pass(1);
    most = Math.max(most, client.run.figures().halfOpen);
  }
  const { established, setupFromDueMs, setupMs } = client.run.figures();
  assert.deepEqual([established, most], [30, 2]);
  // A set-up takes four journeys of 1 ms: the fifteenth pair has waited for fourteen others.
  assert.ok(setupMs!.max < 10, `${setupMs!.max} ms`);
  assert.ok(setupFromDueMs!.max >= 14 * setupMs!.p50, `${setupFromDueMs!.max} ms`);
});

Deno.test("soak: both ends go on for that long after the last tunnel is up, and pass", async () => {
  const load = { stages: [stage(10)], poisson: false, burst: 1, seed: 1 };
  const { clock, client, gateway } = world(load, { tunnels: 20, soakMs: 7 * SECOND });
  clock.pass(3 * SECOND);
  const { timeLeftMs, elapsedMs } = client.run.figures();
  // The last tunnel of 20 begins after 1.9 s.
  assert.ok(Math.abs(timeLeftMs! - (8_900 - elapsedMs)) < 20, `${timeLeftMs} ms are left`);
  clock.pass(5_500);
  assert.equal(client.run.summary().result, RunResult.RUNNING);
  clock.pass(SECOND);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.ok(figures.elapsedMs >= 8_900 && figures.elapsedMs < 9_500, `${figures.elapsedMs} ms`);
  gateway.run.stop(true);
  clock.pass(SECOND);
});

Deno.test("a slice that has set up its own tunnels has finished, and soaks", async () => {
  const load = { stages: [stage(10)], poisson: false, burst: 1, seed: 1 };
  const slice = { number: 2, of: 2 };
  const { clock, client, perSecond } = world(load, { tunnels: 20, slice, soakMs: SECOND });
  clock.pass(4 * SECOND);
  assert.deepEqual(perSecond(2), [5, 5]);
  assert.equal((await client.run.finalResult).result, RunResult.PASSED);
});

Deno.test("over sockets a setup with a load sets up all tunnels, at its pace", async () => {
  const gateway = gatewayAt("127.0.0.71", {}, { numberoftunnels: 12 });
  const stages = [{ rate: 20, ramp: 0, hold: 300 }, { rate: 60, ramp: 0, hold: 0 }];
  const loadconf = {
    arrival: "regular",
    burst: 1,
    seed: 1,
    soak: 200,
    dhreuse: 1,
    keypool: 0,
    stages,
    storms: [],
  } as const;
  const client = clientOf(gateway, "127.0.0.71", {}, { numberoftunnels: 12, loadconf });
  await until(() => client.run.summary().result !== RunResult.RUNNING);
  const { result, figures } = await client.run.finalResult;
  assert.deepEqual([result, figures.established], [RunResult.PASSED, 12]);
  // Six tunnels in 300 ms, then one in 16.7 ms: the last is due after 383 ms, and no earlier; then 200 ms.
  assert.ok(figures.elapsedMs >= 383 + 200, `${figures.elapsedMs} ms`);
  await stopped(gateway);
});
