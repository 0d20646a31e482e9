// Named ladders of what a CHILD_SA negotiates beside ciphers and selectors: sequence numbers, AH,
// mode (RFC 7296 §1.3.1, §3.3.2).
import assert from "node:assert/strict";
import { Integ } from "@/iana/integ.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { ChildConfig, IkeConfig } from "@/ike/records/config.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { notify } from "@/ike/records/notify.ts";
import { showSelectors } from "@/ike/negotiate/selectors.ts";
import { childRequest } from "@/ike/tasks/child_negotiation.ts";
import { answerFault, chooseIpcomp } from "@/ike/tasks/child_notifies.ts";
import { substituted } from "@/ike/negotiate/transport_mode.ts";
import { boxOfA, boxOfB, natPair } from "@/sim/nat_scenarios.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { range4, worldConfig } from "@/sim/scenarios.ts";
import { type Host, World } from "@/sim/world.ts";
import { CRYPTO, losslessNetwork, twoHosts } from "../two_hosts.ts";

const [CHILD] = worldConfig().children;
const AH: Partial<ChildConfig> = {
  protocol: ProtocolId.AH,
  encryption: [],
  integrity: [Integ.AUTH_HMAC_SHA2_256_128],
};

interface Stage {
  readonly world: World;
  readonly a: Host;
  readonly b: Host;
  /** The ladder from line `from` on, without times and without the texts of failures. */
  lines(from?: number): string[];
}

/** Host a dials, host b answers, in a perfect network; each with its own child list. */
function stage(
  a: readonly Partial<ChildConfig>[],
  b: readonly Partial<ChildConfig>[] = a,
  change: Partial<IkeConfig> = {},
): Stage {
  const config = (list: readonly Partial<ChildConfig>[]) => ({
    ...change,
    children: list.map((child) => ({ ...CHILD!, ...child })),
  });
  const { world, a: hostA, b: hostB } = twoHosts({ a: config(a), b: config(b) });
  const lines = (from = 0) =>
    world.ladder.slice(from).map((line) =>
      line.slice(11).replace(/(failed|no CHILD_SA): .*/, "$1")
    );
  world.dial(hostA, hostB);
  world.run();
  return { world, a: hostA, b: hostB, lines };
}

function tunnel(host: Host): IkeSa {
  const [sa] = [...host.endpoint.bySpi.values()].filter((s) => s.phase === "established");
  return sa!;
}

function childrenOf(host: Host): ChildSa[] {
  return tunnel(host).children.filter((child) => child.state === "established");
}

/** The only CHILD_SA of each end; both must belong together. */
function both({ a, b }: Stage): readonly [ChildSa, ChildSa] {
  const [ofA, ...moreA] = childrenOf(a);
  const [ofB, ...moreB] = childrenOf(b);
  assert.equal(moreA.length + moreB.length, 0);
  assert.equal(ofA!.spiIn, ofB!.spiOut);
  assert.deepEqual(ofA!.keys, ofB!.keys);
  return [ofA!, ofB!];
}

/** Rekeys the CHILD_SA by each end in turn. */
function rekeyed(rig: Stage, look: (children: readonly ChildSa[]) => void): void {
  for (const host of [rig.a, rig.b]) {
    const sa = tunnel(host);
    const child = sa.children[0]!;
    rig.world.tell(host, sa, { kind: "rekey_child", child });
    rig.world.run();
    const now = both(rig);
    assert.ok(!now.includes(child), "it is another one now");
    look(now);
  }
}

Deno.test("ladder: esn at both ends, from the first CHILD_SA on and through rekeys (§3.3.2)", () => {
  const rig = stage([{ esn: true }]);
  assert.deepEqual(both(rig).map((c) => c.suite!.esn), [true, true]);
  rekeyed(rig, (now) => assert.deepEqual(now.map((c) => c.suite!.esn), [true, true]));
});

for (const ends of [[true, false], [false, true]]) {
  Deno.test(`ladder: esn ${ends[0]} against esn ${ends[1]} is NO_PROPOSAL_CHOSEN, and the log says why`, () => {
    const rig = stage([{ esn: ends[0]! }], [{ esn: ends[1]! }]);
    assert.deepEqual(rig.lines().slice(3), [
      "b: no CHILD_SA",
      "b -> a  IKE_AUTH resp 1 {IDr, AUTH, N(NO_PROPOSAL_CHOSEN)}",
      "a -> b  INFORMATIONAL req 2 {D(IKE)}",
      "b -> a  INFORMATIONAL resp 2 {}",
      "b: closed",
      "a: failed",
      "a: closed",
    ]);
    const [offered, configured] = ends.map((esn) => esn ? "ESN" : "NO_ESN");
    const words = `offered {ENCR_AES_GCM_16-128, ${offered}}, configured here ` +
      `{ENCR_AES_GCM_16-128, ${configured}}`;
    assert.ok(rig.world.ladder.some((line) => line.includes(words)), rig.world.transcript);
  });
}

