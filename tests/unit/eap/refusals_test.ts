/** What each end of a method refuses in the course of a conversation. */
import assert from "node:assert/strict";
import { concat, fromHex, toHex } from "@/base/bytes.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import type { ServerContext } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import {
  countedAttribute,
  countedOctets,
  decodeSim,
  encodeSim,
  fixedAttribute,
  fixedValue,
  numberAttribute,
  numberValue,
  type SimAttribute,
} from "@/eap/sim/attributes.ts";
import { answerChallenge, makeVector, newSimCard } from "@/eap/sim/card.ts";
import { akaMasterKey, keysOfMasterKey } from "@/eap/sim/keys.ts";
import { decrypted, encodeWithMac, encrypted } from "@/eap/sim/protection.ts";
import { SimRegister } from "@/eap/sim/register.ts";
import { aesCbcEncrypt } from "@/crypto/legacy.ts";
import { avp, AvpCode, encodeAvps, MICROSOFT } from "@/eap/tls/avp.ts";
import type { TlsEngine, TlsSession } from "@/eap/tls/engine.ts";
import { firstPacket, newFragments, takePacket } from "@/eap/tls/fragments.ts";
import { peapInnerPeer } from "@/eap/tls/peap_peer.ts";
import { peapInnerServer } from "@/eap/tls/peap_server.ts";
import { encodeExtensions } from "@/eap/tls/peap_tlv.ts";
import { ttlsInnerServer } from "@/eap/tls/ttls_server.ts";
import { EapUsers } from "@/eap/users.ts";
import { SimAttributeType as At, SimNotification, SimSubtype } from "@/iana/eap_sim_aka.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";
import { seededEnv, talk, whyOf } from "./_talk.ts";
import { tlsEnv, tlsSettings, tlsTest } from "./_tls.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const USERS = new EapUsers([{ identity: "bob", password: "secret" }]);
const OWN = { identity: "bob", password: "secret" };

function octetsOf(answer: EapAnswer): Uint8Array {
  assert.ok("octets" in answer && answer.octets, JSON.stringify(answer));
  return answer.octets;
}

/** A packet of a method, with its length. */
function packet(code: number, identifier: number, type: number, data: Uint8Array): Uint8Array {
  const length = 5 + data.length;
  return concat(Uint8Array.of(code, identifier, length >> 8, length, type), data);
}

Deno.test("a Nak after the first response of a method is refused", () => {
  const { server } = talk({ ...OWN, methods: [EapType.MSCHAPV2] }, {
    methods: [EapType.MSCHAPV2, EapType.GTC],
    users: USERS,
  }, {
    // The acknowledgement of Success becomes a Nak.
    meddle: (p, from) =>
      from === "peer" && p[4] === EapType.MSCHAPV2 && p[5] === 3
        ? Uint8Array.of(2, p[1]!, 0, 6, EapType.NAK, EapType.GTC)
        : p,
  });
  assert.match(whyOf(server), /sends a Nak in the middle of the method/);
});

Deno.test("MSCHAPv2: a response to another challenge is refused by its ID", () => {
  const { server } = talk({ ...OWN, methods: [EapType.MSCHAPV2] }, {
    methods: [EapType.MSCHAPV2],
    users: USERS,
  }, {
    meddle: (p, from) => {
      if (from === "peer" && p[4] === EapType.MSCHAPV2 && p[5] === 2) p[6]! ^= 1;
      return p;
    },
  });
  assert.match(whyOf(server), /MS-CHAPv2-ID is \d+, not \d+/);
});

const KEYS = { k: new Uint8Array(16).fill(7), opc: new Uint8Array(16).fill(9) };
const SIM_ID = "0001";
const RAND = new Uint8Array(16).fill(1);

