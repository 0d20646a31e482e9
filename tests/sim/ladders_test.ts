// Named ladders: the messages of each task in a perfect network, one by one.
import assert from "node:assert/strict";
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { bothByPsk } from "@/ike/auth/psk.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { range4, worldConfig } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";
import { type TwoHosts, twoHosts } from "../two_hosts.ts";

const PERFECT = { loss: 0, duplication: 0, delayMs: [10, 10] } as const;
const LOST = { loss: 1, duplication: 0, delayMs: [10, 10] } as const;

function stage(
  own: { readonly a?: Partial<IkeConfig>; readonly b?: Partial<IkeConfig> } = {},
  conditions: { loss: number; duplication: number; delayMs: readonly [number, number] } = PERFECT,
): TwoHosts {
  return twoHosts({ ...own, conditions });
}

/** The ladder without times and without the texts of failures. */
function ladder(world: World, from = 0): string[] {
  return world.ladder.slice(from).map((line) =>
    line.slice(11).replace(/(failed|no CHILD_SA): .*/, "$1")
  );
}

function only(host: Host): IkeSa {
  const all = [...host.endpoint.bySpi.values()];
  assert.equal(all.length, 1);
  return all[0]!;
}

const INIT = [
  "a -> b  IKE_SA_INIT req 0 {SAi, KEi, Ni, N(NAT_DETECTION_SOURCE_IP), N(NAT_DETECTION_DESTINATION_IP)}",
  "b -> a  IKE_SA_INIT resp 0 {SAr, KEr, Nr, N(NAT_DETECTION_SOURCE_IP), N(NAT_DETECTION_DESTINATION_IP)}",
];
const AUTH = "a -> b  IKE_AUTH req 1 {IDi, N(INITIAL_CONTACT), AUTH, SAi, TSi, TSr}";

Deno.test("ladder: set-up (RFC 7296 §1.2)", () => {
  const { world, a, b } = stage();
  world.dial(a, b);
  world.run();
  assert.deepEqual(ladder(world), [
    ...INIT,
    AUTH,
    "b -> a  IKE_AUTH resp 1 {IDr, AUTH, SAr, TSi, TSr}",
    "b: established",
    "a: established",
  ]);
  assert.equal(only(a).children[0]!.spiOut, only(b).children[0]!.spiIn);
});

Deno.test("ladder: the responder asks for a cookie, and the initiator returns it with the same message (§2.6)", () => {
  const { world, a, b } = stage({ b: { cookieThreshold: 0 } });
  world.dial(a, b);
  world.run();
  assert.deepEqual(ladder(world).slice(0, 4), [
    INIT[0],
    "b -> a  IKE_SA_INIT resp 0 {N(COOKIE)}",
    "a -> b  IKE_SA_INIT req 0 {N(COOKIE), SAi, KEi, Ni, N(NAT_DETECTION_SOURCE_IP), N(NAT_DETECTION_DESTINATION_IP)}",
    INIT[1],
  ]);
});

Deno.test("ladder: INVALID_KE_PAYLOAD leads to the other group (§1.3)", () => {
  const { algorithms } = worldConfig();
  const two = { ...algorithms, groups: [KeGroup.CURVE25519, KeGroup.ECP_256] };
  const one = { ...algorithms, groups: [KeGroup.ECP_256] };
  const { world, a, b } = stage({ a: { algorithms: two }, b: { algorithms: one } });
  world.dial(a, b);
  world.run();
  const lines = ladder(world).filter((line) => line.includes("->"));
  assert.equal(lines[1], "b -> a  IKE_SA_INIT resp 0 {N(INVALID_KE_PAYLOAD)}");
  assert.equal(lines[2], INIT[0]);
  assert.equal(only(a).suite!.group, KeGroup.ECP_256);
});

