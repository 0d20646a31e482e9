/** Tunnels with one identity: INITIAL_CONTACT must not end the others (RFC 7296 §2.4). */
import assert from "node:assert/strict";
import type { IkeConfig } from "@/ike/records/config.ts";
import { clientPlan, CONFIG, FakeClock, FakeNetwork, gatewayPlan, rig } from "./rig.ts";

const IKE_AUTH = 35;
const ownId = {
  kind: "fixed",
  identity: { idType: 2, data: new TextEncoder().encode("same.test") },
} as const;
const config: IkeConfig = { ...CONFIG, ownId };

function isAuthRequest(octets: Uint8Array): boolean {
  return octets[18] === IKE_AUTH && (octets[19]! & 0x20) === 0;
}

Deno.test("a late INITIAL_CONTACT finds no tunnel of the same identity at the peer", () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 8 }), config });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 8 }) });
  let requests = 0;
  network.loses = (octets) => isAuthRequest(octets) && requests++ === 0;
  gateway.run.start();
  client.run.start();
  clock.pass(60_000);
  assert.equal(client.run.figures().retransmissions, 1);
  assert.deepEqual([client.run.summary().live, gateway.run.summary().live], [8, 8]);
});

Deno.test("a peer that never answers is still asked by all tunnels, not one after the other", () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 8, triesMax: 1 }), config });
  network.loses = () => true;
  client.run.start();
  const patienceMs = config.retransmitIntervalMs * config.transmissionsMax;
  clock.pass(2 * patienceMs + 1_000);
  assert.equal(client.run.figures().failed, 8);
});
