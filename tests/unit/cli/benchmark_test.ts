/**
 * The metrics of a benchmark, measured over sockets against a gateway of this program.
 * @module
 */
import assert from "node:assert/strict";
import { type Bench, measure } from "@/cli/benchmark_metrics.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { environment, openTransport, prepareRun } from "@/engine/run/prepare.ts";
import { readSetup } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";
import { loadShim } from "@/native/load.ts";
import { begin, ESP_IN_UDP } from "../engine/prepared_run.ts";
import { type Begun, gatewayAt, stopped } from "../engine/two_runs.ts";

const PSK = "one for both";

/** The bench of a client of a gateway, whose runs are on loopback and in this process. */
function bench(
  gateway: Begun,
  address: string,
  over: Partial<Bench> = {},
): Bench & { runs: Setup[] } {
  const { setup } = readSetup(
    `
bindifname: lo
startclntaddr: 127.0.3.1/8
peeraddr: ${address}
peerport: ${gateway.transport.ikePort}
ownport: 0
ownnattport: 0
numberoftunnels: 30
# A busy machine may be slow, but it sets all tunnels up.
thresholds: ["failed <= 0", "rate > 1000/s"]
transport: portable
cryptobackend: portable
ikeconf: {psk: ${PSK}, dhgrpid: 31, retraninterval: 2s, myid: "t-&d.test"}
`,
    "client",
  );
  const runs: Setup[] = [];
  return {
    setup,
    tunnels: 30,
    trialMs: 200,
    pauseMs: 2_000,
    livenessMs: 300,
    rateMax: 60,
    isOver: () => false,
    leftMs: () => 60_000,
    restart: undefined,
    run: async (whole, watch) => {
      runs.push(whole);
      const env = await environment(whole);
      const transport = openTransport(whole);
      const common = { env, transport, setupFileName: "client", hooks: {}, notYet: [] };
      const run = prepareRun(whole, { ...common, events: new EventHub() });
      const view = {
        summary: () => run.summary(),
        figures: () => run.figures(),
        stop: () => run.stop(true),
      };
      const timer = setInterval(() => watch?.(view), 10);
      run.start();
      const { figures } = await run.finalResult;
      clearInterval(timer);
      return figures;
    },
    runs,
    ...over,
  };
}

Deno.test("capacity and rate of a gateway are measured, with the trace of the search", async () => {
  const gateway = gatewayAt("127.0.0.73", {}, { numberoftunnels: 1_000 });
  const one = bench(gateway, "127.0.0.73", { tunnels: 25 });
  const capacity = await measure("capacity", one);
  assert.deepEqual([capacity.value, capacity.failed, capacity.more.atLeast], [25, false, true]);
  const rate = await measure("rate", one);
  assert.deepEqual([rate.value, rate.failed, rate.more.ceiling], [60, false, true]);
  assert.deepEqual(rate.trace!.map(({ ratePerSec, step, held }) => [ratePerSec, step, held]), [
    [50, "double", true],
    [60, "double", true],
    [60, "confirm", true],
  ]);
  assert.match(
    rate.words,
    /^60 set-ups a second or more .* hold failed <= 0, in two trials; left out, .*: rate > 1000\/s$/,
  );
  // Each trial asks for as many tunnels as it can, and for its rate.
  assert.deepEqual(one.runs.at(-1)!.loadconf.stages, [{ rate: 60, ramp: 0, hold: 0 }]);
  await stopped(gateway);
});

Deno.test("a threshold that nobody holds leaves no rate, and its words say which", async () => {
  const gateway = gatewayAt("127.0.0.74", {}, { numberoftunnels: 1_000 });
  const { setup, ...rest } = bench(gateway, "127.0.0.74", { rateMax: 4, tunnels: 20 });
  const { setup: strict } = readSetup(
    "bindifname: lo\nstartclntaddr: 10.0.0.1/8\npeeraddr: 10.0.0.2\n" +
      'thresholds: ["p99(setup) < 1ms"]\nikeconf: {psk: x}\n',
    "strict",
  );
  const tight = { ...rest, setup: { ...setup, thresholds: strict.thresholds } };
  let trials = 0;
  const rate = await measure("rate", { ...tight, isOver: () => trials++ > 0 });
  assert.deepEqual([rate.value, rate.failed], [undefined, true]);
  assert.match(rate.words, /^no rate held p99\(setup\) < 1ms: 20 of 20 tunnels.*broken/);
  await stopped(gateway);
});

Deno.test("cookies are measured by a burst", async () => {
  const gateway = gatewayAt("127.0.0.75", { numoftunneltoenablecookie: 3 }, {
    numberoftunnels: 1_000,
  });
  const one = bench(gateway, "127.0.0.75", { tunnels: 20, rateMax: 1_000 });
  const cookies = await measure("cookies", one);
  assert.ok(cookies.value! >= 10, cookies.words);
  assert.match(cookies.words, /^cookies demanded of \d+ of 20 set-ups at once, .*20 of 20 establ/);
  await stopped(gateway);
});