Deno.test("ladder: AH is made, rekeyed and deleted under its own protocol (§3.3.1, §3.11)", () => {
  const rig = stage([AH]);
  const look = (children: readonly ChildSa[]) => {
    for (const { suite, keys } of children) {
      assert.deepEqual([suite!.protocol, suite!.encryption, suite!.integrity], [2, 0, 12]);
      assert.equal(keys!.length, 2 * 32, "two integrity keys and nothing else (§2.17)");
    }
  };
  look(both(rig));
  rekeyed(rig, look);
  assert.ok(rig.lines().some((line) => /INFORMATIONAL req \d+ \{D\(AH 1\)\}/.test(line)));
  assert.ok(rig.lines().some((line) => /INFORMATIONAL resp \d+ \{D\(AH 1\)\}/.test(line)));
  const sa = tunnel(rig.a);
  rig.world.tell(rig.a, sa, { kind: "close", closeCode: CloseCode.STOPPED });
  rig.world.run();
  assert.equal(rig.a.installed.size + rig.b.installed.size, 0);
});

Deno.test("ladder: ESP and AH side by side, their SPIs all different", () => {
  const rig = stage([{}, AH]);
  const [esp, ah] = childrenOf(rig.b);
  assert.deepEqual([esp!.suite!.protocol, ah!.suite!.protocol], [3, 2]);
  assert.notEqual(esp!.spiIn, ah!.spiIn);
  assert.equal(rig.b.endpoint.env.childrenBySpi.size, 2);
});

Deno.test("ladder: a Delete with another protocol than that of the CHILD_SA deletes nothing (§1.4.1)", () => {
  const rig = stage([AH]);
  const child = childrenOf(rig.a)[0]!;
  child.suite = { ...child.suite!, protocol: ProtocolId.ESP };
  const from = rig.world.ladder.length;
  rig.world.tell(rig.a, tunnel(rig.a), { kind: "delete_child", child });
  rig.world.run();
  assert.deepEqual(rig.lines(from), [
    "a -> b  INFORMATIONAL req 2 {D(ESP 1)}",
    "b -> a  INFORMATIONAL resp 2 {}",
  ]);
  assert.equal(childrenOf(rig.b).length, 1);
});

Deno.test("ladder: AH against ESP is NO_PROPOSAL_CHOSEN", () => {
  const { lines, world } = stage([AH], [{}]);
  assert.ok(lines().includes("b -> a  IKE_AUTH resp 1 {IDr, AUTH, N(NO_PROPOSAL_CHOSEN)}"));
  assert.match(
    world.ladder.join("\n"),
    /offered AH \{AUTH_HMAC_SHA2_256_128, NO_ESN\}, configured/,
  );
});

const TRANSPORT: Partial<ChildConfig> = { tunnelMode: false };
const HOST_A = "10.0.0.1";
const HOST_B = "10.0.0.2";

function hosts(child: ChildSa): string[] {
  return [showSelectors(child.ownTs), showSelectors(child.peerTs)];
}

Deno.test("ladder: transport mode is asked for, accepted, and kept by rekeys of either end (§1.3.1)", () => {
  const rig = stage([TRANSPORT]);
  assert.deepEqual(rig.lines().slice(2, 4), [
    "a -> b  IKE_AUTH req 1 {IDi, N(INITIAL_CONTACT), AUTH, N(USE_TRANSPORT_MODE), SAi, TSi, TSr}",
    "b -> a  IKE_AUTH resp 1 {IDr, AUTH, N(USE_TRANSPORT_MODE), SAr, TSi, TSr}",
  ]);
  const look = ([ofA, ofB]: readonly ChildSa[]) => {
    assert.deepEqual([ofA!.tunnelMode, ofB!.tunnelMode], [false, false]);
    // Any addresses are those of the two hosts.
    assert.deepEqual(hosts(ofA!), [HOST_A, HOST_B]);
    assert.deepEqual(hosts(ofB!), [HOST_B, HOST_A]);
  };
  look(both(rig));
  rekeyed(rig, look);
  const asked = rig.lines().filter((line) =>
    /CREATE_CHILD_SA .*N\(USE_TRANSPORT_MODE\)/.test(line)
  );
  assert.equal(asked.length, 4, "two requests and two responses");
});

