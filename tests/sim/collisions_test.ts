// Collisions of two exchanges that cross on the way (RFC 7296 §2.25), each with both ends as the
// receiver.
import assert from "node:assert/strict";
import { established, losslessNetwork, twoHosts } from "../two_hosts.ts";
import { CROSSINGS, RECEIVERS, runCrossing } from "./crossing.ts";

for (const crossing of CROSSINGS) {
  for (const receiver of RECEIVERS) {
    const { section, busy, asked, reply, left } = crossing;
    Deno.test(`collision: ${asked} reaches the ${receiver} in its ${busy} (${section})`, () => {
      const { world, busyHost, asking, from } = runCrossing(crossing, receiver);
      const way = `${busyHost.name} -> ${asking.name}`;
      const lines = world.ladder.slice(from);
      const answer = lines.find((line) => line.includes(way) && line.includes(" resp "));
      assert.match(answer ?? "no response", reply, lines.join("\n"));
      for (const host of world.hosts) {
        const sas = established(host);
        const children = sas.flatMap((sa) => sa.children);
        assert.deepEqual([sas.length, children.length], left, world.ladder.join("\n"));
        assert.equal(host.endpoint.bySpi.size, left[0], "no IKE SA leaks");
        assert.equal(host.installed.size, left[1], "no CHILD_SA leaks");
      }
    });
  }
}

// Either end may have won and deleted the old IKE SA while the other still computes the keys of the
// one that lost. The peer has that one since its response: without a Delete it would have it for
// ever.
for (let seed = 1; seed <= 40; seed++) {
  Deno.test(`rekeys of an IKE SA cross, and the SA that lost is soon deleted at both ends, seed ${seed} (§2.8.2)`, () => {
    const { world, a, b } = twoHosts({
      seed,
      conditions: losslessNetwork(50),
      computeMs: [1, 400],
    });
    world.seamless = true;
    world.dial(a, b);
    world.at(8_000, () => {
      for (const host of [a, b]) {
        const [sa] = established(host);
        world.tell(host, sa!, { kind: "rekey_ike" });
      }
    });
    let seen = 0;
    world.at(10_500, () => {
      for (const host of [a, b]) {
        assert.equal(established(host).length, 1, `${host.name}\n${world.ladder.join("\n")}`);
        seen++;
      }
    });
    world.run();
    assert.equal(seen, 2);
  });
}