/** A peer that has passed a challenge of EAP-AKA, how to send it requests, and that challenge. */
function authenticated() {
  const own = { identity: SIM_ID, methods: [EapType.AKA], sim: newSimCard(KEYS, 0n) };
  const peer = openEapPeer(own, seededEnv());
  const vector = makeVector({ ...KEYS, sqn: 0n }, RAND);
  const keys = keysOfMasterKey(akaMasterKey(SIM_ID, vector.ik, vector.ck));
  const send = (identifier: number, subtype: number, attributes: SimAttribute[], bare = false) => {
    const frame = { code: EapCode.REQUEST, identifier, type: EapType.AKA };
    const { kAut } = keys;
    const data = bare
      ? encodeSim(subtype, attributes)
      : encodeWithMac(frame, { subtype, attributes, kAut });
    return peer.step(packet(1, identifier, EapType.AKA, data));
  };
  const challenge = [fixedAttribute(At.AT_RAND, RAND), fixedAttribute(At.AT_AUTN, vector.autn)];
  const through = octetsOf(send(1, SimSubtype.AKA_CHALLENGE, challenge));
  assert.equal(through[5], SimSubtype.AKA_CHALLENGE);
  return { peer, send, challenge };
}

const notify = (code: number) => [numberAttribute(At.AT_NOTIFICATION, code)];
const { GENERAL_FAILURE_AFTER_AUTHENTICATION, SUCCESS, NOT_SUBSCRIBED } = SimNotification;

Deno.test("AKA: a protected notification of a failure is acknowledged with a MAC", () => {
  const { peer, send } = authenticated();
  const answer = octetsOf(send(2, SimSubtype.NOTIFICATION, notify(NOT_SUBSCRIBED)));
  assert.equal(answer[5], SimSubtype.NOTIFICATION);
  assert.ok(decodeSim(answer.subarray(5)).macAt !== undefined);
  assert.match(whyOf(peer.step(hex("04 02 0004"))), /notifies NOT_SUBSCRIBED \(1031\)/);
});

Deno.test("AKA: a notification of success is acknowledged, and Success may follow it", () => {
  const { peer, send } = authenticated();
  assert.equal(octetsOf(send(2, SimSubtype.NOTIFICATION, notify(SUCCESS)))[5], 12);
  assert.equal(peer.step(hex("03 02 0004")).kind, "succeeded");
});

Deno.test("AKA: notifications without MAC, repeated ones and early success are refused", () => {
  const forged = authenticated();
  const wrong = notify(GENERAL_FAILURE_AFTER_AUTHENTICATION);
  assert.equal(octetsOf(forged.send(2, SimSubtype.NOTIFICATION, wrong, true))[5], 14);
  assert.match(whyOf(forged.peer.step(hex("04 02 0004"))), /AT_MAC is missing/);
  const twice = authenticated();
  twice.send(2, SimSubtype.NOTIFICATION, notify(SUCCESS));
  assert.equal(octetsOf(twice.send(3, SimSubtype.NOTIFICATION, notify(SUCCESS)))[5], 14);
  assert.match(whyOf(twice.peer.step(hex("04 03 0004"))), /notifies a second time/);
  const early = openEapPeer(
    { identity: SIM_ID, methods: [EapType.AKA], sim: newSimCard(KEYS, 0n) },
    seededEnv(),
  );
  const data = encodeSim(SimSubtype.NOTIFICATION, notify(SUCCESS));
  assert.equal(octetsOf(early.step(packet(1, 1, EapType.AKA, data)))[5], 14);
  assert.match(whyOf(early.step(hex("04 01 0004"))), /notification without keys/);
});

