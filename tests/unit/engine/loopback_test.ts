import assert from "node:assert/strict";
import type { IkeEnv } from "@/ike/records/sa.ts";
import type { IpAddress, Path } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import { RunResult } from "@/engine/show/view.ts";
import type { Setup } from "@/setup/setup.ts";
import type { Transport } from "@/transport/transport.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import { clientPlan, CONFIG, gatewayPlan } from "./rig.ts";
import { until } from "./two_runs.ts";

const GATEWAY = Uint8Array.of(127, 0, 0, 1);
const crypto = portableBackend();

function address(index: number): IpAddress {
  return Uint8Array.of(127, 0, 1, 1 + index);
}

function env(): IkeEnv {
  const { randomOctets } = crypto;
  return { crypto, random: randomOctets, childrenBySpi: new Map(), broken: new Set() };
}

function common(transport: Transport) {
  const events = new EventHub();
  return { setup: {} as Setup, setupFileName: "", config: CONFIG, transport, events };
}

Deno.test("100 tunnels over UDP on loopback, one process, no retransmission", async () => {
  const tunnels = 100;
  const near = openPortableUdp({ ownAddresses: [GATEWAY], ikePort: 0 });
  const ownAddresses = Array.from({ length: tunnels }, (_, i) => address(i));
  const far = openPortableUdp({ ownAddresses, ikePort: 0 });
  const shared = env();
  const gatewaySide = gatewayPlan({ tunnels, ownAddress: GATEWAY, ownPort: near.ikePort });
  const gateway = new TestRun({ ...common(near), env: shared, plan: gatewaySide });
  const datagrams: [sent: boolean, octets: number, path: Path][] = [];
  const client = new TestRun({
    ...common(far),
    env: shared,
    plan: clientPlan({
      tunnels,
      ownAddress: address(0),
      ownPort: far.ikePort,
      peerAddress: GATEWAY,
      peerPort: near.ikePort,
    }),
    hooks: {
      datagram: ({ sent, octets, path }) => void datagrams.push([sent, octets.length, path]),
    },
  });
  gateway.start();
  client.start();
  await until(() => client.figures().established + client.figures().failed === tunnels);
  const { hasChild, createdLive, setupRate } = client.summary();
  assert.deepEqual([hasChild, createdLive], [tunnels, tunnels]);
  assert.ok(setupRate! > 0);
  // Both ends share the table of CHILD_SAs of this process, so that their SPIs differ.
  assert.equal(shared.childrenBySpi.size, 2 * tunnels);
  const theirs = gateway.sas.ikeSas(0, 0).map((sa) => sa.peerAddress.join("."));
  assert.equal(new Set(theirs).size, tunnels);
  client.stop(true);
  const ours = await client.finalResult;
  gateway.stop(true);
  const other = await gateway.finalResult;
  for (const { result, figures } of [ours, other]) {
    assert.equal(result, RunResult.PASSED);
    assert.deepEqual([figures.retransmissions, figures.failed, figures.lost], [0, 0, 0]);
  }
  assert.equal(ours.figures.deletesUnanswered, 0);
  assert.equal(ours.figures.setupMs!.samples, tunnels);
  assert.ok(ours.figures.cpuMsPerTunnel! > 0);
  // IKE_SA_INIT, IKE_AUTH and the Delete of each tunnel, with their answers.
  assert.equal(datagrams.length, 6 * tunnels);
  assert.equal(datagrams.filter(([sent]) => sent).length, 3 * tunnels);
  assert.ok(datagrams.every(([, octets, path]) => octets > 28 && path.peerPort === near.ikePort));
  assert.equal(shared.childrenBySpi.size, 0);
});