Deno.test("ladder: a responder in tunnel mode declines transport mode, and the initiator deletes the SA (§1.3.1)", () => {
  const rig = stage([TRANSPORT], [{}]);
  assert.deepEqual(rig.lines().slice(3), [
    "b -> a  IKE_AUTH resp 1 {IDr, AUTH, SAr, TSi, TSr}",
    "b: established",
    "a -> b  INFORMATIONAL req 2 {D(IKE)}",
    "b -> a  INFORMATIONAL resp 2 {}",
    "b: closed",
    "a: failed",
    "a: closed",
  ]);
  assert.match(rig.world.ladder.join("\n"), /Peer declined transport mode .* tunnelmode: false/);
  assert.equal(rig.a.installed.size + rig.b.installed.size, 0);
});

Deno.test("ladder: a CHILD_SA whose mode is declined in CREATE_CHILD_SA is deleted, and the tunnel remains", () => {
  const first = [range4([10, 1, 0, 0], [10, 1, 255, 255])];
  const other = [range4([10, 2, 0, 0], [10, 2, 255, 255])];
  const rig = stage(
    [{ peerTs: first }, { peerTs: other, ...TRANSPORT }],
    [{ ownTs: first }, { ownTs: other }],
  );
  assert.deepEqual(rig.lines().slice(6), [
    "a -> b  CREATE_CHILD_SA req 2 {N(USE_TRANSPORT_MODE), SAi, Ni, TSi, TSr}",
    "b -> a  CREATE_CHILD_SA resp 2 {SAr, Nr, TSi, TSr}",
    "a: Peer declined transport mode (no USE_TRANSPORT_MODE in its response), tunnelmode: false " +
    "asks for it",
    "a -> b  INFORMATIONAL req 3 {D(ESP 1)}",
    "b -> a  INFORMATIONAL resp 3 {D(ESP 1)}",
  ]);
  assert.deepEqual([childrenOf(rig.a).length, childrenOf(rig.b).length], [1, 1]);
  assert.deepEqual([rig.a.installed.size, rig.b.installed.size], [1, 1]);
});

Deno.test("a response in transport mode is refused if the request did not ask for it", () => {
  const said = [notify(NotifyType.USE_TRANSPORT_MODE)];
  assert.match(answerFault(said, CHILD!)!, /transport mode, which we did not ask for/);
  assert.equal(answerFault(said, { ...CHILD!, ...TRANSPORT }), undefined);
});

Deno.test("ladder: a responder in transport mode refuses tunnel mode with NO_PROPOSAL_CHOSEN", () => {
  const rig = stage([{}], [TRANSPORT]);
  assert.ok(rig.lines().includes("b -> a  IKE_AUTH resp 1 {IDr, AUTH, N(NO_PROPOSAL_CHOSEN)}"));
  assert.match(
    rig.world.ladder.join("\n"),
    /asked for tunnel mode, configured here tunnelmode: fa/,
  );
});

Deno.test("ladder: of two entries the responder takes the one with the requested mode", () => {
  for (const mode of [TRANSPORT, {}]) {
    const rig = stage([mode], [{}, TRANSPORT]);
    const [, ofB] = both(rig);
    assert.equal(ofB.configIndex, mode === TRANSPORT ? 1 : 0);
    rekeyed(rig, ([, again]) => assert.equal(again!.configIndex, ofB.configIndex));
  }
});

Deno.test("ladder: a rekey uses the entry of the CHILD_SA that it replaces (§2.9.2)", () => {
  const rig = stage([{}], [{}, { replayWindow: 7 }]);
  rig.world.tell(rig.b, tunnel(rig.b), { kind: "create_child", configIndex: 1 });
  rig.world.run();
  const [first, second] = childrenOf(rig.b);
  assert.deepEqual([first!.configIndex, second!.configIndex], [0, 1]);
  const child = childrenOf(rig.a).find((c) => c.spiIn === second!.spiOut)!;
  rig.world.tell(rig.a, tunnel(rig.a), { kind: "rekey_child", child });
  rig.world.run();
  assert.deepEqual(childrenOf(rig.b).map((c) => c.configIndex), [0, 1]);
});

const INSIDE_A = "192.168.0.2";
const INSIDE_B = "192.168.7.2";
const BOXES: readonly (readonly [name: string, boxA: boolean, boxB: boolean])[] = [
  ["the initiator", true, false],
  ["the responder", false, true],
  ["both", true, true],
];

