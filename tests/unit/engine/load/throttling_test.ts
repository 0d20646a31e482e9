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
  const some = pair({}, 20, { loses: (_, { ownAddress }) => ownAddress[3]! > 15 });
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
