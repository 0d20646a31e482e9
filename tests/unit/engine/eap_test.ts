// EAP from setups, over loopback: methods of our own with a user table, a RADIUS server behind the
// gateway, and how they fail. EAP-only, so that no certificates are needed.
import { readTriplets } from "@/engine/run/triplet_files.ts";
import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { openEapServer } from "@/eap/server.ts";
import { RadiusFrontEnd } from "@/eap/radius/front_end.ts";
import { EapUsers } from "@/eap/users.ts";
import { ikeConfigOf, ownAddressesOf, planOf } from "@/engine/run/config_of.ts";
import { NO_CERTIFICATES } from "@/engine/run/certificate_files.ts";
import { type EapEnd, openEap } from "@/engine/run/eap_of.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { RunResult } from "@/engine/show/view.ts";
import { EapType } from "@/iana/eap_type.ts";
import { decodeRadius, type RadiusPacket, radiusValue } from "@/eap/radius/packet.ts";
import { sealResponse } from "@/eap/radius/secret.ts";
import { RadiusAttribute } from "@/iana/radius.ts";
import { RadiusClient } from "@/radius/client.ts";
import { type RadiusHandler, RadiusServer } from "@/radius/server.ts";
import { EAP_USER } from "@/setup/eap_options.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import { setup } from "./setups.ts";

const LOOPBACK = parsePrefix("127.0.0.1/8")!;
const crypto = portableBackend();
const random = crypto.randomOctets;

/** Opens a run of a setup with its EAP, or with another one. */
function open(
  role: "client" | "gateway",
  top: Partial<Setup>,
  ike: Partial<IkeConf>,
  otherEap?: EapEnd,
) {
  const whole = setup({ role, ownport: 0, setupinterval: 0, numberoftunnels: 4, ...top }, {
    dhgrpid: [31],
    retraninterval: 2_000,
    ...ike,
  });
  const notes: string[] = [];
  const means = { random, tls: undefined, certificates: NO_CERTIFICATES };
  const eap = otherEap ?? openEap(whole, { ...means, note: (words) => void notes.push(words) })!;
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
  const { identity, password, methods, simk, simopc, simsqn, simtriplets } = EAP_USER;
  const plain = { identity: identity.value, password: password.value, methods: methods.value };
  const sim = { simk: simk.value, simopc: simopc.value, simsqn: simsqn.value };
  return { ...plain, ...sim, simtriplets: simtriplets.value, ...change };
}

/** Runs client and gateway until the client has ended by itself. */
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
  const { ours } = await meet(own, {}, { runningtime: 4_000 });
  assert.equal(ours.result, RunResult.PASSED);
  assert.equal(ours.figures.established, 4);
});

