// EAP from setups, over loopback: methods of our own with a user table, a RADIUS server behind the
// gateway, and how they fail. EAP-only, so that no certificates are needed.
import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { openEapServer } from "@/eap/server.ts";
import { RadiusFace } from "@/eap/radius/face.ts";
import { EapUsers } from "@/eap/users.ts";
import { ikeConfigOf, ownAddressesOf, planOf } from "@/engine/run/config_of.ts";
import { NO_CERTIFICATES } from "@/engine/run/certificate_files.ts";
import { openEap } from "@/engine/run/eap_of.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { RunResult } from "@/engine/show/view.ts";
import { EapType } from "@/iana/eap_type.ts";
import { RadiusServer } from "@/radius/server.ts";
import { EAP_USER } from "@/setup/eap_options.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import { setup } from "./setups.ts";

const LOOPBACK = parsePrefix("127.0.0.1/8")!;
const crypto = portableBackend();
const random = crypto.randomOctets;

/** A run of a setup, and the EAP behind it. */
function open(role: "client" | "gateway", top: Partial<Setup>, ike: Partial<IkeConf>) {
  const whole = setup({ role, ownport: 0, setupinterval: 0, numberoftunnels: 4, ...top }, {
    dhgrpid: [31],
    retraninterval: 2_000,
    ...ike,
  });
  const notes: string[] = [];
  const means = { random, tls: undefined, certificates: NO_CERTIFICATES };
  const eap = openEap(whole, { ...means, note: (words) => void notes.push(words) })!;
  const transport = openPortableUdp({
    ownAddresses: ownAddressesOf(whole, () => []),
    ikePort: whole.ownport,
  });
  const run = new TestRun({
    setup: whole,
    setupFileName: "my.yaml",
    config: ikeConfigOf(whole, undefined, { certificates: NO_CERTIFICATES, eap }),
    plan: planOf(whole, transport),
    env: { crypto, random, childrenBySpi: new Map(), broken: new Set() },
    transport,
    events: new EventHub(),
    notYet: [],
  });
  run.start();
  return { run, eap, port: transport.ikePort };
}

const GATEWAY: Partial<IkeConf> = { authownmethod: "eap-only", authpeermethod: "eap", myid: "gw" };
const CLIENT: Partial<IkeConf> = {
  authownmethod: "eap",
  authpeermethod: "eap-only",
  myid: "bob&d",
  eapmethod: [EapType.MSCHAPV2],
  eappassword: "secret-&d",
};

function user(change: Partial<IkeConf["eapusers"][number]>): IkeConf["eapusers"][number] {
  const { identity, password, methods, simk, simopc, simsqn } = EAP_USER;
  const plain = { identity: identity.value, password: password.value, methods: methods.value };
  return { ...plain, simk: simk.value, simopc: simopc.value, simsqn: simsqn.value, ...change };
}

/** Client and gateway until the client has ended by itself. */
async function meet(
  gatewayIke: Partial<IkeConf>,
  clientIke: Partial<IkeConf> = {},
  top: Partial<Setup> = {},
) {
  const gateway = open("gateway", { bindifaddr: LOOPBACK }, { ...GATEWAY, ...gatewayIke });
  const startclntaddr = parsePrefix("127.0.3.1/8")!;
  const addresses = { startclntaddr, peeraddr: LOOPBACK.address, peerport: gateway.port };
  const client = open("client", { ...addresses, runningtime: 1_500, tunnelmaxretry: 1, ...top }, {
    ...CLIENT,
    ...clientIke,
  });
  const ours = await client.run.finalResult;
  gateway.run.stop(false);
  const theirs = await gateway.run.finalResult;
  await Promise.all([client.eap.close(), gateway.eap.close()]);
  return { ours, theirs };
}

const USERS = [user({ identity: "bob&d", password: "secret-&d" })];

Deno.test("tunnels by EAP-MSCHAPv2, each with an identity and a password of its own", async () => {
  const own = { eapmethod: [EapType.MSCHAPV2], eapusers: USERS };
  const { ours } = await meet(own);
  assert.equal(ours.result, RunResult.PASSED);
  assert.equal(ours.figures.established, 4);
});

Deno.test("tunnels by EAP-AKA, whose cards go on where they were", async () => {
  const simk = "465b5ce8b199b49faa5f0a2ee238a6bc";
  const simopc = "cd63cb71954a9f4e48a5994e37a02baf";
  const aka = { eapmethod: [EapType.AKA], myid: "0232010000000000", eapsimk: simk };
  const users = [user({ identity: "0232010000000000", simk, simopc, simsqn: "1234" })];
  const { ours } = await meet(
    { eapmethod: [EapType.AKA], eapusers: users },
    { ...aka, eapsimopc: simopc },
    { numberoftunnels: 1 },
  );
  assert.deepEqual(ours.figures.failures, []);
  assert.equal(ours.figures.established, 1);
});

Deno.test("a wrong password fails its tunnels with a cause and words", async () => {
  const own = { eapmethod: [EapType.MSCHAPV2], eapusers: USERS };
  const { ours } = await meet(own, { eappassword: "guess" });
  assert.equal(ours.result, RunResult.FAILED);
  const [failure] = ours.figures.failures;
  assert.match(failure!.cause, /^EAP: /);
  assert.match(failure!.example, /EAP-MSCHAPv2/);
});

/** A RADIUS server of ours, with the users of the table. */
function radius(secret: string) {
  const users = new EapUsers([{ identity: "bob&d", password: "secret-&d" }]);
  const env = { random, tls: undefined };
  const face = new RadiusFace({
    secret: new TextEncoder().encode(secret),
    random,
    open: () => openEapServer({ methods: [EapType.MSCHAPV2], users }, env),
  });
  const server = new RadiusServer({ hostname: "127.0.0.1", port: 0 }, face);
  const eapradiussvr = [{ address: LOOPBACK.address, port: server.address.port }];
  return { server, eapradiussvr };
}

for (const eapsendstart of [true, false]) {
  const begins = eapsendstart ? "EAP-Start" : "the identity";
  Deno.test(`a gateway relays EAP to a RADIUS server, and begins with ${begins}`, async () => {
    const { server, eapradiussvr } = radius("shared");
    const { ours } = await meet({ eapradiussvr, eapradiusss: "shared", eapsendstart });
    await server.close();
    assert.deepEqual(ours.figures.failures, []);
    assert.equal(ours.figures.established, 4);
  });
}