for (const [name, natA, natB] of BOXES) {
  Deno.test(`ladder: transport mode with a NAT in front of ${name} names what each end sees (§2.23.1)`, () => {
    const world = new World({
      seed: 7,
      crypto: CRYPTO,
      keys: new WorldKeys(CRYPTO),
      conditions: losslessNetwork(10),
      computeMs: [1, 1],
      broken: new Set(),
    });
    const boxes = { ...(natA ? { boxA: boxOfA() } : {}), ...(natB ? { boxB: boxOfB() } : {}) };
    const ends = natPair(world, { children: [{ ...CHILD!, ...TRANSPORT }], ...boxes });
    const rig: Stage = { world, ...ends, lines: () => [] };
    world.dial(rig.a, rig.b);
    world.run();
    const look = ([ofA, ofB]: readonly ChildSa[]) => {
      assert.deepEqual(hosts(ofA!), [natA ? INSIDE_A : HOST_A, HOST_B]);
      assert.deepEqual(hosts(ofB!), [natB ? INSIDE_B : HOST_B, HOST_A]);
    };
    look(both(rig));
    rekeyed(rig, look);
    // The NAT changes to another address, which a rekey proposes.
    const sa = tunnel(rig.b);
    const child = childrenOf(rig.b)[0]!;
    sa.path = { ...sa.path, peerAddress: Uint8Array.of(192, 0, 2, 9) };
    const { selectors } = childRequest(sa, child, { group: 0, replaces: child });
    const tsR = selectors.find((p) => p.type === PayloadType.TSR) as {
      selectors: ChildSa["ownTs"];
    };
    assert.equal(showSelectors(tsR.selectors), natA ? "192.0.2.9" : HOST_A);
  });
}

Deno.test("a selector with several hosts is not changed behind a NAT", () => {
  const { a } = stage([TRANSPORT]);
  const sa = tunnel(a);
  sa.peer.natOwn = sa.peer.natPeer = true;
  const ranges = { own: CHILD!.ownTs, peer: CHILD!.peerTs };
  assert.deepEqual(substituted(ranges, sa), ranges);
});

Deno.test("ladder: each end refuses TFC padding for the packets that it receives (§1.3.1)", () => {
  const rig = stage([{ tfc: false }], [{}]);
  assert.deepEqual(both(rig).map((child) => child.peerTakesTfc), [true, false]);
  assert.ok(rig.lines()[2]!.includes("N(ESP_TFC_PADDING_NOT_SUPPORTED), SAi"));
  assert.ok(!rig.lines()[3]!.includes("TFC"));
  const ah = stage([{ ...AH, tfc: false }]);
  assert.ok(!ah.lines().some((line) => line.includes("TFC")), "AH has no such padding");
});

Deno.test("ladder: IPComp is agreed if both ends want it, each with the CPI of the other (§2.22)", () => {
  const rig = stage([{ ipcomp: true }]);
  const look = ([ofA, ofB]: readonly ChildSa[]) => {
    assert.deepEqual(ofA!.ipcomp, { cpiOut: ofB!.cpiIn, transform: 2 });
    assert.deepEqual(ofB!.ipcomp, { cpiOut: ofA!.cpiIn, transform: 2 });
    for (const { cpiIn } of [ofA!, ofB!]) assert.ok(cpiIn >= 256 && cpiIn <= 61_439, String(cpiIn));
  };
  look(both(rig));
  rekeyed(rig, look);
  for (const ends of [[true, false], [false, true]]) {
    const one = stage([{ ipcomp: ends[0]! }], [{ ipcomp: ends[1]! }]);
    assert.deepEqual(both(one).map((child) => child.ipcomp), [undefined, undefined]);
    assert.equal(one.lines()[2]!.includes("IPCOMP_SUPPORTED"), ends[0]);
    assert.ok(!one.lines()[3]!.includes("IPCOMP_SUPPORTED"), "what is not wanted is passed over");
  }
});

Deno.test("of the peer's offers of IPComp only DEFLATE with a valid CPI is accepted (§2.22)", () => {
  const offer = (cpi: number, transform: number) =>
    notify(NotifyType.IPCOMP_SUPPORTED, Uint8Array.of(cpi >> 8, cpi & 0xff, transform));
  const wanted = { ...CHILD!, ipcomp: true };
  const all = [offer(300, 3), offer(17, 2), offer(301, 2), offer(302, 2)];
  assert.deepEqual(chooseIpcomp(all, wanted), { cpiOut: 301, transform: 2 });
  assert.equal(chooseIpcomp(all.slice(0, 2), wanted), undefined);
  assert.equal(chooseIpcomp(all, CHILD!), undefined);
  assert.equal(answerFault([offer(301, 2)], wanted), undefined);
  assert.match(answerFault(all.slice(2), wanted)!, /2 IPCOMP_SUPPORTED instead of one/);
  assert.match(answerFault([offer(300, 3)], wanted)!, /IPCOMP_LZS with CPI 300, which we did not/);
  assert.match(answerFault([offer(301, 2)], CHILD!)!, /IPCOMP_DEFLATE .* did not offer/);
});

Deno.test("NON_FIRST_FRAGMENTS_ALSO is ignored, which declines it (RFC 4301 §7)", () => {
  const said = [notify(NotifyType.NON_FIRST_FRAGMENTS_ALSO)];
  assert.equal(answerFault(said, CHILD!), undefined);
});
