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
