import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { endsOfTask } from "@/engine/load/task_ends.ts";
import { trafficPlanOf } from "@/engine/load/traffic_plan.ts";
import type { Setup } from "@/setup/setup.ts";
import { setup } from "../setups.ts";

const RATE = { perSecond: 100, unit: "packets" } as const;

function planOf(conf: Partial<Setup["trafficconf"]>, slices?: number) {
  const trafficconf = { ...setup().trafficconf, ...conf };
  return trafficPlanOf(setup({ numberoftunnels: 10, trafficconf }), slices);
}

Deno.test("without a rate there is no traffic, but for an end that counts that of the other", () => {
  assert.equal(planOf({}), undefined);
  assert.equal(planOf({ direction: "out" }), undefined);
  assert.deepEqual([planOf({ direction: "in" })!.rate, planOf({ direction: "in" })!.returns], [
    undefined,
    false,
  ]);
  assert.equal(planOf({ rate: RATE })!.returns, true);
});

Deno.test("a rate of all tunnels is divided among slices, that of each tunnel is not", () => {
  assert.equal(planOf({ rate: RATE, ratefor: "total" }, 4)!.rate!.perSecond, 25);
  assert.equal(planOf({ rate: RATE, ratefor: "tunnel" }, 4)!.rate!.perSecond, 100);
  assert.equal(planOf({ rate: RATE, ratefor: "total" })!.rate!.perSecond, 100);
});

Deno.test("without a destination the ends are those of the selectors, else they differ by steps", () => {
  assert.equal(planOf({ rate: RATE })!.auto, true);
  const destaddr = parseAddress("10.3.0.1")!;
  const stepped = planOf({ rate: RATE, destaddr, deststep: 2 })!;
  assert.deepEqual([stepped.auto, showAddress(endsOfTask(stepped, 3).peer)], [false, "10.3.0.7"]);
  const past = () => planOf({ rate: RATE, destaddr: parseAddress("255.255.255.254")! });
  assert.throws(
    past,
    (e) => e instanceof SetupError && /trafficconf\.destaddr 255\.255\.255\.254/.test(e.message),
  );
});
