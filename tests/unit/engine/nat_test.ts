// NAT traversal over real sockets between a client and a gateway of our program, with a NAT on loopback
// between them.
import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { ownAddressesOf } from "@/engine/run/config_of.ts";
import { RunResult } from "@/engine/show/view.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import type { Transport } from "@/transport/transport.ts";
import { VARIANTS } from "../transport/_variants.ts";
import { behind, NatRelay } from "./nat_relay.ts";
import { setup } from "./setups.ts";
import { startRun, until } from "./two_runs.ts";

const GATEWAY = parsePrefix("127.0.0.1/8")!;

/** A run of a setup over `wrap`ped sockets, with the messages of its events up to level 4. */
function begin(
  whole: Setup,
  open: (typeof VARIANTS)[number]["open"],
  wrap: (transport: Transport) => Transport = (transport) => transport,
) {
  const { ownport: ikePort, ownnattport: nattPort } = whole;
  const inner = open({ ownAddresses: ownAddressesOf(whole, () => []), ikePort, nattPort });
  const transport = wrap(inner);
  return startRun(whole, transport);
}

const BOTH: Partial<IkeConf> = {
  psk: "one for both",
  dhgrpid: [31],
  enablenatt: true,
  nattkeepaliveinterval: 50,
};
const FREE = { ownport: 0, ownnattport: 0, setupinterval: 0, numberoftunnels: 1 };

function gatewayOf(open: (typeof VARIANTS)[number]["open"]) {
  return begin(setup({ ...FREE, role: "gateway", bindifaddr: GATEWAY }, BOTH), open);
}

function clientOf(
  gateway: Transport,
  open: (typeof VARIANTS)[number]["open"],
  { ike = {}, relay }: { ike?: Partial<IkeConf>; relay?: NatRelay },
) {
  const addresses = {
    startclntaddr: parsePrefix("127.0.2.1/8")!,
    peeraddr: GATEWAY.address,
    peerport: gateway.ikePort,
    peernattport: gateway.nattPort!,
    tunnelmaxretry: 1,
  };
  const whole = setup({ ...FREE, role: "client", ...addresses }, { ...BOTH, ...ike });
  return begin(whole, open, relay ? (inner) => behind(inner, relay) : undefined);
}

for (const { name, open } of VARIANTS) {
  Deno.test(`${name}: a tunnel through a NAT: NAT-T ports, keepalives, a mapping that changes, rekeys`, async () => {
    const gateway = gatewayOf(open);
    const { ikePort, nattPort } = gateway.transport;
    const relay = new NatRelay({ ikePort, nattPort: nattPort! });
    // Only the client sends liveness checks, so that the gateway learns of the new mapping from them.
    const ike = { forcedpd: true, dpdinterval: 300 };
    const client = clientOf(gateway.transport, open, { relay, ike });
    await until(() => client.run.figures().established === 1);
    const [ours] = client.run.sas.ikeSas(0, 0);
    const theirs = () => gateway.run.sas.ikeSas(0, 0)[0]!;
    assert.equal(ours!.peerPort, nattPort);
    assert.ok(relay.mapped.includes(theirs().peerPort), "the gateway sees the relay's port");
    const child = client.run.sas.childSas(ours!.spi)![0]!;
    assert.deepEqual(client.run.sas.childSa(child)!.encapsulation, {
      kind: "udp",
      ownPort: client.transport.nattPort,
      peerPort: nattPort,
    });
    const theirChild = gateway.run.sas.childSas(theirs().spi)![0]!;
    assert.deepEqual(gateway.run.sas.childSa(theirChild)!.encapsulation, {
      kind: "udp",
      ownPort: nattPort,
      peerPort: theirs().peerPort,
    });
    await until(() => gateway.run.figures().keepalivesReceived >= 2);
    assert.equal(gateway.run.figures().keepalivesSent, 0, "only the end behind the NAT sends them");
    const before = theirs().peerPort;
    relay.forget();
    await until(() => theirs().peerPort !== before);
    assert.ok(relay.mapped.includes(theirs().peerPort));
    const words = new RegExp(
      `mapping changed: 127.0.0.1:${before} is 127.0.0.1:${theirs().peerPort}`,
    );
    assert.match(gateway.said.join("\n"), words);
    // By the gateway, to the new mapping.
    assert.deepEqual(await gateway.run.rekeys.child(theirChild), { kind: "done" });
    const [after] = gateway.run.sas.childSas(theirs().spi)!;
    assert.ok(gateway.run.sas.childSa(after!)!.encapsulation);
    client.run.stop(true);
    const ending = await client.run.finalResult;
    assert.deepEqual([ending.result, ending.figures.deletesUnanswered], [RunResult.PASSED, 0]);
    assert.ok(ending.figures.keepalivesSent >= 2);
    gateway.run.stop(true);
    assert.equal((await gateway.run.finalResult).result, RunResult.PASSED);
    relay.close();
  });

  Deno.test(`${name}: a client with disallownat refuses a NAT on the path, and says why`, async () => {
    // Where the client looks for NATs itself, and where it leaves that to the gateway.
    for (const enablenatt of [true, false]) {
      const gateway = gatewayOf(open);
      const { ikePort, nattPort } = gateway.transport;
      const relay = new NatRelay({ ikePort, nattPort: nattPort! });
      const ike = { disallownat: true, enablenatt };
      const client = clientOf(gateway.transport, open, { relay, ike });
      const { result, figures } = await client.run.finalResult;
      assert.equal(result, RunResult.FAILED);
      const [failure] = figures.failures;
      assert.equal(failure!.cause, enablenatt ? "REFUSED_HERE" : "UNEXPECTED_NAT_DETECTED");
      assert.match(failure!.example, /NAT .*disallownat allows none/);
      gateway.run.stop(false);
      await gateway.run.finalResult;
      relay.close();
    }
  });

  Deno.test(`${name}: without a NAT the ports stay; with forced encapsulation all but IKE_SA_INIT uses the NAT-T port`, async () => {
    for (const forced of [false, true]) {
      const gateway = gatewayOf(open);
      const { ikePort, nattPort } = gateway.transport;
      const ike = { tradtionalencapforceudp: forced };
      const client = clientOf(gateway.transport, open, { ike });
      await until(() => client.run.figures().established === 1);
      assert.equal(client.run.sas.ikeSas(0, 0)[0]!.peerPort, forced ? nattPort : ikePort);
      const [sa] = gateway.run.sas.ikeSas(0, 0);
      const dump = gateway.run.sas.childSa(gateway.run.sas.childSas(sa!.spi)![0]!)!;
      assert.equal(dump.encapsulation !== undefined, forced);
      client.run.stop(true);
      assert.equal((await client.run.finalResult).result, RunResult.PASSED);
      gateway.run.stop(true);
      await gateway.run.finalResult;
    }
  });
}
