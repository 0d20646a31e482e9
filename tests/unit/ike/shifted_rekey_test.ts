// Selectors that shift from tunnel to tunnel, after rekeys that the peer began.
import assert from "node:assert/strict";
import { showSelectors } from "@/ike/negotiate/selectors.ts";
import { range4, worldConfig } from "@/sim/scenarios.ts";
import type { Host } from "@/sim/world.ts";
import { twoHosts } from "../../two_hosts.ts";

function live(host: Host) {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established")[0]!;
}

Deno.test("a client's tunnel keeps its shifted selectors when the gateway rekeys IKE and CHILD SA", () => {
  const [child] = worldConfig().children;
  const own = { ...child!, ownTs: [range4([10, 1, 0, 1], [10, 1, 0, 1])], ownTsStep: 1 };
  const { world, a, b } = twoHosts({ seed: 5, a: { children: [own] } });
  world.dial(a, b, 7);
  world.run();
  assert.equal(showSelectors(live(a).children[0]!.ownTs), "10.1.0.8");
  world.tell(b, live(b), { kind: "rekey_ike" });
  world.run();
  assert.equal(live(a).originalInitiator, false);
  for (const host of [b, a]) {
    const before = live(a).children[0]!.spiIn;
    world.tell(host, live(host), { kind: "rekey_child", child: live(host).children[0]! });
    world.run();
    assert.notEqual(live(a).children[0]!.spiIn, before, world.transcript);
    assert.equal(showSelectors(live(a).children[0]!.ownTs), "10.1.0.8");
  }
});
