// Reauthentication over real sockets: tunnels are dialled again each second, and none is lost.
import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { ownAddressesOf } from "@/engine/run/config_of.ts";
import { RunResult } from "@/engine/show/view.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import { VARIANTS } from "../transport/_variants.ts";
import { setup } from "./setups.ts";
import { startRun, until } from "./two_runs.ts";

const GATEWAY = parsePrefix("127.0.0.1/8")!;
const IKE: Partial<IkeConf> = { psk: "one for both", dhgrpid: [31], margintime: 500 };
const FREE = { ownport: 0, ownnattport: 0, setupinterval: 0, numberoftunnels: 2 };
const GIVES: Partial<IkeConf> = { ...IKE, reauth: true, reauthlifetime: 1_000 };

const { name, open } = VARIANTS[0]!;

Deno.test(`${name}: tunnels authenticate again (reauth), and are no others for that`, async () => {
  const sockets = (whole: Setup) =>
    open({ ownAddresses: ownAddressesOf(whole, () => []), ikePort: 0, nattPort: 0 });
  const ofGateway = setup({ ...FREE, role: "gateway", bindifaddr: GATEWAY }, GIVES);
  const atGateway = sockets(ofGateway);
  const gateway = startRun(ofGateway, atGateway);
  const dials = (ike: Partial<IkeConf>) => {
    const startclntaddr = parsePrefix("127.0.2.1/8")!;
    const peerport = atGateway.ikePort;
    const top = { ...FREE, role: "client", startclntaddr, peeraddr: GATEWAY.address } as const;
    const whole = setup({ ...top, peerport, tunnelmaxretry: 1 }, { ...IKE, ...ike });
    return startRun(whole, sockets(whole));
  };
  const client = dials({ reauth: true });
  await until(() => client.run.figures().reauthentications >= 4);
  client.run.stop(true);
  const ending = await client.run.finalResult;
  assert.equal(ending.result, RunResult.PASSED);
  assert.deepEqual([ending.figures.established, ending.figures.lost, ending.figures.failed], [
    2,
    0,
    0,
  ]);
  assert.match(client.said.join("\n"), /Tunnel 0 authenticates again/);
  assert.equal(gateway.run.figures().lost, 0);
  assert.equal(gateway.run.figures().established, 2, "the same tunnels to the gateway");

  const other = dials({});
  await until(() => other.said.some((line) => /within 1s: reauth is false/.test(line)));
  other.run.stop(true);
  await other.run.finalResult;
  gateway.run.stop(true);
  await gateway.run.finalResult;
});

/** A client with two tunnels that authenticates again before their IKE SAs end, and its gateway. */
function beside(ike: Partial<IkeConf>, more: Partial<Setup> = {}) {
  const sockets = (whole: Setup) =>
    open({ ownAddresses: ownAddressesOf(whole, () => []), ikePort: 0, nattPort: 0 });
  const ofGateway = setup({ ...FREE, role: "gateway", bindifaddr: GATEWAY }, GIVES);
  const atGateway = sockets(ofGateway);
  const gateway = startRun(ofGateway, atGateway);
  const startclntaddr = parsePrefix("127.0.2.1/8")!;
  const peerport = atGateway.ikePort;
  const top = { ...FREE, role: "client", startclntaddr, peeraddr: GATEWAY.address } as const;
  const conf: Partial<IkeConf> = { ...IKE, reauth: true, reauthmode: "make", ...ike };
  const whole = setup({ ...top, peerport, ...more }, conf);
  return { gateway, client: startRun(whole, sockets(whole)) };
}

Deno.test(`${name}: tunnels authenticate again before they leave (reauthmode: make)`, async () => {
  const { gateway, client } = beside({});
  await until(() => client.run.figures().established === 2);
  await until(() => {
    assert.equal(client.run.figures().live, 2, "a tunnel is there while it authenticates again");
    return client.run.figures().reauthentications >= 4;
  });
  client.run.stop(true);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.established, figures.lost, figures.failed], [2, 0, 0]);
  assert.match(client.said.join("\n"), /Tunnel 0 authenticated again: /);
  assert.match(client.said.join("\n"), /Tunnel 0 goes on without an IKE SA of before/);
  const atGateway = gateway.run.figures();
  assert.deepEqual([atGateway.established, atGateway.lost], [2, 0], "the same tunnels there");
  assert.equal(atGateway.displaced, 0, "no INITIAL_CONTACT ends the IKE SA before");
  gateway.run.stop(true);
  await gateway.run.finalResult;
});

Deno.test(`${name}: flapping tunnels authenticate again beside themselves too`, async () => {
  const flapconf = {
    flapping: true,
    numoftunnel: -1,
    minflapinterval: 20,
    maxflapinterval: 900,
    flapresume: false,
  };
  const { gateway, client } = beside({}, { flapconf });
  await until(() => {
    const { reauthentications, flaps } = client.run.figures();
    return reauthentications >= 3 && flaps >= 8;
  });
  client.run.stop(true);
  const { result, figures } = await client.run.finalResult;
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.established, figures.lost, figures.failed], [2, 0, 0]);
  gateway.run.stop(true);
  await gateway.run.finalResult;
});

Deno.test(`${name}: a tunnel that cannot authenticate again goes on, and says so`, async () => {
  const quick = { retraninterval: 40, maxretran: 2 };
  const { gateway, client } = beside(quick, { tunnelmaxretry: 2, tunnelretryinterval: 50 });
  await until(() => client.run.figures().established === 2);
  gateway.run.stop(false); // It ends without a Delete: from now on nobody answers.
  await gateway.run.finalResult;
  const said = () => client.said.join("\n");
  await until(() => /Tunnel 1 could not authenticate again \(try 2 of 2\): No answer/.test(said()));
  assert.match(said(), /\(try 1 of 2\): No answer to IKE_SA_INIT .*; next try in 50ms/);
  assert.match(said(), /; it goes on until its gateway ends it/);
  assert.deepEqual([client.run.figures().live, client.run.figures().lost], [2, 0]);
  client.run.stop(false);
  await client.run.finalResult;
});
