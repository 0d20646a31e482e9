// What anybody can send: a message in clear with the SPIs of an SA that is up, or an old one again.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { mirrored } from "@/sim/network.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { World } from "@/sim/world.ts";
import { encodeMessage } from "@/wire/message.ts";

const crypto = portableBackend(), keys = new WorldKeys(crypto);

Deno.test("an IKE_SA_INIT in clear to an established SA is neither answered nor a sign of life", () => {
  const weather = { loss: 0, duplication: 0, delayMs: [10, 10] } as const;
  const world = new World({ seed: 3, crypto, keys, weather, computeMs: [1, 1], broken: new Set() });
  const a = world.join("a", Uint8Array.of(10, 0, 0, 1), worldConfig(), false);
  const b = world.join("b", Uint8Array.of(10, 0, 0, 2), worldConfig(), true);
  const sa = world.dial(a, b);
  world.run();
  const [theirs] = [...b.endpoint.bySpi.values()];
  const heardMs = theirs!.lastReceivedMs, lines = world.ladder.length;
  const { spiI, spiR } = sa;
  for (const messageId of [0, 1, 2]) {
    const header = { spiI, spiR, exchange: 34, messageId, initiator: true, response: false };
    world.inject(b, { octets: encodeMessage(header, []), path: mirrored(sa.path) }, 5_000);
  }
  world.run();
  assert.equal(theirs!.lastReceivedMs, heardMs);
  assert.equal(theirs!.phase, "established");
  const sent = world.ladder.slice(lines).filter((line) => line.includes("->"));
  assert.deepEqual(sent, []);
  assert.equal(b.endpoint.drops.get("an IKE_SA_INIT message to an SA that has keys"), 3);
});

Deno.test("a replayed request is answered from memory, and is no sign of life (§2.4)", () => {
  const weather = { loss: 0, duplication: 0, delayMs: [10, 10] } as const;
  const world = new World({ seed: 3, crypto, keys, weather, computeMs: [1, 1], broken: new Set() });
  const a = world.join("a", Uint8Array.of(10, 0, 0, 1), worldConfig(), false);
  const b = world.join("b", Uint8Array.of(10, 0, 0, 2), worldConfig(), true);
  const sa = world.dial(a, b);
  world.run();
  world.tell(a, sa, { kind: "liveness_check" });
  const octets = sa.window.request!.datagrams[0]!;
  world.run();
  const [theirs] = [...b.endpoint.bySpi.values()];
  const heardMs = theirs!.lastReceivedMs, lines = world.ladder.length;
  world.inject(b, { octets, path: mirrored(sa.path) }, 60_000);
  world.run();
  assert.equal(theirs!.lastReceivedMs, heardMs);
  assert.match(world.ladder[lines]!, /b -> a {2}again/);
});
