/** The plan of test traffic, where a load is divided among slices or workers. */
import assert from "node:assert/strict";
import { trafficPlanOf } from "@/engine/load/traffic_plan.ts";
import type { Setup } from "@/setup/setup.ts";
import { setup } from "../setups.ts";

function planOf(ratefor: "tunnel" | "total", parts?: number) {
  const trafficconf: Setup["trafficconf"] = {
    ...setup().trafficconf,
    destaddr: Uint8Array.of(10, 1, 0, 1),
    rate: { perSecond: 1_000, unit: "packets" },
    ratefor,
  };
  return trafficPlanOf(setup({ numberoftunnels: 8, trafficconf }), parts)!.rate!.perSecond;
}

Deno.test("a rate of all tunnels together is divided among slices, and that of a tunnel is not", () => {
  assert.equal(planOf("total"), 1_000);
  assert.equal(planOf("total", 4), 250);
  assert.equal(planOf("tunnel", 4), 1_000);
});
