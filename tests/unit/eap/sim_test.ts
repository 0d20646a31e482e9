/**
 * SIM, AKA and AKA′ between our two ends: full authentication, pseudonyms, fast re-authentication,
 * sequence numbers that differ, and packets that are changed on their way.
 */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import type { EapCredentials, EapServerSettings } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { decodeSim, encodeSim, findAttribute } from "@/eap/sim/attributes.ts";
import { newSimCard } from "@/eap/sim/card.ts";
import { gsmTriplet } from "@/eap/sim/milenage.ts";
import { SimRegister } from "@/eap/sim/register.ts";
import { parseTriplets } from "@/eap/sim/triplets.ts";
import { EapUsers } from "@/eap/users.ts";
import { SimAttributeType as At, SimSubtype } from "@/iana/eap_sim_aka.ts";
import { EapType } from "@/iana/eap_type.ts";
import { seededEnv, talk, whyOf } from "./_talk.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const K = hex("465b5ce8b199b49faa5f0a2ee238a6bc");
const OPC = hex("cd63cb71954a9f4e48a5994e37a02baf");
const IMSI = "232010000000000";
const METHODS = [
  { type: EapType.SIM, name: "EAP-SIM", digit: "1" },
  { type: EapType.AKA, name: "EAP-AKA", digit: "0" },
  { type: EapType.AKA_PRIME, name: "EAP-AKA'", digit: "6" },
] as const;

/** A card and its network, both of which keep what they learn from one login to the next. */
function world(
  { type, digit }: { type: number; digit: string },
  { sqn = 0n, register = true } = {},
) {
  const own: EapCredentials & { methods: number[] } = {
    identity: `${digit}${IMSI}@ims.example`,
    methods: [type],
    sim: newSimCard({ k: K, opc: OPC }, sqn),
  };
  const sim = { k: K, opc: OPC, sqn: 0n };
  const settings: EapServerSettings = {
    methods: [type],
    users: new EapUsers([{ identity: IMSI, sim }]),
    ...(register ? { register: new SimRegister() } : {}),
  };
  return { own, settings, network: sim, env: seededEnv(7) };
}

/** The subtype of a packet of these methods; -1 for others. */
function subtypeOf(octets: Uint8Array): number {
  return METHODS.some(({ type }) => octets[4] === type) ? octets[5]! : -1;
}

function subtypes(packets: readonly { octets: Uint8Array }[]): number[] {
  return packets.map(({ octets }) => subtypeOf(octets)).filter((s) => s >= 0);
}

const { SIM_START, SIM_CHALLENGE, AKA_IDENTITY, AKA_CHALLENGE, REAUTHENTICATION } = SimSubtype;

