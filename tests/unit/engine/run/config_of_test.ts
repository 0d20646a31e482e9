import assert from "node:assert/strict";
import { parseAddress, parsePrefix, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { ikeConfigOf, isTcpAlone, ownAddressesOf, planOf } from "@/engine/run/config_of.ts";
import { pathOfTunnel } from "@/engine/run/plan.ts";
import type { IdentityRule } from "@/ike/records/config.ts";
import type { Setup } from "@/setup/setup.ts";
import { setup, ts } from "../setups.ts";

const PORTS = { ikePort: 500, halfOpenMax: 64 };

Deno.test("the defaults have the documented values, as IANA numbers", () => {
  const config = ikeConfigOf(setup({}, { psk: "secret" }));
  assert.deepEqual(config.algorithms, {
    encryption: [{ id: 12, keyBits: 128 }],
    integrity: [12],
    prf: [5],
    groups: [14],
    additional: [],
  });
  const { retransmitIntervalMs, transmissionsMax, retransmitBackoff, halfOpenTimeoutMs } = config;
  assert.deepEqual([retransmitIntervalMs, transmissionsMax, retransmitBackoff], [10_000, 4, 1]);
  // As long as a peer like us would repeat its request.
  assert.equal(halfOpenTimeoutMs, 40_000);
  const psk = { kind: "psk", secret: new TextEncoder().encode("secret") };
  assert.deepEqual(config.auth, { own: psk, peer: psk });
  assert.equal(config.cookieThreshold, -1);
  assert.equal(config.initialContact, true);
  const [child] = config.children;
  assert.deepEqual(child!.encryption, [{ id: 12, keyBits: 128 }]);
  assert.deepEqual([child!.protocol, child!.lifetimeMs, child!.replayWindow], [3, 300_000, 256]);
  assert.deepEqual([child!.ownTsStep, child!.peerTsStep], [0, 1]);
});

Deno.test("mtu is used only with enablefragment", () => {
  const sizes = (enablefragment: boolean) => {
    const own = { enablefragment, mtu: 700, reassembletimeout: 9_000 };
    const { fragmentOctets, reassembleTimeoutMs } = ikeConfigOf(setup({}, own));
    return [fragmentOctets, reassembleTimeoutMs];
  };
  assert.deepEqual(sizes(false), [0, 9_000]);
  assert.deepEqual(sizes(true), [700, 9_000]);
  assert.equal(ikeConfigOf(setup()).reassembleTimeoutMs, 30_000);
});

Deno.test("options of the other role have no effect", () => {
  const ike = { peerid: "gw.test", matchpeerid: true, numoftunneltoenablecookie: 7 };
  const gateway = ikeConfigOf(setup({ role: "gateway", owntsaddrincrease: 3 }, ike));
  assert.equal(gateway.peerId, undefined);
  assert.equal(gateway.matchPeerId, false);
  assert.equal(gateway.initialContact, false);
  assert.equal(gateway.cookieThreshold, 7);
  assert.deepEqual([gateway.children[0]!.ownTsStep, gateway.children[0]!.peerTsStep], [0, 0]);
  const client = ikeConfigOf(setup({}, ike));
  assert.equal(client.cookieThreshold, -1);
  assert.equal(client.matchPeerId, true);
});

Deno.test("myid and peerid: addresses, e-mail, names, &d of a client only", () => {
  const own = (myid: string, role: "client" | "gateway" = "client") =>
    shown(ikeConfigOf(setup({ role }, { myid })).ownId);
  assert.equal(own("client-src-addr"), "own-address");
  assert.equal(own("192.0.2.1"), "1 c0000201");
  assert.equal(own("2001:db8::1"), "5 20010db8000000000000000000000001");
  assert.equal(own("me@example.org"), "3 me@example.org");
  assert.equal(own("gw.example.org"), "2 gw.example.org");
  assert.equal(own("c-&d.example.org"), "template 2 c-&d.example.org");
  assert.equal(own("c&d@example.org"), "template 3 c&d@example.org");
  assert.equal(own("c-&d.example.org", "gateway"), "2 c-&d.example.org");
  const peer = (peerid: string) => {
    const rule = ikeConfigOf(setup({}, { peerid })).peerId;
    return rule && shown(rule);
  };
  assert.equal(peer(""), undefined);
  assert.equal(peer("peer-addr"), "peer-address");
  assert.equal(peer("192.0.2.1"), "1 c0000201");
  assert.equal(peer("gw-&d.test"), "2 gw-&d.test");
  assert.throws(() => own("eapusepcap"), /eapusepcap/);
});

Deno.test("selectors keep their family, protocol and ports; AH has no encryption", () => {
  const v6 = ts("2001:db8::", "2001:db8::ff", { protocol: 17, startport: 53, endport: 53 });
  const config = ikeConfigOf(
    setup({ peertsaddrincrease: 0 }, {}, { protocol: "ah", peerts: [v6] }),
  );
  const [child] = config.children;
  assert.deepEqual([child!.protocol, child!.encryption], [2, []]);
  const { tsType, protocol, startPort, endPort, startAddress } = child!.peerTs[0]!;
  assert.deepEqual([tsType, protocol, startPort, endPort], [8, 17, 53, 53]);
  assert.equal(showAddress(startAddress), "2001:db8::");
  assert.equal(child!.ownTs[0]!.tsType, 7);
});

Deno.test("tunnel i has the first address + i, more apart only under MOBIKE", () => {
  const plan = planOf(setup({ mobikeaddrpertunnel: 4 }), PORTS);
  assert.equal(plan.role, "client");
  if (plan.role !== "client") return;
  assert.equal(showAddress(pathOfTunnel(plan, 2).ownAddress), "10.1.0.3");
  assert.deepEqual([plan.ownPort, plan.peerPort, plan.halfOpenMax], [500, 500, 64]);
  assert.deepEqual([plan.setupIntervalMs, plan.retryIntervalMs, plan.triesMax], [100, 10_000, 3]);
  const mobile = planOf(setup({ mobike: true, mobikeaddrpertunnel: 4, maxhalfopen: 9 }), PORTS);
  if (mobile.role !== "client") return assert.fail();
  assert.equal(showAddress(pathOfTunnel(mobile, 2).ownAddress), "10.1.0.9");
  assert.equal(mobile.halfOpenMax, 9);
});

Deno.test("sockets: at every tunnel's address, at the gateway's, or at its interface", () => {
  const none = () => [];
  const client = ownAddressesOf(setup({ numberoftunnels: 3 }), none);
  assert.deepEqual(client.map(showAddress), ["10.1.0.1", "10.1.0.2", "10.1.0.3"]);
  const gateway = setup({ role: "gateway", bindifaddr: parsePrefix("10.9.0.1/24")! });
  assert.deepEqual(ownAddressesOf(gateway, none).map(showAddress), ["10.9.0.1"]);
  const anywhere = setup({ role: "gateway", bindifname: "eth7" });
  const found = ownAddressesOf(
    anywhere,
    (name) => name === "eth7" ? [Uint8Array.of(1, 2, 3, 4)] : [],
  );
  assert.deepEqual(found.map(showAddress), ["1.2.3.4"]);
  assert.throws(() => ownAddressesOf(anywhere, none), /eth7: set bindifaddr/);
});

Deno.test("a client without addresses, or with two families, is refused by option", () => {
  assert.throws(() => planOf(setup({ startclntaddr: undefined }), PORTS), /startclntaddr/);
  assert.throws(() => planOf(setup({ peeraddr: undefined }), PORTS), /peeraddr/);
  const mixed = setup({ peeraddr: parseAddress("2001:db8::1")! });
  assert.throws(() => planOf(mixed, PORTS), SetupError);
});

Deno.test("NAT traversal: detection with its ports, also where encapsulation is forced", () => {
  const natt = (ike: Record<string, unknown>, port?: number) =>
    ikeConfigOf(setup({ ownnattport: 0, peernattport: 4501 }, ike), port).natt;
  assert.equal(natt({}), undefined);
  const enabled = { enablenatt: true, nattkeepaliveinterval: 20_000 };
  assert.deepEqual(natt(enabled, 40_500), {
    ownPort: 40_500,
    peerPort: 4501,
    forced: false,
    keepaliveMs: 20_000,
  });
  assert.equal(natt({ tradtionalencapforceudp: true }, 1)?.forced, true);
  const refuses = (role: "client" | "gateway") =>
    ikeConfigOf(setup({ role }, { disallownat: true })).refuseNat;
  assert.deepEqual([refuses("client"), refuses("gateway")], [true, false]);
});

Deno.test("TCP: the paths of tunnels are in TCP with the peer's TCP port, and NATs are detected", () => {
  const ike = { tcpencap: true, peertcpport: 4567 };
  const plan = planOf(setup({ numberoftunnels: 2 }, ike), { ikePort: 4501, halfOpenMax: 9 });
  assert.ok(plan.role === "client");
  const { ownPort, peerPort, tcp } = pathOfTunnel(plan, 1);
  assert.deepEqual([ownPort, peerPort, tcp], [4501, 4567, true]);
  assert.equal(ikeConfigOf(setup({}, ike)).natt?.forced, false);
  const alone = (role: "client" | "gateway", more: object) =>
    isTcpAlone(setup({ role }, { ...ike, ...more }));
  assert.deepEqual([
    alone("client", {}),
    alone("gateway", {}),
    alone("gateway", { traditionalencap: false }),
    alone("client", { tcpencap: false }),
  ], [true, false, true, false]);
});

Deno.test("flaps: all tunnels or the first so many, and none where they are switched off", () => {
  const flapOf = (conf: Partial<Setup["flapconf"]>, top: Partial<Setup> = {}) => {
    const whole = setup({ numberoftunnels: 7, ...top });
    const plan = planOf({ ...whole, flapconf: { ...whole.flapconf, ...conf } }, PORTS);
    return "flap" in plan ? plan.flap : undefined;
  };
  assert.deepEqual(flapOf({ flapping: true }), { tunnels: 7, minMs: 30_000, maxMs: 60_000 });
  const some = {
    flapping: true,
    numoftunnel: 2,
    minflapinterval: 10_000,
    maxflapinterval: 11_000,
    flapresume: false,
  };
  assert.deepEqual(flapOf(some), { tunnels: 2, minMs: 10_000, maxMs: 11_000 });
  assert.equal(flapOf({ ...some, numoftunnel: 0 }), undefined);
  assert.equal(flapOf({ ...some, flapping: false }), undefined);
});

function shown(rule: IdentityRule): string {
  if (rule.kind === "template") return `template ${rule.idType} ${rule.text}`;
  if (rule.kind !== "fixed") return rule.kind;
  const { idType, data } = rule.identity;
  const isAddress = idType === 1 || idType === 5;
  const hex = [...data].map((o) => o.toString(16).padStart(2, "0")).join("");
  return `${idType} ${isAddress ? hex : new TextDecoder().decode(data)}`;
}

Deno.test("matchpeerid is about the first certificate of a peer that authenticates twice", () => {
  const of = (authpeermethod: "psk" | "rsa", authpeer2: "none" | "rsa") => {
    const ike = { authpeermethod, authpeer2, matchpeerid: "cert", peerid: "gw.test" } as const;
    const { peer, peer2 } = ikeConfigOf(setup({ role: "client" }, ike)).auth;
    return [peer, peer2].map((one) => one?.kind === "signature" && one.mustHold !== undefined);
  };
  assert.deepEqual(of("rsa", "rsa"), [true, false]);
  assert.deepEqual(of("psk", "rsa"), [false, true]);
  assert.deepEqual(of("rsa", "none"), [true, false]);
});
