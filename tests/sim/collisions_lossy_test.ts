// Collisions (RFC 7296 §2.25) in which one datagram is lost or duplicated, for each datagram in
// turn.
import assert from "node:assert/strict";
import type { Host } from "@/sim/world.ts";
import { type Crossing, CROSSINGS, RECEIVERS, runCrossing } from "./crossing.ts";
import { established } from "../two_hosts.ts";

/** The pairs of SPIs of all CHILD_SAs of a host; with `mirrored` as its peer sees them. */
function pairs(host: Host, mirrored: boolean): string[] {
  return established(host).flatMap((sa) => sa.children).map(({ spiIn, spiOut }) =>
    mirrored ? `${spiOut} ${spiIn}` : `${spiIn} ${spiOut}`
  ).sort();
}

function ikeSpis(host: Host): string[] {
  return established(host).map(({ spiI, spiR }) => `${spiI} ${spiR}`).sort();
}

/** Asserts that both ends have the same SAs and nothing else when the world has come to rest. */
function atRest([a, b]: readonly Host[], crossing: Crossing, transcript: string): void {
  assert.deepEqual(ikeSpis(a!), ikeSpis(b!), transcript);
  assert.deepEqual(pairs(a!, false), pairs(b!, true), transcript);
  for (const host of [a!, b!]) {
    const { endpoint, installed } = host;
    const sas = [...endpoint.bySpi.values()];
    const children = sas.flatMap((sa) => sa.children);
    assert.equal(sas.length, established(host).length, `no IKE SA leaks\n${transcript}`);
    assert.equal(endpoint.env.childrenBySpi.size, children.length, `no SPI leaks\n${transcript}`);
    assert.equal(installed.size, children.length, `no CHILD_SA leaks\n${transcript}`);
    assert.equal(
      host.traffic.senders().size,
      children.length,
      `each line has a sender\n${transcript}`,
    );
    assert.equal(endpoint.halfOpen, 0, transcript);
    for (const sa of sas) {
      const { queue, active, window: { request }, answering } = sa;
      assert.deepEqual([queue.length, active, request, answering], [
        0,
        undefined,
        undefined,
        undefined,
      ], `nothing waits\n${transcript}`);
    }
  }
  // Rekeys of both ends leave one CHILD_SA, as there was one before.
  if (crossing.seamless) assert.equal(pairs(a!, false).length, 1, transcript);
}

for (const fate of ["lost", "twice"] as const) {
  for (const crossing of CROSSINGS) {
    for (const receiver of RECEIVERS) {
      const { section, busy, asked } = crossing;
      const what = `${asked} reaches the ${receiver} in its ${busy} (${section})`;
      Deno.test(`collision: ${what}, each datagram ${fate} once`, () => {
        const { datagrams } = runCrossing(crossing, receiver);
        assert.ok(datagrams >= 4);
        for (let target = 0; target < datagrams; target++) {
          const { world } = runCrossing(crossing, receiver, (n) => n === target ? fate : undefined);
          atRest(world.hosts, crossing, `datagram ${target} ${fate}\n${world.transcript}`);
        }
      });
    }
  }
}

Deno.test("collisions with two datagrams lost, every two of the first six", () => {
  for (const crossing of CROSSINGS) {
    for (let one = 0; one < 6; one++) {
      for (let two = one + 1; two < 6; two++) {
        const { world } = runCrossing(
          crossing,
          "initiator",
          (n) => n === one || n === two ? "lost" : undefined,
        );
        atRest(world.hosts, crossing, `datagrams ${one} and ${two} lost\n${world.transcript}`);
      }
    }
  }
});
