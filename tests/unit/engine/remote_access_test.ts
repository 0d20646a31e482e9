/** A client and a gateway of our program over loopback: a pool of 1,000 addresses and 1,001 tunnels. */
import assert from "node:assert/strict";
import type { IkeEnv } from "@/ike/records/sa.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { RunAnswers } from "@/engine/run/run_answers.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import type { Setup } from "@/setup/setup.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import { clientPlan, CONFIG, gatewayPlan } from "./rig.ts";

const crypto = portableBackend();
const GATEWAY = Uint8Array.of(127, 0, 3, 1);
const TUNNELS = 1_001;

Deno.test("1,000 tunnels get an address each, the next one is refused, and all addresses are released", async () => {
  const ownAddress = Uint8Array.of(127, 0, 4, 1);
  const ownAddresses = Array.from(
    { length: TUNNELS },
    (_, i) => Uint8Array.of(127, 0, 4 + (i + 1 >> 8), i + 1 & 255),
  );
  const near = openPortableUdp({ ownAddresses: [GATEWAY], ikePort: 0 });
  const far = openPortableUdp({ ownAddresses, ikePort: 0 });
  const env: IkeEnv = {
    crypto,
    random: crypto.randomOctets,
    childrenBySpi: new Map(),
    broken: new Set(),
  };
  const common = { setup: {} as Setup, setupFileName: "", env };
  const first = Uint8Array.of(10, 1, 0, 0);
  const last = Uint8Array.of(10, 1, 3, 231);
  const pools = { v4: { first, last, prefixBits: 16, dns: [] }, v6: undefined };
  const gateway = new TestRun({
    ...common,
    config: { ...CONFIG, pools },
    transport: near,
    events: new EventHub(),
    plan: gatewayPlan({ tunnels: TUNNELS, ownAddress: GATEWAY, ownPort: near.ikePort }),
  });
  const client = new TestRun({
    ...common,
    config: { ...CONFIG, remoteAccess: true },
    transport: far,
    events: new EventHub(),
    plan: clientPlan({
      tunnels: TUNNELS,
      ownAddress,
      ownPort: far.ikePort,
      peerAddress: GATEWAY,
      peerPort: near.ikePort,
    }),
  });
  gateway.start();
  client.start();
  const endMs = performance.now() + 60_000;
  while (client.figures().established + client.figures().failed < TUNNELS) {
    assert.ok(performance.now() < endMs, "60 s were not enough");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { established, failures } = client.figures();
  assert.equal(established, TUNNELS - 1);
  assert.deepEqual(failures.map(({ cause, count }) => [cause, count]), [
    ["INTERNAL_ADDRESS_FAILURE", 1],
  ]);
  assert.deepEqual(await new RunAnswers(gateway).poolUsage(), {
    v4: { start: first, assigned: 1_000 },
    v6: undefined,
  });
  assert.deepEqual(await new RunAnswers(client).poolUsage(), { v4: undefined, v6: undefined });
  client.stop(true);
  await client.finalResult;
  assert.equal((await new RunAnswers(gateway).poolUsage()).v4!.assigned, 0);
  gateway.stop(true);
  await gateway.finalResult;
});
