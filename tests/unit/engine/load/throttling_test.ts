import assert from "node:assert/strict";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, rig } from "../rig.ts";

type Loses = FakeNetwork["loses"];

function pair(gatewayConfig: object, tunnels: number, { halfOpenMax = 64, loses }: {
  readonly halfOpenMax?: number;
  readonly loses?: Loses;
} = {}) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  if (loses) network.loses = loses;
  const config = { ...CONFIG, retransmitIntervalMs: 1_000, transmissionsMax: 2 };
  const plan = clientPlan({ tunnels, triesMax: 1, halfOpenMax });
  const client = rig(network, clock, { plan, config });
  const gateway = rig(network, clock, {
    plan: gatewayPlan({ tunnels }),
    config: { ...config, ...gatewayConfig },
  });
  gateway.run.start();
  client.run.start();
  return { clock, client };
}

Deno.test("a peer that demands cookies is named, with the number on their way and what to change", () => {
  const { clock, client } = pair({ cookieThreshold: 6 }, 20, { halfOpenMax: 10 });
  clock.pass(4_000);
  const { throttled, established } = client.run.figures();
  assert.equal(established, 20);
  const [first] = throttled;
  assert.equal(first!.cause, "COOKIE");
  assert.ok(first!.count >= 1 && first!.count <= 20, `${first!.count}`);
  assert.match(first!.example, /^from \d+ms on: with \d+ tunnels on their way .*maxhalfopen below/);
  assert.equal(client.said(3).filter((line) => line.startsWith("The peer throttles")).length, 1);
});

Deno.test("silence counts where others are answered, and is none where nobody is", () => {
  const some = pair({}, 20, {
    loses: (_, { ownAddress }) => ownAddress[1] === 1 && ownAddress[3]! % 4 === 2,
  });
  some.clock.pass(5_000);
  const { throttled, established, failed } = some.client.run.figures();
  assert.deepEqual([established, failed], [15, 5]);
  assert.deepEqual(throttled.map(({ cause, count }) => [cause, count]), [["SILENCE", 5]]);
  assert.match(throttled[0]!.example, /^from 2s on: tunnel \d+ had no answer to IKE_SA_INIT while/);
  const none = pair({}, 3, { loses: () => true });
  none.clock.pass(5_000);
  assert.equal(none.client.run.figures().failed, 3);
  assert.deepEqual(none.client.run.figures().throttled, []);
});

Deno.test("a peer that throttles nobody is not named", () => {
  const { clock, client } = pair({}, 20);
  clock.pass(4_000);
  assert.deepEqual(client.run.figures().throttled, []);
});

for (const cookieThreshold of [-1, 0]) {
  Deno.test(`silence beyond a number of half-open SAs is named with that number, though all tunnels come up (cookies from ${cookieThreshold} on)`, () => {
    const clock = new FakeClock();
    const network = new FakeNetwork(clock);
    // As a gateway counts: tunnels that have sent IKE_SA_INIT and are not established, for one source address.
    const open = new Set<string>();
    network.loses = (octets) => {
      const spi = octets.subarray(0, 8).join(".");
      const isResponse = (octets[19]! & 0x20) !== 0;
      if (octets[18] === 35 && isResponse) open.delete(spi);
      if (octets[18] !== 34 || isResponse || open.has(spi)) return false;
      // Cookies are demanded without state: only a request that begins with one opens an SA.
      if (cookieThreshold === 0 && octets[16] !== 41) return false;
      if (open.size >= 5) return true;
      open.add(spi);
      return false;
    };
    const config = { ...CONFIG, retransmitIntervalMs: 1_000, transmissionsMax: 20 };
    const client = rig(network, clock, {
      plan: clientPlan({ tunnels: 40, halfOpenMax: 64 }),
      config,
    });
    const gateway = rig(network, clock, {
      plan: gatewayPlan({ tunnels: 40 }),
      config: { ...config, cookieThreshold },
    });
    gateway.run.start();
    client.run.start();
    clock.pass(20_000);
    const { established, failed, throttled } = client.run.figures();
    assert.deepEqual([established, failed], [40, 0]);
    const silence = throttled.find(({ cause }) => cause === "SILENCE");
    assert.deepEqual([throttled.length, silence!.count], [cookieThreshold === 0 ? 2 : 1, 35]);
    assert.match(
      silence!.example,
      /^from 0s on: 35 of 40 IKE_SA_INIT requests were answered only when/,
    );
    assert.match(
      silence!.example,
      /at most 5 SAs were half-open .* set maxhalfopen to 5 or less, or raise/,
    );
    const said = client.said(3).filter((line) => line.startsWith("The peer throttles, from"));
    assert.equal(said.length, throttled.length, "each is told while the test runs, once");
  });
}

Deno.test("a network that loses messages whatever is on its way is no peer that throttles", () => {
  let n = 0;
  const { clock, client } = pair({}, 60, { loses: () => n++ % 5 === 2, halfOpenMax: 10 });
  clock.pass(10_000);
  assert.deepEqual(
    client.run.figures().throttled.filter(({ example }) =>
      /only when they were repeated/.test(example)
    ),
    [],
  );
});
