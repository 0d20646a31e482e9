// IKE_AUTH messages of attackers to a running gateway and a running client: each has its expected effect, and
// the established tunnel stays.
import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import { SeededRandom } from "@/base/random.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { TsiPayload } from "@/wire/payloads/traffic_selector.ts";
import { changed, ownIdOf, type Twist, twisted } from "./hostile_peer.ts";
import { CLIENT, clientPlan, FakeClock, FakeNetwork, gatewayPlan, rig } from "./rig.ts";

const CRITICAL_UNKNOWN = { type: 200, raw: Uint8Array.of(1, 2, 3), critical: true } as const;

/** Selectors of one address each. */
function many(count: number): Twist {
  return (m) => [
    m.sealed(changed(m.payloads, PayloadType.TSI, (payload) => {
      const [one] = (payload as TsiPayload).selectors;
      const selectors = Array.from({ length: count }, (_, i) => {
        const address = Uint8Array.of(10, 3, i >> 8, i & 255);
        return { ...one!, startAddress: address, endAddress: address };
      });
      return [{ ...payload, selectors } as TsiPayload];
    })),
  ];
}

const without = (type: number): Twist => (m) => [m.sealed(changed(m.payloads, type, () => []))];
const twice = (type: number): Twist => (m) => [m.sealed(changed(m.payloads, type, (p) => [p, p]))];
const raw = (type: number, ...octets: number[]): Twist => (m) => {
  const payload = { type, raw: Uint8Array.from(octets), critical: false };
  return [m.sealed(changed(m.payloads, type, () => [payload]))];
};

/** Its outcome: `up`, or a cause of failure, or the reason for which each copy is dropped. */
type Treatment = "up" | { readonly cause: string } | { readonly dropped: string };

/** The message, and its outcome at a gateway and at a client. */
type Case = readonly [twist: Twist, gateway: Treatment, client: Treatment];

const UP: Treatment = "up";
const WRONG_ICV: Treatment = { dropped: "a wrong ICV" };
const MALFORMED: Treatment = { cause: "REFUSED_HERE" };
const SYNTAX: Treatment = { cause: "INVALID_SYNTAX" };
const AUTH: Treatment = { cause: "AUTHENTICATION_FAILED" };
const OUTSIDE: Treatment = { dropped: "a request outside the window" };
const OTHER: Treatment = { dropped: "a response to another request" };

/** A malformed message, which is answered with INVALID_SYNTAX if it is a request. */
const broken = (twist: Twist): Case => [twist, SYNTAX, MALFORMED];

/** The datagram cut after `octets`, with corrected lengths. */
function cut(datagram: Uint8Array, octets: number): Uint8Array {
  const rest = datagram.slice(0, octets);
  const lengths = new DataView(rest.buffer, rest.byteOffset);
  lengths.setUint32(24, octets);
  lengths.setUint16(30, octets - 28);
  return rest;
}

const CASES: Readonly<Record<string, Case>> = {
  "the next message id": [(m) => [m.sealed(m.payloads, { messageId: 2 })], OUTSIDE, OTHER],
  "the last message id": [
    (m) => [m.sealed(m.payloads, { messageId: 0xffff_ffff })],
    OUTSIDE,
    OTHER,
  ],
  "a truncated SK payload": [
    (m) => [cut(m.octets, m.octets.length - 20)],
    WRONG_ICV,
    WRONG_ICV,
  ],
  "an SK payload too short for its IV": [(m) => [cut(m.octets, 36)], WRONG_ICV, WRONG_ICV],
  "a flipped octet": [
    (m) => [m.octets.map((octet, i) => i === 60 ? octet ^ 1 : octet)],
    WRONG_ICV,
    WRONG_ICV,
  ],
  "an SK payload without anything inside": broken((m) => [m.sealed([])]),
  "an unknown critical payload": [
    (m) => [m.sealed([CRITICAL_UNKNOWN, ...m.payloads])],
    { cause: "UNSUPPORTED_CRITICAL_PAYLOAD" },
    MALFORMED,
  ],
  "an unknown payload that is not critical": [
    (m) => [m.sealed([{ ...CRITICAL_UNKNOWN, critical: false }, ...m.payloads])],
    UP,
    UP,
  ],
  "255 selectors": [many(255), UP, UP],
  "no selector": broken(many(0)),
  "no AUTH payload": [without(PayloadType.AUTH), AUTH, AUTH],
  "no ID payload": [(m) => without(ownIdOf(m))(m), SYNTAX, AUTH],
  "no SA payload": broken(without(PayloadType.SA)),
  "no TSr payload": broken(without(PayloadType.TSR)),
  "two AUTH payloads": broken(twice(PayloadType.AUTH)),
  "two ID payloads": broken((m) => twice(ownIdOf(m))(m)),
  "two SA payloads": broken(twice(PayloadType.SA)),
  "two TSi payloads": broken(twice(PayloadType.TSI)),
  "an AUTH payload of nothing": broken(raw(PayloadType.AUTH)),
  "an AUTH payload without data": broken(raw(PayloadType.AUTH, 2, 0, 0, 0)),
  "an AUTH method of another kind": [raw(PayloadType.AUTH, 1, 0, 0, 0, 9, 9, 9), AUTH, AUTH],
  "AUTH data of one octet": [raw(PayloadType.AUTH, 2, 0, 0, 0, 9), AUTH, AUTH],
  "an SA payload of nothing": broken(raw(PayloadType.SA)),
  "proposals that lie about their length": broken(raw(PayloadType.SA, 0, 0, 255, 255, 1, 3)),
  "selectors that lie about their number": broken(raw(PayloadType.TSI, 9, 0, 0, 0)),
  "payloads that are noise": broken((m) => [m.sealedOctets(35, m.random.octets(200))]),
  "a payload of length 0": broken((m) => [m.sealedOctets(PayloadType.IDI, new Uint8Array(8))]),
};