Deno.test("tunnels by EAP-AKA, whose cards keep their sequence numbers", async () => {
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

Deno.test("a wrong password fails its tunnels with a cause and an example", async () => {
  const own = { eapmethod: [EapType.MSCHAPV2], eapusers: USERS };
  const { ours } = await meet(own, { eappassword: "guess" });
  assert.equal(ours.result, RunResult.FAILED);
  const [failure] = ours.figures.failures;
  assert.match(failure!.cause, /^EAP: /);
  assert.match(failure!.example, /EAP-MSCHAPv2/);
});

/** Our RADIUS server, with the users of the table. */
function radius(secret: string) {
  const users = new EapUsers([{ identity: "bob&d", password: "secret-&d" }]);
  const env = { random, tls: undefined };
  const frontEnd = new RadiusFrontEnd({
    secret: new TextEncoder().encode(secret),
    random,
    open: () => openEapServer({ methods: [EapType.MSCHAPV2], users }, env),
  });
  const server = new RadiusServer({ hostname: "127.0.0.1", port: 0 }, frontEnd);
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

/** What a RADIUS server does with the requests of each user; others are served, one of them slowly. */
const BAD: Readonly<Record<string, { readonly cause: RegExp; readonly words: RegExp }>> = {
  silent: { cause: /^EAP: silent server$/, words: /no answer to 2 requests$/ },
  lying: { cause: /^EAP: lying server$/, words: /RADIUS packet of 4 octets/ },
  secret: { cause: /^EAP: wrong secret$/, words: /authenticator of its ACCESS_ACCEPT is wrong/ },
  rejecting: { cause: /^EAP: rejected$/, words: /rejects|ACCESS_REJECT/i },
  forgetful: { cause: /^EAP: no MSK$/, words: /its ACCESS_ACCEPT has no MS-MPPE keys/ },
};

/** A server that treats each user as its name says. */
function treating(secret: string): RadiusHandler {
  const users = new EapUsers([{ identity: "*", password: "pass" }]);
  const octets = new TextEncoder().encode(secret);
  const frontEnd = new RadiusFrontEnd({
    secret: octets,
    random,
    open: () => openEapServer({ methods: [EapType.MSCHAPV2], users }, { random, tls: undefined }),
  });
  const withoutKeys = (request: RadiusPacket, said: Uint8Array) => {
    const { code, identifier, attributes } = decodeRadius(said);
    const { VENDOR_SPECIFIC, MESSAGE_AUTHENTICATOR } = RadiusAttribute;
    const kept = attributes.filter(({ type }) =>
      type !== VENDOR_SPECIFIC && type !== MESSAGE_AUTHENTICATOR
    );
    return sealResponse({ code, identifier, attributes: kept }, request.authenticator, octets);
  };
  return {
    async receive(datagram, from, nowMs) {
      const packet = decodeRadius(datagram);
      const name = new TextDecoder().decode(radiusValue(packet, RadiusAttribute.USER_NAME));
      const reply = (code: number, length: number) => {
        const made = new Uint8Array(length < 20 ? length : 20);
        made.set([code, datagram[1]!, 0, Math.max(20, length)]);
        return { octets: made, note: undefined };
      };
      // Each answer comes after the request was sent again.
      if (name === "slow") await new Promise((resolve) => setTimeout(resolve, 90));
      if (name === "silent") return { octets: undefined, note: undefined };
      if (name === "lying") return reply(2, 4);
      if (name === "secret") return reply(2, 20);
      const said = await frontEnd.receive(datagram, from, nowMs);
      if (name !== "forgetful" || !said.octets) return said;
      return { ...said, octets: withoutKeys(packet, said.octets) };
    },
  };
}

Deno.test("each way in which a RADIUS server is bad is a cause of its own at the gateway, and others are served", async () => {
  const server = new RadiusServer({ hostname: "127.0.0.1", port: 0 }, treating("shared"));
  const relay = new RadiusClient({
    servers: [server.address],
    secret: new TextEncoder().encode("shared"),
    nasIdentifier: "gateway",
    random,
    sendStart: false,
    tries: 2,
    firstWaitMs: 60,
  });
  const relayed: EapEnd = {
    peer: { kind: "eap", asksIdentity: false, open: () => relay.open([]) },
    close: () => relay.close(),
  };
  const gateway = open("gateway", { bindifaddr: LOOPBACK }, { ...GATEWAY, eapmethod: [] }, relayed);
  const clients = [...Object.keys(BAD), "slow", "served"].map((name, i) => {
    const startclntaddr = parsePrefix(`127.0.4.${i + 1}/8`)!;
    const addresses = { startclntaddr, peeraddr: LOOPBACK.address, peerport: gateway.port };
    const top = { ...addresses, runningtime: 1_500, tunnelmaxretry: 1, numberoftunnels: 1 };
    const eappassword = name === "rejecting" ? "wrong" : "pass";
    return open("client", top, { ...CLIENT, myid: name, eappassword });
  });
  const results = await Promise.all(clients.map(({ run }) => run.finalResult));
  const { strangers, established } = gateway.run.figures();
  gateway.run.stop(false);
  await gateway.run.finalResult;
  await Promise.all([...clients, gateway].map(({ eap }) => eap.close()));
  await server.close();
  const told = JSON.stringify(strangers.map(({ cause, example }) => [cause, example]));
  assert.equal(established, 2, told);
  assert.deepEqual(results.slice(-2).map(({ result }) => result), [
    RunResult.PASSED,
    RunResult.PASSED,
  ]);
  for (const [name, { cause, words }] of Object.entries(BAD)) {
    const found = strangers.find((one) => cause.test(one.cause));
    assert.ok(found && words.test(found.example), `${name}: ${told}`);
  }
});

Deno.test("a file of triplets that is missing, or has too few, is told by its user", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const of = (text: string) => {
      const simtriplets = `${directory}/cards`;
      Deno.writeTextFileSync(simtriplets, text);
      return () => readTriplets([user({}), user({ identity: "bob", simtriplets })]);
    };
    const line = (octet: string) => `bob,${octet.repeat(32)},${"1".repeat(8)},${"2".repeat(16)}`;
    const [none, found] = of([1, 2, 3].map((n) => line(`${n}`)).join("\n"))();
    assert.deepEqual([none, found?.all.length], [undefined, 3]);
    assert.throws(of(line("1")), {
      message: /eapusers\[1\]\.simtriplets: .*cards: .* by 1 triplets/,
    });
    const missing = [user({ simtriplets: `${directory}/none` })];
    assert.throws(() => readTriplets(missing), { message: /eapusers\[0\]\.simtriplets: .*none: / });
    const pipe = [user({ simtriplets: directory })];
    assert.throws(() => readTriplets(pipe), { message: /it is no file/ });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
