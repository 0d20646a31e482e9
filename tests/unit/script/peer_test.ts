import assert from "node:assert/strict";
import type { Path } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { RunResult } from "@/engine/show/view.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ScriptedPeer } from "@/script/peer.ts";
import type { Setup } from "@/setup/setup.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import type { Transport } from "@/transport/transport.ts";
import { CONFIG, gatewayPlan } from "../engine/rig.ts";

const GATEWAY = Uint8Array.of(127, 0, 0, 1);
const PEER = Uint8Array.of(127, 0, 3, 1);
const ANSWER_WITHIN_MS = 20_000;
const crypto = portableBackend();

/** Sends a request by a transport, and waits for the next message. */
function asker(transport: Transport, path: Path): (octets: Uint8Array) => Promise<Uint8Array> {
  let heard: ((octets: Uint8Array) => void) | undefined;
  transport.listen({
    datagrams: (batch) => batch.forEach(({ octets }) => heard?.(octets.slice())),
    failed: (error) => assert.fail(String(error)),
  });
  return async (octets) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answer = new Promise<Uint8Array>((resolve, reject) => {
      heard = resolve;
      timer = setTimeout(() => reject(new Error("No answer came")), ANSWER_WITHIN_MS);
    });
    transport.send(octets, path);
    transport.flush();
    return await answer.finally(() => clearTimeout(timer));
  };
}

Deno.test("a scripted peer sets up a tunnel over UDP and is heard", async () => {
  const near = openPortableUdp({ ownAddresses: [GATEWAY], ikePort: 0 });
  const far = openPortableUdp({ ownAddresses: [PEER], ikePort: 0 });
  const gateway = new TestRun({
    setup: {} as Setup,
    setupFileName: "",
    config: CONFIG,
    transport: near,
    events: new EventHub(),
    env: { crypto, random: crypto.randomOctets, childrenBySpi: new Map(), broken: new Set() },
    plan: gatewayPlan({ tunnels: 1, ownAddress: GATEWAY, ownPort: near.ikePort }),
  });
  gateway.start();
  const ask = asker(far, {
    ownAddress: PEER,
    ownPort: far.ikePort,
    peerAddress: GATEWAY,
    peerPort: near.ikePort,
  });
  const peer = new ScriptedPeer({
    initiator: true,
    config: CONFIG,
    crypto,
    keys: new WorldKeys(crypto),
  });
  peer.learn(await ask(peer.init()));
  const auth = peer.seal(peer.header(ExchangeType.IKE_AUTH), peer.authPayloads());
  const answered = peer.open(await ask(auth)).map(({ type }) => type);
  assert.ok(answered.includes(PayloadType.AUTH), `payloads ${answered}`);
  assert.equal(gateway.summary().live, 1);
  peer.nextId++;
  const alive = peer.seal(peer.header(ExchangeType.INFORMATIONAL), []);
  assert.deepEqual(peer.open(await ask(alive)), []);
  gateway.stop(false);
  assert.equal((await gateway.finalResult).result, RunResult.PASSED);
  await far.close();
});