Deno.test("what needs an option that is missing is left out, and is no failure", async () => {
  const gateway = gatewayAt("127.0.0.76");
  const one = bench(gateway, "127.0.0.76");
  const recovery = await measure("recovery", one);
  assert.deepEqual([recovery.value, recovery.failed], [undefined, false]);
  assert.match(recovery.words, /^not measured: --restart names no command/);
  const first = await measure("firstpacket", one);
  assert.match(first.words, /^not measured: pingconf.destaddr is not set/);
  assert.equal(one.runs.length, 0);
  await stopped(gateway);
});

Deno.test("all CHILD_SAs and IKE SAs are rekeyed at once, and each rate is told", async () => {
  const gateway = gatewayAt("127.0.0.77", {}, { numberoftunnels: 1_000 });
  const one = bench(gateway, "127.0.0.77", { tunnels: 10 });
  const rekey = await measure("rekey", one);
  assert.deepEqual([rekey.failed, rekey.more.childDone, rekey.more.ikeDone], [false, 10, 10]);
  assert.ok(rekey.value! > 0 && Number(rekey.more.ikeRate) > 0, rekey.words);
  assert.match(
    rekey.words,
    /^\d+ CHILD_SAs and \d+ IKE SAs a second, all of 10 at once: 10 and 10/,
  );
  const { childRekeys, ikeRekeys } = (await stopped(gateway)).figures;
  assert.ok(childRekeys >= 10 && ikeRekeys >= 10, "the gateway has seen them");
});

Deno.test("the time until all tunnels are up again after a restart of the gateway is measured", async () => {
  let gateway = gatewayAt("127.0.0.78", {}, { numberoftunnels: 1_000 });
  const { ikePort: ownport } = gateway.transport;
  let restarts = 0;
  const one = bench(gateway, "127.0.0.78", {
    tunnels: 5,
    restart: async () => {
      restarts++;
      gateway.run.stop(false);
      await gateway.run.finalResult;
      gateway = gatewayAt("127.0.0.78", {}, { numberoftunnels: 1_000, ownport });
    },
  });
  const recovery = await measure("recovery", one);
  assert.deepEqual([recovery.failed, restarts, recovery.more.tunnels], [false, 1, 5]);
  assert.ok(Number(recovery.more.fewest) < 5 && recovery.value! > 0, recovery.words);
  assert.match(recovery.words, /s from the restart until all 5 tunnels were up again$/);
  const { established } = (await stopped(gateway)).figures;
  assert.equal(established, 5, "at the gateway that came back");
});

Deno.test("a restart that restarts nothing is told, and one that fails with its reason", async () => {
  const gateway = gatewayAt("127.0.0.79");
  const failing = bench(gateway, "127.0.0.79", {
    tunnels: 2,
    restart: () => Promise.reject(new Error("no such command")),
  });
  const recovery = await measure("recovery", failing);
  assert.deepEqual([recovery.failed, recovery.value], [true, undefined]);
  assert.equal(recovery.words, "no such command");
  await stopped(gateway);
});

Deno.test({
  name: "the time to the first packet that comes back is measured through tunnels",
  ignore: !loadShim().symbols,
  async fn() {
    const gateway = await begin(`role: gateway
bindifname: lo
bindifaddr: 127.0.0.80/8
ownport: 0
ownnattport: 0
numberoftunnels: 10
ikeconf:${ESP_IN_UDP}
  childlist: {ownts: {startaddr: 10.1.0.1, endaddr: 10.1.0.1}, peerts: {startaddr: 10.2.0.0, endaddr: 10.2.0.255}}
trafficconf: {direction: in} # returns pings, also where root has a TUN device
`);
    const { setup } = readSetup(
      `bindifname: lo
startclntaddr: 127.0.3.1/8
peeraddr: 127.0.0.80
peerport: ${gateway.ports[0]}
peernattport: ${gateway.ports[1]}
ownport: 0
ownnattport: 0
owntsaddrincrease: 1
peertsaddrincrease: 0
pingconf: {ptype: udp, destaddr: 10.1.0.1, autoaddr: true}
ikeconf:${ESP_IN_UDP}
  childlist: {ownts: {startaddr: 10.2.0.0, endaddr: 10.2.0.0}, peerts: {startaddr: 10.1.0.1, endaddr: 10.1.0.1}}
`,
      "client",
    );
    const other = gatewayAt("127.0.0.81");
    const one = bench(other, "127.0.0.81", { setup, tunnels: 5 });
    await stopped(other);
    const first = await measure("firstpacket", one);
    assert.equal(first.failed, false, first.words);
    assert.match(first.words, /^[0-9.]+ ms, the sum of two medians over 5 tunnels: [0-9.]+ ms for/);
    assert.ok(first.value! >= Number(first.more.afterSetupP50Ms), first.words);
    gateway.run.stop(true);
    const { trafficIn, established } = (await gateway.run.finalResult).figures;
    assert.deepEqual([established, trafficIn!.received], [5, 0]);
  },
});