for (const method of METHODS) {
  const { type, name } = method;
  const isSim = type === EapType.SIM;
  const [first, second] = isSim ? [SIM_START, SIM_CHALLENGE] : [AKA_IDENTITY, AKA_CHALLENGE];

  Deno.test(`${name}: a full authentication gives both ends the same MSK of 64 octets`, () => {
    const { own, settings, env } = world(method, { register: false });
    const { peer, server, packets } = talk(own, settings, { env });
    assert.ok(peer.kind === "succeeded" && server.kind === "succeeded");
    assert.equal(peer.outcome.msk?.length, 64);
    assert.deepEqual(peer.outcome.msk, server.outcome.msk);
    assert.equal(server.outcome.identity, own.identity);
    assert.deepEqual(subtypes(packets), [first, first, second, second]);
    assert.equal(own.sim!.reauths.size, 0);
  });

  Deno.test(`${name}: three fast re-authentications succeed, then a login by pseudonym`, () => {
    const { own, settings, env } = world(method);
    const { type } = method;
    const msks = new Set<string>();
    for (let n = 0; n < 4; n++) {
      const { peer, server, packets } = talk(own, settings, { env });
      assert.ok(peer.kind === "succeeded" && server.kind === "succeeded", `login ${n}`);
      assert.deepEqual(peer.outcome.msk, server.outcome.msk);
      assert.equal(server.outcome.identity, own.identity);
      msks.add(toHex(peer.outcome.msk!));
      const kinds = subtypes(packets);
      assert.equal(kinds.includes(REAUTHENTICATION), n > 0, `login ${n}: ${kinds}`);
      if (n > 0) assert.match(peer.outcome.notes.join(), new RegExp(`counter ${n}`));
    }
    assert.equal(msks.size, 4);
    own.sim!.reauths.delete(type);
    const { peer, server, packets } = talk(own, settings, { env });
    assert.ok(peer.kind === "succeeded" && server.kind === "succeeded");
    assert.equal(server.outcome.identity, own.identity);
    const sent = packets.map(({ octets }) => new TextDecoder().decode(octets)).join();
    assert.ok(!sent.includes(IMSI), "the IMSI is not sent where there is a pseudonym");
  });

  Deno.test(`${name}: a server that has lost its register asks for the next identity`, () => {
    const { own, settings, env } = world(method);
    talk(own, settings, { env });
    const forgetful = { ...settings, register: new SimRegister() };
    const { peer, packets } = talk(own, forgetful, { env });
    assert.equal(peer.kind, "succeeded");
    // The peer answers AT_ANY_ID_REQ by its re-authentication identity, AT_FULLAUTH_ID_REQ by its
    // pseudonym, and AT_PERMANENT_ID_REQ by its permanent identity.
    assert.equal(subtypes(packets).filter((s) => s === first).length, 6);
    assert.equal(own.sim!.pseudonyms.size, 1);
  });

  Deno.test(`${name}: a counter that does not rise leads to a full authentication`, () => {
    const { own, settings, env } = world(method);
    talk(own, settings, { env });
    const state = own.sim!.reauths.get(type)!;
    own.sim!.reauths.set(type, { ...state, counter: 9 });
    const { peer, server, packets } = talk(own, settings, { env });
    assert.ok(peer.kind === "succeeded" && server.kind === "succeeded");
    assert.deepEqual(peer.outcome.msk, server.outcome.msk);
    assert.match(server.outcome.notes.join(), /finds counter 1 too small/);
    assert.ok(subtypes(packets).includes(REAUTHENTICATION) && subtypes(packets).includes(second));
  });

  Deno.test(`${name}: another K fails at both ends, with the reason`, () => {
    const { own, settings, env } = world(method);
    const other = { ...own, sim: newSimCard({ k: hex("00".repeat(16)), opc: OPC }, 0n) };
    const { peer, server } = talk(other, settings, { env });
    assert.match(whyOf(peer), isSim ? /AT_MAC is wrong/ : /AUTN is wrong/);
    assert.match(whyOf(server), isSim ? /client error UNABLE/ : /rejects this server's AUTN/);
  });

  Deno.test(`${name}: a peer of unknown identity gets a notification, then Failure`, () => {
    const { own, settings, env } = world(method);
    const stranger = { ...own, identity: `${method.digit}999` };
    const { peer, server, packets } = talk(stranger, settings, { env });
    assert.match(whyOf(server), /nobody has the identity ".999"/);
    assert.match(whyOf(peer), /notifies GENERAL_FAILURE \(16384\)/);
    assert.ok(subtypes(packets).includes(SimSubtype.NOTIFICATION));
  });

  Deno.test(`${name}: a changed octet of a challenge or its response fails both ends`, () => {
    for (const from of ["server", "peer"] as const) {
      let length = 0;
      const { own, settings } = world(method);
      talk(own, settings, {
        meddle: (p, who) => {
          if (who === from && subtypeOf(p) === second) length = p.length;
          return p;
        },
      });
      for (let at = 6; at < length; at += 5) {
        const { own, settings } = world(method);
        const { peer, server } = talk(own, settings, {
          meddle: (p, who) => {
            if (who !== from || subtypeOf(p) !== second) return p;
            const bent = p.slice();
            bent[at]! ^= 0x10;
            return bent;
          },
        });
        assert.equal(server.kind, "failed", `${from}, octet ${at}`);
        assert.equal(peer.kind, "failed", `${from}, octet ${at}`);
      }
    }
  });

  Deno.test(`${name}: malformed, unknown and missing attributes are refused with the reason`, () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["01 00", /AT_RAND has length 0/],
      ["01 05 0000", /AT_RAND has 20 octets, 4 are left/],
      ["01", /AT_RAND has no length/],
      ["63 01 0000", /attribute 99 is not known/],
      ["01 01 0000", /AT_RAND has 0 octets|AT_VERSION_LIST is missing|AT_KDF_INPUT|before Start/],
    ];
    for (const [attributes, fault] of cases) {
      const { own, env } = world(method);
      const peer = openEapPeer(own, env);
      const data = hex(`${toHex(Uint8Array.of(second))} 0000 ${attributes}`);
      const request = Uint8Array.from([1, 1, 0, 5 + data.length, type, ...data]);
      const answer = peer.step(request);
      assert.ok(answer.kind === "send");
      assert.equal(answer.octets[5], SimSubtype.CLIENT_ERROR);
      assert.match(whyOf(peer.step(hex("04 01 0004"))), fault);
    }
  });

  Deno.test(`${name}: a peer refuses a request for an identity after the permanent one`, () => {
    const { own, env } = world(method);
    const peer = openEapPeer(own, env);
    const versions = isSim ? [{ type: At.AT_VERSION_LIST, value: hex("0002 0001 0000") }] : [];
    const ask = (identifier: number, ...types: number[]) => {
      const wanted = types.map((type) => ({ type, value: new Uint8Array(2) }));
      const data = encodeSim(first, [...versions, ...wanted]);
      return peer.step(Uint8Array.from([1, identifier, 0, 5 + data.length, type, ...data]));
    };
    const permanent = ask(1, At.AT_PERMANENT_ID_REQ) as { octets: Uint8Array };
    const { attributes } = decodeSim(permanent.octets.subarray(5));
    const text = new TextDecoder().decode(findAttribute(attributes, At.AT_IDENTITY)!.slice(2));
    assert.equal(text.replaceAll("\0", ""), own.identity);
    assert.equal((ask(2, At.AT_ANY_ID_REQ) as { octets: Uint8Array }).octets[5], 14);
    assert.match(whyOf(peer.step(hex("04 02 0004"))), /asks for an identity once more/);
  });
}

