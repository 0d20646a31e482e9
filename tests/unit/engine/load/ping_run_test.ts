import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import type { TestRun } from "@/engine/run/test_run.ts";
import { RunResult } from "@/engine/show/view.ts";
import { PingBench } from "../ping_rig.ts";
import { isRequest } from "../rig.ts";

const at = (text: string) => parseAddress(text)!;

function counts(run: TestRun): string[] {
  return run.ping.list(0, 0).map(({ own, peer, sent, received }) =>
    `${showAddress(own)} ${showAddress(peer)} ${sent}/${received}`
  );
}

Deno.test("pings begin when all tunnels are up and the hold time is over, each in its tunnel", async () => {
  const bench = new PingBench();
  bench.start();
  await bench.pass(1_900);
  assert.equal(bench.client.run.figures().established, 3);
  assert.deepEqual([bench.esp, counts(bench.client.run)], [0, []]);
  await bench.pass(3_000);
  assert.deepEqual(counts(bench.client.run), [
    "10.2.0.1 10.3.0.1 3/3",
    "10.2.0.2 10.3.0.2 3/3",
    "10.2.0.3 10.3.0.3 3/3",
  ]);
  assert.deepEqual(bench.client.run.ping.list(2, 5).length, 1);
  assert.deepEqual(bench.client.run.ping.list(3, 5), []);
  assert.equal(bench.gateway.run.figures().pingsAnswered, 9);
  assert.equal(bench.gateway.run.figures().ping, undefined);
  const { ping } = bench.client.run.figures();
  assert.equal(ping!.latencyMs!.max, 2);
  assert.ok(ping!.firstPacketMs!.max > 2_000, "the hold time is in it");
  bench.client.run.stop(true);
  await bench.pass(2_000);
  const final = await bench.client.run.finalResult;
  assert.equal(final.result, RunResult.PASSED);
  assert.equal(final.figures.ping!.lost, 0);
});

Deno.test("with startwith: tunnel, pings begin at once, and measure the time to the first packet", async () => {
  const bench = new PingBench({ client: { startwith: "tunnel" } });
  bench.network.loses = (octets) => isRequest(octets, 35) && bench.network.sent.length < 8;
  bench.start();
  await bench.pass(1_000);
  const { established, ping } = bench.client.run.figures();
  assert.ok(established > 0 && established < 3, `${established} tunnels are up`);
  assert.equal(ping!.tasks, established);
  assert.equal(ping!.firstPacketMs!.max, 2);
  await bench.pass(15_000);
  assert.equal(bench.client.run.figures().ping!.tasks, 3);
  assert.equal(bench.client.run.figures().ping!.firstPacketMs!.samples, 3);
});

Deno.test("losses above maxlossrate are an error, and fail a client", async () => {
  const bench = new PingBench({ client: { maxlossrate: 20 }, tunnels: 2 });
  bench.start();
  await bench.pass(10_000);
  assert.deepEqual(bench.client.said(2), []);
  bench.loses = (from) => from === "10.9.0.1";
  await bench.pass(12_000);
  const [said] = bench.client.said(2);
  assert.match(said!, /^Ping loss [0-9.]+ % \(\d+ of \d+\) is above maxlossrate 20 %$/);
  assert.match(
    bench.client.said(2)[1]!,
    /^2 of 2 ping tasks lose more than 20 %, for example 10\.2/,
  );
  bench.client.run.stop(true);
  await bench.pass(4_000);
  const { result, summary, figures } = await bench.client.run.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.match(summary.lastErrMsg, /^[0-9.]+ % of the pings lost, more than maxlossrate 20 %$/);
  const { sent, received, lost, burstMax, tasksAbove, worst } = figures.ping!;
  assert.equal(sent, received + lost);
  assert.ok(burstMax >= 10 && tasksAbove === 2 && worst.length === 2);
  assert.equal(worst[0]!.lost + worst[1]!.lost, lost);
});

Deno.test("losses within maxlossrate pass", async () => {
  const bench = new PingBench({ client: { maxlossrate: 60 } });
  bench.start();
  bench.loses = (from, number) => from !== "10.9.0.1" && number % 3 === 0;
  await bench.pass(20_000);
  bench.client.run.stop(true);
  await bench.pass(3_000);
  const { result, figures } = await bench.client.run.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.ok(figures.ping!.lost > 5 && figures.ping!.lossPercent! < 60);
  assert.deepEqual(bench.client.said(2), []);
});

Deno.test("the end waits for the last replies before it decides and tunnels go", async () => {
  const bench = new PingBench({ runningTimeMs: 5_005, client: { maxlossrate: 0, interval: 100 } });
  bench.delayMs = 200;
  bench.start();
  await bench.pass(8_000);
  const { result, figures } = await bench.client.run.finalResult;
  const { sent, received } = figures.ping!;
  assert.ok(sent > 50);
  assert.deepEqual([result, received], [RunResult.PASSED, sent]);
});

Deno.test("a second stop does not wait for replies", async () => {
  const bench = new PingBench({ client: { maxlossrate: 100 } });
  bench.loses = () => true;
  bench.start();
  await bench.pass(2_500);
  bench.client.run.stop(true);
  bench.client.run.stop(false);
  await bench.pass(50);
  const { figures } = await bench.client.run.finalResult;
  assert.deepEqual([figures.ping!.sent, figures.ping!.lost], [3, 3]);
});

