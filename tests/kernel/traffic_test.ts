/**
 * Tests our traffic through a tunnel of the kernel whose CHILD_SA is rekeyed meanwhile: by sockets of the system
 * at both ends. (ESP in this process has its test in `tests/unit/engine/load/traffic_loopback_test.ts`.)
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../interop/harness.ts";
import { kernelSays, type Tunnel, withTunnel } from "./tunnel.ts";

Deno.test("traffic by the kernel, ours → ours: returned by the other end, over a rekey", () =>
  withTunnel("ours → ours", {
    child: { lifetime: "4s" },
    setup: { trafficconf: { rate: "100/s", size: "imix", startwith: "tunnel" } },
    theirSetup: { trafficconf: { direction: "in" } },
  }, returned));

async function returned(tunnel: Tunnel): Promise<void> {
  const { ours, theirs } = tunnel;
  const first = await spis(tunnel);
  await until("another pair of states", 30_000, async () => {
    ours.mustRun();
    const now = await spis(tunnel);
    return now.length >= 2 && now.every((spi) => !first.includes(spi));
  });
  const { result, traffic } = await ours.stop();
  assert.ok(traffic);
  const { sent, received, lost, unsent, altered, strange, rekey, latencyMs } = traffic;
  assert.deepEqual([result, lost, unsent, altered, strange], ["passed", 0, 0, 0, 0], ours.said());
  assert.ok(sent === received && sent >= 100, JSON.stringify(traffic));
  assert.ok(rekey!.sent > 0 && rekey!.received === rekey!.sent, JSON.stringify(rekey));
  assert.ok(latencyMs.p50! > 0 && latencyMs.max! < 1_000, JSON.stringify(latencyMs));
  const { trafficIn } = await theirs!.stop();
  assert.deepEqual([trafficIn!.flows, trafficIn!.received, trafficIn!.lost], [1, sent, 0]);
  assert.equal(trafficIn!.otherClock, 0, "both ends are on one host");
}

/** The SPIs of the states of the other end. */
async function spis({ lab }: Tunnel): Promise<string[]> {
  const states = await kernelSays(lab.theirs, "xfrm", "state");
  return [...states.matchAll(/proto esp spi (\S+)/g)].map(([, spi]) => spi!);
}