for (const method of METHODS.slice(1)) {
  Deno.test(`${method.name}: a network that is behind takes the card's SQN from AUTS`, () => {
    const { own, settings, network, env } = world(method, { sqn: 1_000_000n });
    const { peer, server, packets } = talk(own, settings, { env });
    assert.ok(peer.kind === "succeeded" && server.kind === "succeeded");
    assert.deepEqual(peer.outcome.msk, server.outcome.msk);
    assert.ok(subtypes(packets).includes(SimSubtype.AKA_SYNCHRONIZATION_FAILURE));
    assert.match(server.outcome.notes.join(), /behind the card's/);
    assert.ok(network.sqn > 1_000_000n && own.sim!.sqn === network.sqn);
  });

  Deno.test(`${method.name}: the login fails when the network keeps its low sequence number`, () => {
    const { own, settings, network, env } = world(method, { sqn: 1_000_000n });
    Object.defineProperty(network, "sqn", { get: () => 5n, set: () => {} });
    const { peer, server } = talk(own, settings, { env });
    assert.match(whyOf(server), /resynchronisation once more/);
    assert.match(whyOf(peer), /notifies GENERAL_FAILURE/);
  });

  Deno.test(`${method.name}: AT_CHECKCODE reveals that an identity response was changed`, () => {
    const { own, settings, env } = world(method);
    // Only a reserved field changes, so that both ends see the same identity. AT_CHECKCODE covers
    // the whole packets as each end has seen them.
    const { peer } = talk(own, settings, {
      env,
      meddle: (p, from) => {
        if (from === "peer" && subtypeOf(p) === AKA_IDENTITY) p[6] = 1; // Reserved
        return p;
      },
    });
    assert.match(whyOf(peer), /AT_CHECKCODE is wrong/);
  });
}

Deno.test("EAP-AKA: a login that is bid down from AKA' by a forged Nak fails", () => {
  const { own, settings, env } = world(METHODS[1]);
  const both = [EapType.AKA_PRIME, EapType.AKA];
  const { peer } = talk({ ...own, methods: both }, { ...settings, methods: both }, {
    env,
    // An attacker replaces the peer's response of AKA′ by a Nak that asks for AKA.
    meddle: (p, from) =>
      from === "peer" && p[4] === EapType.AKA_PRIME
        ? Uint8Array.of(2, p[1]!, 0, 6, EapType.NAK, EapType.AKA)
        : p,
  });
  assert.equal(peer.kind, "failed");
});

Deno.test("EAP-AKA: a peer that prefers AKA' refuses the D bit of AT_BIDDING", () => {
  const { own, settings, env } = world(METHODS[1]);
  const peerWants = [EapType.AKA_PRIME, EapType.AKA];
  // The server prefers AKA′ as well, but offers AKA to this user, whose entry allows nothing else.
  const server = { ...settings, methods: [EapType.AKA_PRIME, EapType.AKA] };
  const users = new EapUsers([{
    identity: IMSI,
    methods: [EapType.AKA],
    sim: { k: K, opc: OPC, sqn: 0n },
  }]);
  const named = { ...own, identity: IMSI, methods: peerWants };
  const { peer } = talk(named, { ...server, users }, { env });
  assert.match(whyOf(peer), /both ends prefer EAP-AKA'/);
});

Deno.test("EAP-AKA': another key derivation function is asked for, or refused", () => {
  const { own, env } = world(METHODS[2]);
  const name = { type: At.AT_KDF_INPUT, value: hex("0004 574c414e") };
  const challenge = (identifier: number, ...kdfs: number[]) => {
    const offered = kdfs.map((kdf) => ({ type: At.AT_KDF, value: Uint8Array.of(0, kdf) }));
    const data = encodeSim(AKA_CHALLENGE, [
      { type: At.AT_RAND, value: new Uint8Array(18) },
      { type: At.AT_AUTN, value: new Uint8Array(18) },
      name,
      ...offered,
    ]);
    return Uint8Array.from([1, identifier, 0, 5 + data.length, EapType.AKA_PRIME, ...data]);
  };
  const peer = openEapPeer(own, env);
  const first = peer.step(challenge(1, 2, 1));
  assert.equal(toHex((first as { octets: Uint8Array }).octets.subarray(5)), "01000018010001");
  const changed = peer.step(challenge(2, 1, 3, 1)) as { octets: Uint8Array };
  assert.equal(changed.octets[5], SimSubtype.CLIENT_ERROR);
  assert.match(whyOf(peer.step(hex("04 02 0004"))), /AT_KDF are not those it offered/);
  const other = openEapPeer(own, env);
  other.step(challenge(1, 2));
  assert.match(whyOf(other.step(hex("04 01 0004"))), /has key derivation 2, this end has 1/);
  const good = openEapPeer(own, env);
  good.step(challenge(1, 2, 1));
  // This list of AT_KDF is the expected one, so that the peer goes on to AUTN, which is wrong.
  good.step(challenge(2, 1, 2, 1));
  assert.match(whyOf(good.step(hex("04 02 0004"))), /AUTN is wrong/);
});

Deno.test("EAP-SIM: one RAND, or the same twice, is refused by its code", () => {
  for (
    const [rands, code, fault] of [[1, 2, /1 RAND, not 2 or 3/], [2, 3, /one RAND twice/]] as const
  ) {
    const { own, env } = world(METHODS[0]);
    const peer = openEapPeer(own, env);
    const step = (identifier: number, data: Uint8Array) =>
      peer.step(Uint8Array.from([1, identifier, 0, 5 + data.length, EapType.SIM, ...data]));
    step(1, encodeSim(SIM_START, [{ type: At.AT_VERSION_LIST, value: hex("0002 0001 0000") }]));
    const rand = { type: At.AT_RAND, value: new Uint8Array(2 + 16 * rands) };
    const answer = step(2, encodeSim(SIM_CHALLENGE, [rand])) as { octets: Uint8Array };
    assert.equal(answer.octets.at(-1), code);
    assert.match(whyOf(peer.step(hex("04 02 0004"))), fault);
  }
});

Deno.test("EAP-SIM: a server of another version is refused by its code", () => {
  const { own, env } = world(METHODS[0]);
  const peer = openEapPeer(own, env);
  const data = encodeSim(SIM_START, [{ type: At.AT_VERSION_LIST, value: hex("0002 0007 0000") }]);
  const answer = peer.step(Uint8Array.from([1, 1, 0, 5 + data.length, EapType.SIM, ...data]));
  assert.equal((answer as { octets: Uint8Array }).octets.at(-1), 1);
  assert.match(whyOf(peer.step(hex("04 01 0004"))), /version 7, not 1/);
});

Deno.test("EAP-SIM uses the triplets of a file in turn; AKA cannot use them", () => {
  const lines = Array.from({ length: 4 }, (_, i) => {
    const rand = new Uint8Array(16).fill(i + 1);
    const { sres, kc } = gsmTriplet({ k: K, opc: OPC }, rand);
    return [rand, sres, kc].map(toHex).join(",");
  });
  const identity = `1${IMSI}@ims.example`;
  const text = ["# of one card", "", ...lines.map((line) => `${identity},${line}`)].join("\n");
  const triplets = parseTriplets(`${text}\nother@ims.example,zz,zz,zz`, identity);
  const rands = (packets: readonly { octets: Uint8Array }[]) => {
    const challenge = packets.find(({ octets }) => subtypeOf(octets) === SIM_CHALLENGE)!;
    const { attributes } = decodeSim(challenge.octets.subarray(5));
    const value = findAttribute(attributes, At.AT_RAND)!.subarray(2);
    return [0, 16, 32].map((at) => value[at]);
  };
  const { own, env } = world(METHODS[0], { register: false });
  const settings = { methods: [EapType.SIM], users: new EapUsers([{ identity, triplets }]) };
  for (const wanted of [[1, 2, 3], [4, 1, 2]]) {
    const { peer, server, packets } = talk(own, settings, { env });
    assert.ok(peer.kind === "succeeded" && server.kind === "succeeded");
    assert.deepEqual(peer.outcome.msk, server.outcome.msk);
    assert.deepEqual(rands(packets), wanted);
  }
  const aka = talk({ ...own, methods: [EapType.AKA] }, { ...settings, methods: [EapType.AKA] }, {
    env,
  });
  assert.match(whyOf(aka.server), /the user has no SIM keys/);
});

Deno.test("lines that are not triplets, and too few or repeated ones, are refused", () => {
  const right = (octet: string) => `${octet.repeat(32)},${"a".repeat(8)},${"b".repeat(16)}`;
  const cases = [
    [right("1"), /authenticate bob by 1 triplets: expected at least 3/],
    [`${right("1")}\n${right("1")}`, /Cannot use the RAND of line 2 twice/],
    [`${right("1")}\n1234,12,12`, /Cannot read line 2 as a triplet/],
    [`a,b`, /Cannot read line 1 as a triplet/],
    [`a,b,c,d,e`, /Cannot read line 1 as a triplet/],
    [right("1").slice(0, -1), /Cannot read line 1 as a triplet/],
  ] as const;
  for (const [text, message] of cases) assert.throws(() => parseTriplets(text, "bob"), { message });
});