Deno.test("ladder: no common proposal, and both ends report what they offer", () => {
  const gcm = {
    ...worldConfig().algorithms,
    encryption: [{ id: Encr.ENCR_AES_GCM_16, keyBits: 256 }],
    integrity: [],
  };
  const { world, a, b } = stage({ b: { algorithms: gcm } });
  world.dial(a, b);
  world.run();
  const text = world.ladder.join("\n");
  assert.deepEqual(ladder(world).slice(1, 5), [
    "b -> a  IKE_SA_INIT resp 0 {N(NO_PROPOSAL_CHOSEN)}",
    "b: failed",
    "b: closed",
    "a: failed",
  ]);
  assert.match(
    text,
    /offered \{ENCR_AES_CBC-128, AUTH_HMAC_SHA2_256_128, .*configured here \{ENCR_AES_GCM_16-256/,
  );
});

Deno.test("ladder: a wrong secret is refused, and both ends report it (§2.21.2)", () => {
  const { world, a, b } = stage({ a: { auth: bothByPsk("wrong") } });
  world.dial(a, b);
  world.run();
  assert.deepEqual(ladder(world).slice(2), [
    AUTH,
    "b -> a  IKE_AUTH resp 1 {N(AUTHENTICATION_FAILED)}",
    "b: failed",
    "b: closed",
    "a: failed",
    "a: closed",
  ]);
  assert.match(
    world.ladder.join("\n"),
    /b: failed: Cannot authenticate 10\.0\.0\.1 \(ID_IPV4_ADDR\).*psk/,
  );
  assert.match(world.ladder.join("\n"), /a: failed: 10\.0\.0\.2:500 refused our authentication/);
});

Deno.test("ladder: another IDr than the requested one ends the SA, and the responder is notified", () => {
  const peerId = {
    kind: "fixed",
    identity: { idType: 2, data: new TextEncoder().encode("gw.example") },
  } as const;
  const { world, a, b } = stage({ a: { peerId, matchPeerId: true } });
  world.dial(a, b);
  world.run();
  assert.deepEqual(ladder(world).slice(-7), [
    "b: established",
    "a -> b  INFORMATIONAL req 2 {N(AUTHENTICATION_FAILED)}",
    "b -> a  INFORMATIONAL resp 2 {}",
    "b: failed",
    "b: closed",
    "a: failed",
    "a: closed",
  ]);
  assert.equal(live(a), 0);
  assert.equal(live(b), 0);
  assert.match(world.ladder.join("\n"), /peerid asks for gw\.example \(ID_FQDN\)/);
});

function live(host: Host): number {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase !== "closed").length;
}

Deno.test("ladder: selectors without a common part make no tunnel, and both ends report it (§2.9)", () => {
  const [child] = worldConfig().children;
  const peerTs = [range4([10, 9, 0, 0], [10, 9, 0, 255])];
  const ownTs = [range4([10, 1, 0, 0], [10, 1, 0, 255])];
  const { world, a, b } = stage({
    a: { children: [{ ...child!, ownTs }] },
    b: { children: [{ ...child!, peerTs }] },
  });
  world.dial(a, b);
  world.run();
  assert.deepEqual(ladder(world).slice(3), [
    "b: no CHILD_SA",
    "b -> a  IKE_AUTH resp 1 {IDr, AUTH, N(TS_UNACCEPTABLE)}",
    "a -> b  INFORMATIONAL req 2 {D(IKE)}",
    "b -> a  INFORMATIONAL resp 2 {}",
    "b: closed",
    "a: failed",
    "a: closed",
  ]);
  assert.match(world.ladder.join("\n"), /proposed own 10\.1\.0\.0-10\.1\.0\.255/);
});

Deno.test("ladder: a Delete of the IKE SA (§1.4.1)", () => {
  const { world, a, b } = stage();
  const sa = world.dial(a, b);
  world.run();
  const from = world.ladder.length;
  world.tell(a, sa, { kind: "close", closeCode: CloseCode.STOPPED });
  world.run();
  assert.deepEqual(ladder(world, from), [
    "a -> b  INFORMATIONAL req 2 {D(IKE)}",
    "b -> a  INFORMATIONAL resp 2 {}",
    "b: closed",
    "a: closed",
  ]);
  assert.equal(b.installed.size + a.installed.size, 0);
});

Deno.test("ladder: Deletes of a CHILD_SA that cross are answered with empty responses (§1.4.1)", () => {
  const { world, a, b } = stage();
  const sa = world.dial(a, b);
  world.run();
  const from = world.ladder.length;
  world.tell(a, sa, { kind: "delete_child", child: sa.children[0]! });
  world.tell(b, only(b), { kind: "delete_child", child: only(b).children[0]! });
  world.run();
  assert.deepEqual(ladder(world, from), [
    "a -> b  INFORMATIONAL req 2 {D(ESP 1)}",
    "b -> a  INFORMATIONAL req 0 {D(ESP 1)}",
    "b -> a  INFORMATIONAL resp 2 {}",
    "a -> b  INFORMATIONAL resp 0 {}",
  ]);
});

Deno.test("ladder: a Delete is answered with the SPI of the other direction", () => {
  const { world, a, b } = stage();
  const sa = world.dial(a, b);
  world.run();
  const from = world.ladder.length;
  world.tell(a, sa, { kind: "delete_child", child: sa.children[0]! });
  world.run();
  assert.deepEqual(ladder(world, from), [
    "a -> b  INFORMATIONAL req 2 {D(ESP 1)}",
    "b -> a  INFORMATIONAL resp 2 {D(ESP 1)}",
  ]);
});

Deno.test("ladder: without an answer a request is sent maxretran times, at a constant interval (§2.4)", () => {
  const { world, a, b } = stage({ a: { transmissionsMax: 3 } }, LOST);
  world.dial(a, b);
  world.run();
  assert.equal(ladder(world).filter((line) => line.startsWith("a -×")).length, 3);
  assert.match(
    world.ladder.join("\n"),
    /No answer to IKE_SA_INIT after 3 transmissions to 10\.0\.0\.2:500 from 10\.0\.0\.1:500/,
  );
  assert.equal(Math.round(world.nowMs), 1 + 3 * 500);
});

Deno.test("ladder: retranbackoff multiplies each interval", () => {
  const { world, a, b } = stage({ a: { transmissionsMax: 4, retransmitBackoff: 2 } }, LOST);
  world.dial(a, b);
  world.run();
  assert.equal(Math.round(world.nowMs), 1 + 500 * (1 + 2 + 4 + 8));
});

Deno.test("ladder: a responder never repeats a response without a request (§2.1)", () => {
  const { world, a, b } = stage();
  const sa = world.dial(a, b);
  world.at(
    15,
    () => world.tell(a, sa, { kind: "abandon", closeCode: CloseCode.STOPPED, why: "gone" }),
  );
  world.run();
  assert.equal(ladder(world).filter((line) => line.startsWith("b ->")).length, 1);
  assert.match(world.ladder.join("\n"), /did not authenticate within 30 s/);
});

Deno.test("ladder: suites of each kind are negotiated, AEAD in a proposal of its own (§3.3)", () => {
  const mixed = {
    encryption: [
      { id: Encr.ENCR_AES_CBC, keyBits: 256 },
      { id: Encr.ENCR_AES_GCM_16, keyBits: 128 },
    ],
    integrity: [Integ.AUTH_HMAC_SHA2_512_256],
    prf: [Prf.PRF_HMAC_SHA2_512],
    groups: [KeGroup.CURVE25519],
  };
  const onlyGcm = { ...mixed, encryption: [{ id: Encr.ENCR_AES_GCM_16, keyBits: 128 }] };
  const { world, a, b } = stage({ a: { algorithms: mixed }, b: { algorithms: onlyGcm } });
  world.dial(a, b);
  world.run();
  assert.equal(only(a).phase, "established");
  assert.equal(only(a).suite!.cipher.id, Encr.ENCR_AES_GCM_16);
  assert.equal(only(a).suite!.integrity, undefined);
});

const SUPPORTED = (line: string) => line.replace(/}$/, ", N(IKEV2_FRAGMENTATION_SUPPORTED)}");

