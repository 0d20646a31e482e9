/**
 * Runs that use key pairs again, or make them ahead: what is on the wire.
 * @module
 */
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import type { KePayload } from "@/wire/payloads/key_exchange.ts";
import type { NoncePayload } from "@/wire/payloads/nonce.ts";
import { decodeMessage } from "@/wire/message.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { clientPlan, FakeClock, fakeEnv, FakeNetwork, gatewayPlan, rig } from "../rig.ts";

const IKE_SA_INIT = 34;

/** An environment that counts the pairs that it makes. */
function countingEnv(seed: number) {
  const env = fakeEnv(seed);
  let made = 0;
  const keyExchange = (group: number) => {
    const exchange = env.crypto.keyExchange(group);
    return exchange && { ...exchange, generate: () => (made++, exchange.generate()) };
  };
  return { env: { ...env, crypto: { ...env.crypto, keyExchange } }, made: () => made };
}

/** How many pairs each end has made, and how many nonces both ends have sent in IKE_SA_INIT. */
function sent(uses: number) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const keys = { uses, ahead: 0 };
  const ours = countingEnv(1);
  const theirs = countingEnv(2);
  const client = rig(network, clock, { plan: clientPlan({ tunnels: 12, keys }), env: ours.env });
  const gateway = rig(network, clock, {
    plan: gatewayPlan({ tunnels: 12, keys }),
    env: theirs.env,
  });
  gateway.run.start();
  client.run.start();
  clock.pass(1_000);
  assert.equal(client.run.figures().established, 12);
  assert.equal(gateway.run.figures().established, 12);
  const values = { ours: new Set<string>(), theirs: new Set<string>() };
  const nonces = new Set<string>();
  for (const { octets, path } of network.sent) {
    if (octets[18] !== IKE_SA_INIT) continue;
    const end = path.ownAddress[1] === 1 ? "ours" : "theirs";
    for (const payload of decodeMessage(octets).payloads) {
      if (payload.type === PayloadType.KE) values[end].add(toHex((payload as KePayload).data));
      if (payload.type === PayloadType.NONCE) nonces.add(toHex((payload as NoncePayload).data));
    }
  }
  // The stock of the rig has few pairs, so that it may give the same one twice.
  assert.ok(values.ours.size <= ours.made() && values.theirs.size <= theirs.made());
  return { ours: ours.made(), theirs: theirs.made(), nonces: nonces.size };
}

Deno.test("dhreuse: twelve tunnels share three pairs of each end, and every nonce is fresh", () => {
  assert.deepEqual(sent(4), { ours: 3, theirs: 3, nonces: 24 });
});

Deno.test("keypool: pairs are made while a run waits for its start, and its tunnels take them", () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const { env, made } = countingEnv(1);
  const keys = { uses: 1, ahead: 20 };
  const plan = clientPlan({ tunnels: 5, keys });
  const client = rig(network, clock, { plan, env });
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 5 }) });
  gateway.run.start();
  clock.pass(100);
  assert.equal(made(), 20);
  client.run.start();
  clock.pass(1_000);
  assert.equal(client.run.figures().established, 5);
  // Those that were taken have been made again.
  assert.equal(made(), 25);
});
