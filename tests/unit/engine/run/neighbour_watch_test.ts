import assert from "node:assert/strict";
import type { NeighbourTable } from "@/datapath/neighbour_table.ts";
import { NeighbourWatch } from "@/engine/run/neighbour_watch.ts";
import { clientPlan, FakeClock, FakeNetwork, gatewayPlan, rig } from "../rig.ts";

/** Both tables, with so many overflows. */
function tables(arp: number, ndisc: number): NeighbourTable[] {
  const table = { entries: 1024, entriesMax: 1024 };
  return [{ family: 4, ...table, overflows: arp }, { family: 6, ...table, overflows: ndisc }];
}

Deno.test("only overflows during the test are reported, for the worse of the two tables", () => {
  let now = tables(5, 9);
  const watch = new NeighbourWatch(() => now);
  watch.begin();
  assert.equal(watch.end(), undefined);
  now = tables(8, 9);
  assert.match(
    watch.end()!,
    /was full 3 times: it takes 1024 hosts .*net\.ipv4\.neigh\.default\.gc_/,
  );
  now = tables(8, 99);
  assert.match(watch.end()!, /was full 90 times.*net\.ipv6\.neigh/);
  assert.equal(watch.overflow!.overflows, 90);
});

Deno.test("a gateway says while it runs, and once, that its kernel cannot resolve its clients", () => {
  const clock = new FakeClock();
  let overflows = 7;
  const readNeighbours = () => tables(overflows, 0);
  const { run, said } = rig(new FakeNetwork(clock), clock, { plan: gatewayPlan(), readNeighbours });
  run.start();
  clock.pass(20_000);
  assert.deepEqual(said(2), []);
  overflows = 9;
  clock.pass(5_000);
  overflows = 30;
  clock.pass(60_000);
  assert.equal(said(2).length, 1);
  assert.match(said(2)[0]!, /^The kernel's neighbour table was full 2 times: .*ip route replace/);
});

Deno.test("a client whose tunnels got no answer says that the neighbour table was full", async () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  let overflows = 2;
  const plan = clientPlan({ tunnels: 2, triesMax: 1 });
  const readNeighbours = () => tables(overflows, 0);
  const { run, said } = rig(network, clock, { plan, readNeighbours });
  network.loses = () => true;
  run.start();
  overflows = 42;
  clock.pass(60_000);
  const { summary, figures } = await run.finalResult;
  const words = "the kernel's neighbour table was full 40 times: it takes 1024 hosts";
  assert.match(summary.lastErrMsg, new RegExp(`No answer to IKE_SA_INIT.*; ${words}`));
  assert.equal(figures.neighbourOverflow?.overflows, 40);
  assert.ok(said(2).some((text) => text.startsWith(`While the test ran, ${words}`)));
});
