// Selectors that shift from tunnel to tunnel, after rekeys that the peer began.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { showSelectors } from "@/ike/negotiate/selectors.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { range4, worldConfig } from "@/sim/scenarios.ts";
import { type Host, World } from "@/sim/world.ts";

const crypto = portableBackend(), keys = new WorldKeys(crypto);

function live(host: Host) {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established")[0]!;
}

Deno.test("a client's tunnel keeps its shifted selectors when the gateway rekeys IKE and CHILD SA", () => {
  const weather = { loss: 0, duplication: 0, delayMs: [10, 10] } as const;
  const world = new World({ seed: 5, crypto, keys, weather, computeMs: [1, 1], broken: new Set() });
  const [child] = worldConfig().children;
  const own = { ...child!, ownTs: [range4([10, 1, 0, 1], [10, 1, 0, 1])], ownTsStep: 1 };
  const a = world.join("a", Uint8Array.of(10, 0, 0, 1), worldConfig({ children: [own] }), false);
  const b = world.join("b", Uint8Array.of(10, 0, 0, 2), worldConfig(), true);
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
    assert.notEqual(live(a).children[0]!.spiIn, before, world.story);
    assert.equal(showSelectors(live(a).children[0]!.ownTs), "10.1.0.8");
  }
});