Deno.test("autoaddr takes both ends from the selectors, at either end", async () => {
  const auto = { autoaddr: true, destaddr: at("192.0.2.1"), srcaddr: undefined };
  const bench = new PingBench({ client: auto, gateway: { ...auto, holdtime: 0 } });
  bench.start();
  await bench.pass(3_500);
  const ends = (run: TestRun) => counts(run).map((line) => line.split(" ").slice(0, 2).join(" "));
  assert.deepEqual(ends(bench.client.run), [
    "10.2.0.1 10.3.0.1",
    "10.2.0.2 10.3.0.2",
    "10.2.0.3 10.3.0.3",
  ]);
  assert.deepEqual(ends(bench.gateway.run).sort(), [
    "10.3.0.1 10.2.0.1",
    "10.3.0.2 10.2.0.2",
    "10.3.0.3 10.2.0.3",
  ]);
  const { sent, received, unsent } = bench.gateway.run.figures().ping!;
  assert.ok(received > 6 && sent - received <= 3 && unsent === 0, `${received} of ${sent}`);
  assert.ok(bench.client.run.figures().pingsAnswered >= received);
});

Deno.test("without a configured source it is the first address of the tunnel's own selectors", async () => {
  const bench = new PingBench({ client: { srcaddr: undefined } });
  bench.start();
  await bench.pass(3_000);
  assert.deepEqual(counts(bench.client.run), [
    "10.2.0.1 10.3.0.1 1/1",
    "10.2.0.2 10.3.0.2 1/1",
    "10.2.0.3 10.3.0.3 1/1",
  ]);
});

Deno.test("a gateway has a task for each expected tunnel, and finds tunnels by their selectors", async () => {
  const bench = new PingBench({
    client: { off: true },
    gateway: { destaddr: at("10.2.0.3"), deststep: -1, srcaddr: at("10.3.0.3"), srcstep: -1 },
    tunnels: 3,
  });
  bench.start();
  await bench.pass(4_500);
  assert.deepEqual(counts(bench.gateway.run), [
    "10.3.0.3 10.2.0.3 3/3",
    "10.3.0.2 10.2.0.2 3/3",
    "10.3.0.1 10.2.0.1 3/3",
  ]);
  assert.equal(bench.gateway.run.figures().ping!.firstPacketMs!.samples, 3);
});

Deno.test("a task for each tunnel that came up, with the addresses of its index", async () => {
  const bench = new PingBench();
  // The second tunnel's IKE_AUTH never arrives.
  bench.network.loses = (octets, path) =>
    isRequest(octets, 35) && showAddress(path.ownAddress) === "10.1.0.2";
  bench.start();
  await bench.pass(45_000);
  assert.equal(bench.client.run.figures().failed, 1);
  const ends = counts(bench.client.run).map((line) => line.split(" ")[0]);
  assert.deepEqual(ends, ["10.2.0.1", "10.2.0.3"]);
});

Deno.test("a tunnel that is down on purpose is not pinged, at either end, and has its task again", async () => {
  const gateway = { autoaddr: true, startwith: "tunnel", interval: 100 } as const;
  const client = { startwith: "tunnel", interval: 100, maxlossrate: 0 } as const;
  const bench = new PingBench({ client, gateway, flapping: 1, tunnels: 2 });
  bench.start();
  await bench.pass(45_000);
  const { flaps, rebuilds } = bench.client.run.figures();
  assert.ok(flaps >= 2 && rebuilds >= 1, `${flaps} flaps, ${rebuilds} rebuilds`);
  bench.client.run.stop(true);
  await bench.pass(2_000);
  const { figures } = await bench.client.run.finalResult;
  assert.equal(figures.ping!.lost, 0);
  const [first, second] = bench.client.run.ping.list(0, 0);
  assert.ok(second!.sent > 440 && first!.sent < 350 && first!.sent > 150, `${first!.sent}`);
  const there = bench.gateway.run.ping.list(0, 0);
  assert.equal(there.length, 2);
  assert.ok(there.some(({ sent }) => sent < 350) && there.some(({ sent }) => sent > 430));
});

Deno.test("cleared counters begin at zero, and a test without pings says so", async () => {
  const bench = new PingBench({ tunnels: 1 });
  bench.start();
  await bench.pass(4_500);
  assert.deepEqual(bench.client.run.ping.totals, { sent: 3, received: 3 });
  bench.client.run.ping.clear();
  assert.deepEqual(bench.client.run.ping.totals, { sent: 0, received: 0 });
  assert.deepEqual(counts(bench.client.run), ["10.2.0.1 10.3.0.1 0/0"]);
  assert.equal(bench.client.run.figures().ping!.latencyMs, undefined);
  await bench.pass(1_000);
  assert.deepEqual(bench.client.run.ping.totals, { sent: 1, received: 1 });

  const early = new PingBench({ tunnels: 1 });
  early.start();
  await early.pass(500);
  early.client.run.stop(true);
  await early.pass(500);
  assert.ok(early.client.said(3).includes("The test ended before its pings began"));
});