function world() {
  const clock = new FakeClock();
  return { clock, network: new FakeNetwork(clock) };
}

/** A gateway with one honest tunnel, to which a second client sends what `twist` makes of IKE_AUTH. */
function atGateway(twist: Twist) {
  const { clock, network } = world();
  const gateway = rig(network, clock, { plan: gatewayPlan({ tunnels: 1 }) });
  const honest = rig(network, clock, { plan: clientPlan({ tunnels: 1 }) });
  const plan = clientPlan({ tunnels: 1, triesMax: 1, ownAddress: parseAddress("10.2.0.1")! });
  const hostile = rig(network, clock, {
    plan,
    transport: twisted(network.open("10.2."), () => hostile.run, twist),
  });
  gateway.run.start();
  honest.run.start();
  clock.pass(100);
  hostile.run.start();
  clock.pass(60_000);
  return gateway.run;
}

/** A client whose first tunnel is honest, and whose second one receives what `twist` makes of IKE_AUTH. */
function atClient(twist: Twist) {
  const { clock, network } = world();
  const onlySecond: Twist = (m) => {
    const of = [...gateway.run.loop.endpoint.bySpi.values()].find((sa) =>
      sa.spiR === m.header.spiR
    );
    return of!.path.peerAddress[3] === CLIENT[3] ? [m.octets] : twist(m);
  };
  const gateway = rig(network, clock, {
    plan: gatewayPlan(),
    transport: twisted(network.open("10.9."), () => gateway.run, onlySecond),
  });
  const plan = clientPlan({ tunnels: 2, setupIntervalMs: 100, triesMax: 1 });
  const client = rig(network, clock, { plan });
  gateway.run.start();
  client.run.start();
  clock.pass(60_000);
  return client.run;
}

/** Number of transmissions of an unanswered message. */
const TRANSMISSIONS = 4;

for (const [name, [twist, gateway, client]] of Object.entries(CASES)) {
  for (
    const [role, meet, fate] of [["gateway", atGateway, gateway], [
      "client",
      atClient,
      client,
    ]] as const
  ) {
    Deno.test(`IKE_AUTH with ${name}, at a ${role}`, () => {
      const { live, halfOpen, lost, failures, strangers, drops } = meet(twist).figures();
      assert.deepEqual([live, halfOpen, lost], [fate === "up" ? 2 : 1, 0, 0]);
      const silence = role === "gateway" ? "HALF_OPEN_TIMEOUT" : "NO_ANSWER";
      const cause = fate === "up" ? [] : ["dropped" in fate ? silence : fate.cause];
      // To a gateway a peer that does not authenticate is a stranger, and no failed tunnel.
      assert.equal(role === "gateway" ? 0 : strangers.length, 0);
      const causes = [...failures, ...strangers];
      assert.deepEqual(causes.map((f) => [f.cause, f.count]), cause.map((c) => [c, 1]));
      const dropped = new Map(drops);
      // The last copy arrives after a gateway has given up waiting.
      if (dropped.delete("a request to an SA that is gone")) assert.equal(role, "gateway");
      const [reason] = [...dropped.keys()];
      const expected = fate !== "up" && "dropped" in fate ? fate.dropped : undefined;
      assert.deepEqual([dropped.size, reason], [expected ? 1 : 0, expected]);
      const all = [...drops.values()].reduce((sum, n) => sum + n, 0);
      assert.equal(all, expected ? TRANSMISSIONS : 0);
    });
  }
}

Deno.test("IKE_AUTH with message id 0 is treated as a repeated IKE_SA_INIT, and has no effect", () => {
  const twist: Twist = (m) => [m.sealed(m.payloads, { messageId: 0 })];
  for (
    const [meet, cause] of [[atGateway, "HALF_OPEN_TIMEOUT"], [atClient, "NO_ANSWER"]] as const
  ) {
    const { live, failures, strangers } = meet(twist).figures();
    assert.deepEqual([live, [...failures, ...strangers].map((f) => f.cause)], [1, [cause]]);
  }
});

Deno.test("the same IKE_AUTH a hundred times makes one tunnel, and gets ten responses within a second", () => {
  const twist: Twist = (m) => Array<Uint8Array>(100).fill(m.octets);
  const gateway = atGateway(twist).figures();
  const tooOften = gateway.drops.get("a request repeated too often within a second");
  assert.deepEqual([gateway.live, tooOften], [2, 89]);
  const { live, drops } = atClient(twist).figures();
  assert.deepEqual([live, drops.get("a response nobody waits for")], [2, 99]);
});

Deno.test("two hundred chains of random certificates make no tunnel, and no other tunnel is lost", () => {
  for (let seed = 0; seed < 200; seed++) {
    const noise: Twist = (m) => {
      const random = new SeededRandom(seed);
      return [m.sealedOctets(random.octets(1)[0]!, random.octets(1 + seed))];
    };
    const { live, lost } = (seed % 2 === 0 ? atGateway : atClient)(noise).figures();
    assert.deepEqual([live, lost], [1, 0], `seed ${seed}`);
  }
});