Deno.test("AKA: a second challenge after the end of the method is refused", () => {
  const { peer, send, challenge } = authenticated();
  assert.equal(octetsOf(send(2, SimSubtype.AKA_CHALLENGE, challenge))[5], 14);
  assert.match(whyOf(peer.step(hex("04 02 0004"))), /AKA_CHALLENGE behind the method's end/);
});

Deno.test("AKA: a peer gives up when the network's sequence number stays too low", () => {
  const own = { identity: SIM_ID, methods: [EapType.AKA], sim: newSimCard(KEYS, 1_000n) };
  const peer = openEapPeer(own, seededEnv());
  const { autn } = makeVector({ ...KEYS, sqn: 0n }, RAND);
  const data = encodeSim(SimSubtype.AKA_CHALLENGE, [
    fixedAttribute(At.AT_RAND, RAND),
    fixedAttribute(At.AT_AUTN, autn),
  ]);
  const subtypes = [1, 2, 3].map((id) => octetsOf(peer.step(packet(1, id, EapType.AKA, data)))[5]);
  assert.deepEqual(subtypes, [4, 4, 14]);
  assert.match(whyOf(peer.step(hex("04 03 0004"))), /stays behind the card's/);
});

Deno.test("AKA': one key derivation that is offered twice is refused", () => {
  const own = { identity: "6001", methods: [EapType.AKA_PRIME], sim: newSimCard(KEYS, 0n) };
  const peer = openEapPeer(own, seededEnv());
  const data = encodeSim(SimSubtype.AKA_CHALLENGE, [
    { type: At.AT_KDF_INPUT, value: hex("0004 574c414e") },
    numberAttribute(At.AT_KDF, 1),
    numberAttribute(At.AT_KDF, 1),
  ]);
  assert.equal(octetsOf(peer.step(packet(1, 1, EapType.AKA_PRIME, data)))[5], 14);
  assert.match(whyOf(peer.step(hex("04 01 0004"))), /offers one AT_KDF twice/);
});

Deno.test("AT_PADDING that is not zero or of a wrong length is refused", () => {
  const kEncr = new Uint8Array(16);
  const iv = new Uint8Array(16);
  const refused = (plain: string) => {
    const octets = aesCbcEncrypt(kEncr, iv, hex(plain));
    const attributes = [fixedAttribute(At.AT_IV, iv), fixedAttribute(At.AT_ENCR_DATA, octets)];
    assert.throws(() => decrypted(attributes, kEncr), /AT_PADDING is no padding/);
  };
  refused("13010001 0603 00000000000000000001");
  refused("0604 0000000000000000000000000000");
});

Deno.test("keys with an exhausted counter or of another method cause a full login", () => {
  const register = new SimRegister();
  const env = seededEnv();
  const users = new EapUsers([{ identity: "001", sim: { ...KEYS, sqn: 0n } }]);
  const settings = { methods: [EapType.AKA], users, register };
  const own = { identity: SIM_ID, methods: [EapType.AKA], sim: newSimCard(KEYS, 0n) };
  talk(own, settings, { env });
  const known = own.sim.reauths.get(EapType.AKA)!;
  const state = register.takeReauth(known.identity)!;
  // The server's counter has its largest value, so that a full authentication follows.
  register.addReauth({ ...state, counter: 0xffff });
  const { peer, packets } = talk(own, settings, { env });
  assert.equal(peer.kind, "succeeded");
  assert.ok(!packets.some(({ octets }) => octets[4] === EapType.AKA && octets[5] === 13));
  // Keys of another method are not used.
  const again = own.sim.reauths.get(EapType.AKA)!;
  const other = register.takeReauth(again.identity)!;
  register.addReauth({ ...other, method: EapType.SIM });
  assert.equal(talk(own, settings, { env }).peer.kind, "succeeded");
});

Deno.test("SIM: a peer that selects a version which was not offered is refused", () => {
  const users = new EapUsers([{ identity: "001", sim: { ...KEYS, sqn: 0n } }]);
  const server = openEapServer({ methods: [EapType.SIM], users }, seededEnv());
  const first = octetsOf(server.start("1001"));
  const data = encodeSim(SimSubtype.SIM_START, [
    fixedAttribute(At.AT_NONCE_MT, RAND),
    numberAttribute(At.AT_SELECTED_VERSION, 2),
    { type: At.AT_IDENTITY, value: hex("0004 31303031") },
  ]);
  const answer = octetsOf(server.step(packet(2, first[1]!, EapType.SIM, data)));
  assert.equal(answer[5], SimSubtype.NOTIFICATION);
  const acknowledged = packet(2, answer[1]!, EapType.SIM, encodeSim(SimSubtype.NOTIFICATION, []));
  assert.match(whyOf(server.step(acknowledged)), /selects version 2, not 1/);
});

Deno.test("data in place of the acknowledgement of a fragment is refused", () => {
  const fragments = newFragments();
  firstPacket(fragments, new Uint8Array(3_000));
  assert.throws(() => takePacket(fragments, hex("00 aa")), /in place of the acknowledgement/);
  const again = newFragments();
  takePacket(again, hex("c0 00000010 aa"));
  assert.throws(() => takePacket(again, hex("c0 00000011 aa")), /of 16 octets that now says 17/);
});

tlsTest("EAP-TLS: a server refuses an empty response in place of a handshake message", () => {
  const tls = tlsSettings("server");
  const server = openEapServer({ methods: [EapType.TLS], users: USERS, tls }, tlsEnv());
  const first = octetsOf(server.start("bob"));
  const empty = packet(2, first[1]!, EapType.TLS, Uint8Array.of(0));
  assert.match(whyOf(server.step(empty)), /the peer sends no TLS/);
});

/** An established TLS session without traffic, whose exporter gives constant octets. */
const SESSION: TlsSession = {
  feed: () => ({ out: hex(""), plaintext: hex(""), established: true, failure: undefined }),
  write: (plaintext) => plaintext,
  version: () => 0x0303,
  exportKey: (_label, _context, octets) => new Uint8Array(octets).fill(6),
  peerSubject: () => undefined,
  close: () => {},
};
/** An engine whose handshake is one step, and whose sessions then receive these plaintexts. */
function scripted(version: number, ...plaintexts: string[]): TlsEngine {
  const feed = () => ({
    out: hex(""),
    plaintext: hex(plaintexts.shift() ?? ""),
    established: true,
    failure: undefined,
  });
  return { open: () => ({ ...SESSION, version: () => version, feed }) };
}

Deno.test("EAP-TLS: a server may send only its indication of success inside TLS", () => {
  const own = { ...OWN, methods: [EapType.TLS], tls: tlsSettings("client") };
  const talkTo = (version: number, plaintext: string) => {
    const peer = openEapPeer(own, { ...seededEnv(), tls: scripted(version, plaintext) });
    const answer = peer.step(hex("01 01 0006 0d 20"));
    return answer.kind === "send" ? peer.step(hex("03 01 0004")) : answer;
  };
  assert.equal(talkTo(0x0304, "00").kind, "succeeded");
  assert.match(whyOf(talkTo(0x0304, "01")), /sends 1 octets inside TLS/);
  assert.match(whyOf(talkTo(0x0304, "0000")), /sends 2 octets inside TLS/);
  assert.match(whyOf(talkTo(0x0303, "00")), /sends 1 octets inside TLS/);
  assert.equal(talkTo(0x0303, "").kind, "succeeded");
  // TLS 1.3 without the indication: Success alone is not enough (RFC 9190 §2.1.1).
  assert.match(whyOf(talkTo(0x0304, "")), /Success before the method is through/);
});

Deno.test("EAP-TLS: a peer that sends more inside TLS after the handshake is refused", () => {
  const settings = { methods: [EapType.TLS], users: USERS, tls: tlsSettings("server") };
  const server = openEapServer(settings, { ...seededEnv(), tls: scripted(0x0303) });
  const hello = packet(2, octetsOf(server.start("bob"))[1]!, EapType.TLS, hex("00 16"));
  const finished = octetsOf(server.step(hello));
  const more = packet(2, finished[1]!, EapType.TLS, hex("00 17"));
  assert.match(whyOf(server.step(more)), /the peer goes on inside TLS/);
});

const CONTEXT: ServerContext = {
  identity: "bob",
  user: undefined,
  settings: { methods: [], users: USERS },
  env: seededEnv(),
};

Deno.test("TTLS: CHAP and MS-CHAP-V2 over another challenge than the tunnel's are refused", () => {
  const name = avp(AvpCode.USER_NAME, new TextEncoder().encode("bob"));
  const inner = () => {
    const server = ttlsInnerServer(CONTEXT);
    server.begin(SESSION, 1);
    return (avps: Parameters<typeof encodeAvps>[0]) => () =>
      server.take(encodeAvps([name, ...avps]), { identifier: 1, next: 2 });
  };
  const chap = avp(AvpCode.CHAP_PASSWORD, new Uint8Array(17).fill(6));
  const wrong = avp(AvpCode.CHAP_CHALLENGE, new Uint8Array(16).fill(5));
  assert.throws(inner()([chap, wrong]), /challenge is not that of the tunnel/);
  assert.throws(inner()([chap]), /challenge is not that of the tunnel/);
  const right = avp(AvpCode.CHAP_CHALLENGE, new Uint8Array(16).fill(6));
  assert.throws(inner()([chap, right]), /the peer's CHAP for "bob" is wrong/);
  const response = avp(AvpCode.MS_CHAP2_RESPONSE, new Uint8Array(50), MICROSOFT);
  const challenge = avp(AvpCode.MS_CHAP_CHALLENGE, new Uint8Array(16).fill(6), MICROSOFT);
  // The identifier of the response is 0, but the one that the tunnel gives is 6.
  assert.throws(inner()([response, challenge]), /challenge is not that of the tunnel/);
  const short = avp(AvpCode.MS_CHAP2_RESPONSE, new Uint8Array(49), MICROSOFT);
  assert.throws(inner()([short, challenge]), /MS-CHAP2-Response has 49 octets/);
  assert.throws(inner()([]), /no way to prove itself/);
});

Deno.test("PEAP: results that contradict the inner method are refused", () => {
  const { REQUEST, RESPONSE } = EapCode;
  const peer = () => peapInnerPeer({ ...OWN, methods: [], inner: "md5" }, seededEnv());
  const early = peer().take(encodeExtensions(REQUEST, 3, { success: true }), 3);
  assert.ok(early.then === "refused" && /before the inner method is through/.test(early.why));
  assert.equal(toHex(early.out), "0203000b21800300020002");
  const failed = peer().take(encodeExtensions(REQUEST, 3, { success: false }), 3);
  assert.ok(failed.then === "refused" && /the server says failure/.test(failed.why));
  // The inner method succeeds at the server, but the peer then reports a failure.
  const users = new EapUsers([{ identity: "bob", password: "secret" }]);
  const server = peapInnerServer({ ...CONTEXT, settings: { methods: [], users, inner: ["md5"] } });
  const client = peer();
  let said = server.begin(SESSION, 9)!;
  let identifier = 9;
  for (;;) {
    const step = client.take(said, identifier);
    const answer = server.take(step.out, { identifier, next: identifier + 1 });
    assert.ok(answer.then === "more");
    said = answer.out;
    identifier++;
    if (said[4] === 33) break;
  }
  assert.throws(
    () =>
      server.take(encodeExtensions(RESPONSE, identifier, { success: false }), {
        identifier,
        next: 1,
      }),
    /inside, the peer says failure/,
  );
});

Deno.test("attributes that occur twice, or whose length exceeds their octets, are refused", () => {
  const twice = hex("01 0000 0b05 0000".concat("00".repeat(16), "0b05 0000", "00".repeat(16)));
  assert.throws(() => decodeSim(twice), /AT_MAC stands there twice/);
  const { attributes } = decodeSim(hex("05 0000 0e02 0005 30303031"));
  assert.throws(() => countedOctets(attributes[0]!), /AT_IDENTITY says 5 octets and has 4/);
});

Deno.test("AKA: a peer forgets an identity when it is asked for the next one", () => {
  const sim = newSimCard(KEYS, 0n);
  const key = new Uint8Array(16);
  const state = { identity: "4x", masterKey: key, kEncr: key, kAut: key, counter: 0 };
  sim.reauths.set(EapType.AKA, state);
  sim.pseudonyms.set(EapType.AKA, "2x");
  const peer = openEapPeer({ identity: SIM_ID, methods: [EapType.AKA], sim }, seededEnv());
  const ask = (identifier: number, type: number) => {
    const data = encodeSim(SimSubtype.AKA_IDENTITY, [numberAttribute(type, 0)]);
    const { attributes } = decodeSim(
      octetsOf(peer.step(packet(1, identifier, 23, data))).subarray(5),
    );
    return new TextDecoder().decode(countedOctets(attributes[0]!));
  };
  assert.equal(ask(1, At.AT_ANY_ID_REQ), "4x");
  assert.equal(ask(2, At.AT_FULLAUTH_ID_REQ), "2x");
  assert.equal(sim.reauths.size, 0);
  assert.equal(ask(3, At.AT_PERMANENT_ID_REQ), SIM_ID);
  assert.equal(sim.pseudonyms.size, 0);
});

/** A server of EAP-AKA that has received this AT_IDENTITY, and the request that it sends next. */
function asked(identity: string, register?: SimRegister) {
  const users = new EapUsers([{ identity: "001", sim: { ...KEYS, sqn: 100n } }]);
  const server = openEapServer({ methods: [EapType.AKA], users, register }, seededEnv());
  const first = octetsOf(server.start(SIM_ID));
  const text = new TextEncoder().encode(identity);
  const data = encodeSim(SimSubtype.AKA_IDENTITY, [countedAttribute(At.AT_IDENTITY, text)]);
  const request = octetsOf(server.step(packet(2, first[1]!, EapType.AKA, data)));
  return { server, identifier: request[1]!, message: decodeSim(request.subarray(5)) };
}

/** Sends a response with a right AT_MAC, and returns why the server refuses it. */
function refusedBy(
  { server, identifier }: ReturnType<typeof asked>,
  response: Parameters<typeof encodeWithMac>[1],
): string {
  const frame = { code: EapCode.RESPONSE, identifier, type: EapType.AKA };
  const answer = octetsOf(server.step(packet(2, identifier, 23, encodeWithMac(frame, response))));
  assert.equal(answer[5], SimSubtype.NOTIFICATION);
  const acknowledgement = encodeSim(SimSubtype.NOTIFICATION, []);
  return whyOf(server.step(packet(2, answer[1]!, EapType.AKA, acknowledgement)));
}

Deno.test("AKA: a server refuses a wrong AT_RES although AT_MAC is right", () => {
  for (const [octets, bits] of [[8, 64], [16, 128], [8, 63]] as const) {
    const end = asked(SIM_ID);
    const { attributes } = end.message;
    const rand = fixedValue(attributes, At.AT_RAND, 16);
    const autn = fixedValue(attributes, At.AT_AUTN, 16);
    const verdict = answerChallenge(newSimCard(KEYS, 0n), { rand, autn }, true);
    assert.ok(verdict.kind === "accepted");
    const { ik, ck, res } = verdict.vector;
    const { kAut } = keysOfMasterKey(akaMasterKey(SIM_ID, ik, ck));
    const wrong = bits === 63 ? res : new Uint8Array(octets);
    const why = refusedBy(end, {
      subtype: SimSubtype.AKA_CHALLENGE,
      attributes: [countedAttribute(At.AT_RES, wrong, bits)],
      kAut,
    });
    assert.match(why, /AT_RES for "0001" is wrong/);
  }
});

Deno.test("AKA: a server refuses a wrong counter although AT_MAC is right", () => {
  const register = new SimRegister();
  const key = new Uint8Array(16).fill(2);
  const state = { identity: "4fast", masterKey: key, kEncr: key, kAut: key, counter: 4 };
  register.addReauth({ ...state, method: EapType.AKA, permanent: SIM_ID });
  const end = asked("4fast", register);
  const inside = decrypted(end.message.attributes, key);
  assert.equal(numberValue(inside, At.AT_COUNTER), 5);
  const why = refusedBy(end, {
    subtype: SimSubtype.REAUTHENTICATION,
    attributes: encrypted([numberAttribute(At.AT_COUNTER, 6)], key, key),
    kAut: key,
    beside: fixedValue(inside, At.AT_NONCE_S, 16),
  });
  assert.match(why, /the peer's counter is 6, not 5/);
});