Deno.test("ladder: messages longer than mtu are fragmented, except IKE_SA_INIT (RFC 7383 §2)", () => {
  const small = { fragmentOctets: 100 };
  const { world, a, b } = stage({ a: small, b: small });
  world.dial(a, b);
  world.run();
  const answer = "b -> a  IKE_AUTH resp 1 {IDr, AUTH, SAr, TSi, TSr}";
  assert.deepEqual(ladder(world), [
    ...INIT.map(SUPPORTED),
    `${AUTH} [1/2]`,
    `${AUTH} [2/2]`,
    `${answer} [1/2]`,
    `${answer} [2/2]`,
    "b: established",
    "a: established",
  ]);
  // The SA that a rekey makes uses fragments as well, and short messages are not fragmented.
  const before = world.ladder.length;
  world.tell(a, only(a), { kind: "rekey_ike" });
  world.run();
  const after = ladder(world, before).filter((line) => line.includes("->"));
  assert.deepEqual(after.slice(-2), [
    "a -> b  INFORMATIONAL req 3 {D(IKE)}",
    "b -> a  INFORMATIONAL resp 3 {}",
  ]);
  assert.ok(only(a).peer.fragmentation && only(b).peer.fragmentation);
});

Deno.test("ladder: no fragments are sent to a peer that did not announce support (RFC 7383 §2.3)", () => {
  const { world, a, b } = stage({ a: { fragmentOctets: 64 } });
  world.dial(a, b);
  world.run();
  assert.deepEqual(ladder(world), [
    SUPPORTED(INIT[0]!),
    INIT[1],
    AUTH,
    "b -> a  IKE_AUTH resp 1 {IDr, AUTH, SAr, TSi, TSr}",
    "b: established",
    "a: established",
  ]);
});

Deno.test("ladder: without an answer all fragments of a request are sent again (RFC 7383 §2.6)", () => {
  const small = { fragmentOctets: 100 };
  const { world, a, b } = stage({ a: { ...small, transmissionsMax: 2 }, b: small });
  world.dial(a, b);
  world.at(
    25,
    () => world.tell(b, only(b), { kind: "abandon", closeCode: 65537, why: "power cut" }),
  );
  world.run();
  const sent = ladder(world).filter((line) => line.startsWith("a -> b")).slice(1);
  assert.deepEqual(sent, [
    `${AUTH} [1/2]`,
    `${AUTH} [2/2]`,
    "a -> b  again (2) [1/2]",
    "a -> b  again (2) [2/2]",
  ]);
  assert.deepEqual(a.failures, ["NO_ANSWER"]);
});
