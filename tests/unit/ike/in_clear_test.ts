// Messages that anybody can send: an unencrypted one with the SPIs of an established SA, or a copy of an old
// one.
import assert from "node:assert/strict";
import { mirrored } from "@/base/address.ts";
import { encodeMessage } from "@/wire/message.ts";
import { twoHosts } from "../../two_hosts.ts";

Deno.test("an IKE_SA_INIT to an established SA is not answered, and does not count for its liveness", () => {
  const { world, a, b } = twoHosts({ seed: 3 });
  const sa = world.dial(a, b);
  world.run();
  const [theirs] = [...b.endpoint.bySpi.values()];
  const heardMs = theirs!.lastReceivedMs;
  const lines = world.ladder.length;
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

Deno.test("a replayed request gets its stored response, and does not count for the liveness (§2.4)", () => {
  const { world, a, b } = twoHosts({ seed: 3 });
  const sa = world.dial(a, b);
  world.run();
  world.tell(a, sa, { kind: "liveness_check" });
  const octets = sa.window.request!.datagrams[0]!;
  world.run();
  const [theirs] = [...b.endpoint.bySpi.values()];
  const heardMs = theirs!.lastReceivedMs;
  const lines = world.ladder.length;
  world.inject(b, { octets, path: mirrored(sa.path) }, 60_000);
  world.run();
  assert.equal(theirs!.lastReceivedMs, heardMs);
  assert.match(world.ladder[lines]!, /b -> a {2}again/);
});
