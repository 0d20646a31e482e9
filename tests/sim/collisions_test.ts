// Collisions of two exchanges that cross on the way (RFC 7296 §2.25): each in both roles.
import assert from "node:assert/strict";
import { CROSSINGS, established, play, RECEIVERS } from "./crossing.ts";

for (const crossing of CROSSINGS) {
  for (const receiver of RECEIVERS) {
    const { section, busy, asked, reply, left } = crossing;
    Deno.test(`collision: ${asked} reaches the ${receiver} in its ${busy} (${section})`, () => {
      const { world, busyHost, asking, from } = play(crossing, receiver);
      const way = `${busyHost.name} -> ${asking.name}`;
      const lines = world.ladder.slice(from);
      const answer = lines.find((line) => line.includes(way) && line.includes(" resp "));
      assert.match(answer ?? "no response", reply, lines.join("\n"));
      for (const host of world.hosts) {
        const sas = established(host), children = sas.flatMap((sa) => sa.children);
        assert.deepEqual([sas.length, children.length], left, world.ladder.join("\n"));
        assert.equal(host.endpoint.bySpi.size, left[0], "no IKE SA leaks");
        assert.equal(host.installed.size, left[1], "no CHILD_SA leaks");
      }
    });
  }
}
