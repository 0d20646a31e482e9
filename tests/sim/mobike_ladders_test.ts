// Ladders of MOBIKE (RFC 4555): who moves a tunnel after rekeys of either end, and a move while a message has
// arrived in part.
import assert from "node:assert/strict";
import { compareAddresses } from "@/base/address.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { settledAlike } from "@/sim/mobike_scenarios.ts";
import { NATT } from "@/sim/scenarios.ts";
import type { Host } from "@/sim/world.ts";
import { established, twoHosts } from "../two_hosts.ts";

const CLIENT = [1, 3].map((n) => Uint8Array.of(10, 0, 0, n));
const GATEWAY = [2, 4].map((n) => Uint8Array.of(10, 0, 0, n));

/** A client, which dials, and a gateway, both with two addresses. */
function mobile(more: Partial<IkeConfig> = {}) {
  const config = (addresses: readonly Uint8Array[]): Partial<IkeConfig> => {
    const mobike = { addresses, step: 0, moves: "own-only", intervalMs: Infinity } as const;
    return { natt: NATT, mobike, ...more };
  };
  return twoHosts({
    a: config(CLIENT),
    b: config(GATEWAY),
    atA: CLIENT.map((address) => ({ address })),
    atB: GATEWAY.map((address) => ({ address })),
  });
}

function only(host: Host): IkeSa {
  const standing = established(host);
  assert.equal(standing.length, 1, host.name);
  return standing[0]!;
}

function isAt(address: Uint8Array, expected: Uint8Array): boolean {
  return compareAddresses(address, expected) === 0;
}

for (const rekeys of ["aa", "b", "bb", "ab", "ba"]) {
  Deno.test(`ladder: the first initiator moves, whoever rekeyed (${[...rekeys].join(", then ")})`, () => {
    const { world, a, b } = mobile();
    world.dial(a, b);
    world.run();
    for (const name of rekeys) {
      const host = name === "a" ? a : b;
      world.tell(host, only(host), { kind: "rekey_ike" });
      world.run();
    }
    // The end that began the last rekey is the original initiator of this IKE SA.
    assert.equal(only(a).originalInitiator, rekeys.endsWith("a"));
    const from = world.ladder.length;
    world.tell(b, only(b), { kind: "move" });
    world.run();
    const sent = () => world.ladder.slice(from).filter((line) => / -> /.test(line));
    assert.deepEqual(sent(), [], "the gateway moves nothing");
    world.tell(a, only(a), { kind: "move" });
    world.run();
    const updates = sent().filter((line) => line.includes("UPDATE_SA_ADDRESSES"));
    assert.ok(updates.length === 1 && / a(:\d+)? -> b/.test(updates[0]!), sent().join("\n"));
    assert.ok(isAt(only(b).path.peerAddress, CLIENT[1]!));
    assert.equal(settledAlike({ a, b }), undefined);
  });
}

for (const asking of ["a", "b"] as const) {
  for (const message of ["request", "response"] as const) {
    Deno.test(`ladder: a move while one fragment alone of a ${message} of a rekey of ${asking} is outstanding`, () => {
      const { world, a, b } = mobile({ fragmentOctets: 100 });
      const host = asking === "a" ? a : b;
      world.seamless = true;
      world.dial(a, b);
      let sent = 0;
      let child: unknown;
      world.at(20_000, () => {
        const sa = only(host);
        child = sa.children[0];
        world.tell(host, sa, { kind: "rekey_child", child: sa.children[0]! });
      });
      // The request leaves before, and the response after the 10 ms that it needs. All fragments but one arrive.
      world.at(message === "request" ? 20_000 : 20_008, () => {
        world.datagramFate = () => ++sent === 2 ? "lost" : undefined;
      });
      // By then the others have arrived, and nothing is repeated yet.
      world.at(20_100, () => {
        assert.ok(sent >= 2, `${sent} fragments`);
        assert.equal(only(host).children[0], child, "the rekey is not complete");
        world.tell(a, only(a), { kind: "move" });
      });
      world.run();
      assert.ok(isAt(only(b).path.peerAddress, CLIENT[1]!));
      assert.equal(settledAlike({ a, b }), undefined);
      for (const end of [a, b]) assert.equal(only(end).children.length, 1);
      assert.notEqual(only(host).children[0], child, "the rekey is complete");
    });
  }
}
