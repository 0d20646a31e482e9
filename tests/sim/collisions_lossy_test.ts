// Collisions (RFC 7296 §2.25) in which one datagram is lost, or comes twice: each of them in turn.
import assert from "node:assert/strict";
import type { Host } from "@/sim/world.ts";
import { type Crossing, CROSSINGS, play, RECEIVERS } from "./crossing.ts";
import { established } from "../two_hosts.ts";

/** Pairs of SPIs of all CHILD_SAs, as this host sees them or as its peer does. */
function pairs(host: Host, mirrored: boolean): string[] {
  return established(host).flatMap((sa) => sa.children).map(({ spiIn, spiOut }) =>
    mirrored ? `${spiOut} ${spiIn}` : `${spiIn} ${spiOut}`
  ).sort();
}

function ikeSpis(host: Host): string[] {
  return established(host).map(({ spiI, spiR }) => `${spiI} ${spiR}`).sort();
}

/** Both ends have the same, and nothing else is left of what they did. */
function atRest([a, b]: readonly Host[], crossing: Crossing, story: string): void {
  assert.deepEqual(ikeSpis(a!), ikeSpis(b!), story);
  assert.deepEqual(pairs(a!, false), pairs(b!, true), story);
  for (const host of [a!, b!]) {
    const { endpoint, installed } = host;
    const sas = [...endpoint.bySpi.values()];
    const children = sas.flatMap((sa) => sa.children);
    assert.equal(sas.length, established(host).length, `no IKE SA leaks\n${story}`);
    assert.equal(endpoint.env.childrenBySpi.size, children.length, `no SPI leaks\n${story}`);
    assert.equal(installed.size, children.length, `no CHILD_SA leaks\n${story}`);
    assert.equal(host.traffic.senders().size, children.length, `each line has a sender\n${story}`);
    assert.equal(endpoint.halfOpen, 0, story);
    for (const sa of sas) {
      const { queue, active, window: { request }, answering } = sa;
      assert.deepEqual([queue.length, active, request, answering], [
        0,
        undefined,
        undefined,
        undefined,
      ], `nothing waits\n${story}`);
    }
  }
  // What both ends rekey is one tunnel before and after.
  if (crossing.seamless) assert.equal(pairs(a!, false).length, 1, story);
}

for (const fate of ["lost", "twice"] as const) {
  for (const crossing of CROSSINGS) {
    for (const receiver of RECEIVERS) {
      const { section, busy, asked } = crossing;
      const what = `${asked} reaches the ${receiver} in its ${busy} (${section})`;
      Deno.test(`collision: ${what}, each datagram ${fate} once`, () => {
        const { datagrams } = play(crossing, receiver);
        assert.ok(datagrams >= 4);
        for (let target = 0; target < datagrams; target++) {
          const { world } = play(crossing, receiver, (n) => n === target ? fate : undefined);
          atRest(world.hosts, crossing, `datagram ${target} ${fate}\n${world.story}`);
        }
      });
    }
  }
}

Deno.test("collisions with two datagrams lost, every two of the first six", () => {
  for (const crossing of CROSSINGS) {
    for (let one = 0; one < 6; one++) {
      for (let two = one + 1; two < 6; two++) {
        const { world } = play(
          crossing,
          "initiator",
          (n) => n === one || n === two ? "lost" : undefined,
        );
        atRest(world.hosts, crossing, `datagrams ${one} and ${two} lost\n${world.story}`);
      }
    }
  }
});
