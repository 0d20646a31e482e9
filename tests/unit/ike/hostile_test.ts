// Attacks of a peer, and rare but legal messages: an established SA stays established, and a refusal leaves
// nothing.
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { identityBody } from "@/ike/negotiate/keymat.ts";
import { mirrored } from "@/base/address.ts";
import { twoHosts } from "../../two_hosts.ts";

/** A world whose two ends have met; `init` is the IKE_SA_INIT request of the first. */
function meeting(initiator: Partial<IkeConfig> = {}) {
  const { world, a, b } = twoHosts({ seed: 3, a: initiator });
  const sa = world.dial(a, b);
  let init = new Uint8Array(0);
  world.at(5, () => init = sa.window.request!.datagrams[0]!.slice());
  world.run();
  return { world, a, b, sa, init };
}

const ODD = {
  idType: 2,
  data: new TextEncoder().encode("odd.test"),
  reserved: 0x010203,
} as const;

Deno.test("AUTH covers the reserved octets of an ID payload as they were received (§2.15)", () => {
  assert.deepEqual([...identityBody(ODD).subarray(0, 4)], [2, 1, 2, 3]);
  const { b, sa } = meeting({ ownId: { kind: "fixed", identity: ODD } });
  const [theirs] = [...b.endpoint.bySpi.values()];
  assert.equal(sa.phase, "established");
  assert.equal(theirs!.phase, "established");
  assert.equal(theirs!.peer.id!.reserved, ODD.reserved);
});

Deno.test("random octets with the SPIs of an SA, any flags and any exchange neither end it nor make another one", () => {
  const { world, b, sa, init } = meeting();
  const random = new SeededRandom(7);
  const path = mirrored(sa.path);
  for (let i = 0; i < 2_000; i++) {
    const octets = random.octets(28 + i % 200);
    octets.set(init.subarray(0, 8));
    const spiR = new DataView(octets.buffer, octets.byteOffset);
    spiR.setBigUint64(8, sa.spiR);
    octets[17] = 0x20;
    spiR.setUint32(20, i % 5);
    spiR.setUint32(24, octets.length);
    world.inject(b, { octets, path }, i);
  }
  world.run();
  assert.equal(b.endpoint.bySpi.size, 1);
  assert.equal([...b.endpoint.bySpi.values()][0]!.phase, "established");
  const dropped = [...b.endpoint.drops.values()].reduce((sum, n) => sum + n, 0);
  assert.equal(dropped, 2_000);
});

Deno.test("an end drops its own request if it is sent back, and the SA remains", () => {
  const { world, a, b, sa } = meeting();
  world.tell(a, sa, { kind: "liveness_check" });
  const octets = sa.window.request!.datagrams[0]!.slice();
  world.inject(a, { octets, path: sa.path }, 1);
  world.run();
  assert.equal(a.endpoint.drops.get("an SPI nobody has"), 1);
  assert.equal(sa.phase, "established");
  assert.equal([...b.endpoint.bySpi.values()][0]!.phase, "established");
});

Deno.test("IKE_SA_INIT requests from many ports: half-open SAs are bounded, and all expire", () => {
  const { world, b, sa, init } = meeting();
  const max = b.endpoint.config.halfOpenMax;
  const path = mirrored(sa.path);
  let most = 0;
  for (let i = 0; i < max + 500; i++) {
    const octets = init.slice();
    new DataView(octets.buffer, octets.byteOffset).setBigUint64(0, BigInt(i + 1));
    world.inject(b, { octets, path: { ...path, peerPort: 1024 + i } }, i / 1000);
  }
  world.at(world.nowMs + 2, () => most = b.endpoint.halfOpen);
  world.run();
  assert.ok(most <= max);
  assert.equal(b.endpoint.halfOpen, 0);
  assert.equal(b.endpoint.newcomers.byRequest.size, 1);
  assert.equal(b.endpoint.bySpi.size, 1);
});
