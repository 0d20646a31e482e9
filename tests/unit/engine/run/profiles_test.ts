/**
 * Tunnels of several kinds of clients: how they are divided, and that each uses its configuration.
 * @module
 */
import assert from "node:assert/strict";
import { Profiles } from "@/engine/run/profiles.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, rig } from "../rig.ts";

const profile = (name: string, weight: number) => ({ name, weight, config: CONFIG });

Deno.test("tunnels are divided by weight, evenly, and the same again and again", () => {
  const profiles = new Profiles([profile("a", 5), profile("b", 2), profile("c", 1)]);
  const names = Array.from({ length: 16 }, (_, index) => profiles.of(index).name);
  assert.deepEqual(names.slice(0, 8), names.slice(8));
  assert.deepEqual(names.slice(0, 8).toSorted().join(""), "aaaaabbc");
  // No kind waits for the end: the lighter ones come between.
  assert.equal(names.slice(0, 8).join(""), "abaacaba");
});

Deno.test("each tunnel uses the configuration of its profile, and the result counts them", () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const groups = [KeGroup.CURVE25519, KeGroup.ECP_256];
  const algorithms = { ...CONFIG.algorithms, groups };
  const other = { ...CONFIG, algorithms: { ...CONFIG.algorithms, groups: [KeGroup.ECP_256] } };
  const client = rig(network, clock, {
    plan: clientPlan({ tunnels: 12 }),
    profiles: [profile("curve", 2), { name: "nist", weight: 1, config: other }],
  });
  const plan = gatewayPlan({ tunnels: 12 });
  const gateway = rig(network, clock, { plan, config: { ...CONFIG, algorithms } });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  const { established, profiles } = client.run.figures();
  assert.equal(established, 12);
  assert.deepEqual([...profiles], [["curve", 8], ["nist", 4]]);
  const used = new Map<number, number>();
  for (const { suite } of client.run.loop.endpoint.bySpi.values()) {
    used.set(suite!.group, (used.get(suite!.group) ?? 0) + 1);
  }
  assert.deepEqual([used.get(KeGroup.CURVE25519), used.get(KeGroup.ECP_256)], [8, 4]);
});
