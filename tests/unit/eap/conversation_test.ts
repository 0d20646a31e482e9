/**
 * The rules of RFC 3748 for every method: identity, notification, Nak, repeated requests, and when a
 * Success counts.
 */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import type { EapCredentials, EapServerSettings } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";
import { type Meddle, seededEnv, talk, whyOf } from "./_talk.ts";

const { GTC, MD5_CHALLENGE, MSCHAPV2 } = EapType;
const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const USERS = new EapUsers([{ identity: "bob", password: "secret" }]);
const bob = (...methods: number[]): EapCredentials => ({
  identity: "bob",
  methods,
  password: "secret",
});
const server = (...methods: number[]): EapServerSettings => ({ methods, users: USERS });

function sent(answer: EapAnswer): string {
  assert.equal(answer.kind, "send");
  return toHex((answer as { octets: Uint8Array }).octets);
}

for (const type of [MD5_CHALLENGE, GTC, MSCHAPV2]) {
  Deno.test(`method ${type} succeeds, and both ends have the same keys`, () => {
    const { peer, server: end } = talk(bob(type), server(type));
    assert.ok(peer.kind === "succeeded" && end.kind === "succeeded");
    assert.deepEqual(peer.outcome.msk, end.outcome.msk);
    assert.equal(peer.outcome.msk?.length, type === MSCHAPV2 ? 64 : undefined);
    assert.equal(end.outcome.identity, "bob");
    assert.equal(end.outcome.method, type);
  });

  Deno.test(`method ${type} fails at both ends when the password is wrong`, () => {
    const { peer, server: end } = talk({ ...bob(type), password: "wrong" }, server(type));
    assert.match(whyOf(end), /for "bob" is wrong/);
    assert.match(whyOf(peer), /Failure|E=691/);
    assert.match(whyOf(peer), /^EAP-(MD5|GTC|MSCHAPv2) fails: /);
  });
}

Deno.test("a server that is started with the identity begins with the method", () => {
  const { packets, server: end } = talk(bob(MD5_CHALLENGE), server(MD5_CHALLENGE), {
    identity: "bob",
  });
  assert.equal(packets[0]!.octets[4], MD5_CHALLENGE);
  assert.equal(end.kind, "succeeded");
});

Deno.test("after a Nak the server offers a method that the peer has asked for", () => {
  const { peer, packets } = talk(bob(MSCHAPV2, GTC), server(MD5_CHALLENGE, GTC, MSCHAPV2));
  assert.ok(peer.kind === "succeeded");
  // Among the methods that the peer asks for, the server's order of preference decides.
  assert.equal(peer.outcome.method, GTC);
  assert.ok(packets.some(({ octets }) => octets[0] === 2 && octets[4] === EapType.NAK));
});

Deno.test("both ends name the methods when they have none in common", () => {
  const { peer, server: end } = talk(bob(GTC), server(MD5_CHALLENGE));
  assert.match(whyOf(end), /the peer refuses EAP-MD5 and wants EAP-GTC/);
  assert.match(whyOf(peer), /the server has EAP-MD5, this end has EAP-GTC/);
});

Deno.test("a server that can offer no method names the reason for each of them", () => {
  const { server: end } = talk({ ...bob(GTC), identity: "eve" }, server(GTC, MD5_CHALLENGE));
  assert.match(whyOf(end), /"eve" \(EAP-GTC: there is no such user; EAP-MD5: /);
  const { server: other } = talk(bob(GTC), server(99));
  assert.match(whyOf(other), /unknown\(99\)/);
});

Deno.test("a peer that needs a password and has none fails with that reason", () => {
  const { peer } = talk({ identity: "bob", methods: [GTC] }, server(GTC));
  assert.match(whyOf(peer), /EAP-GTC fails: there is no eappassword/);
});

Deno.test("a notification is answered and noted, without its terminal control characters", () => {
  const peer = openEapPeer(bob(GTC), seededEnv());
  assert.equal(sent(peer.step(hex("01 05 000a 02 68691b5b6d"))), "0205000502");
  const end = peer.step(hex("04 05 0004"));
  assert.ok(end.kind === "failed");
  assert.deepEqual(end.notes, ["the server notifies: hi·[m"]);
});

Deno.test("a repeated request gets the same response, and is not processed again", () => {
  const peer = openEapPeer(bob(MD5_CHALLENGE), seededEnv());
  const request = hex("01 09 0016 04 10 000102030405060708090a0b0c0d0e0f");
  const first = sent(peer.step(request));
  assert.equal(sent(peer.step(request)), first);
  assert.equal(peer.step(hex("03 09 0004")).kind, "succeeded");
  assert.equal(peer.step(hex("03 09 0004")).kind, "discarded");
});

Deno.test("a Success counts only after the end of the method", () => {
  const peer = openEapPeer(bob(MSCHAPV2), seededEnv());
  assert.match(whyOf(peer.step(hex("03 01 0004"))), /Success without any method/);
  const { peer: early } = talk(bob(MSCHAPV2), server(MSCHAPV2), {
    meddle: (p, from) => from === "server" && p[5] === 3 ? hex("03 01 0004") : p,
  });
  assert.match(whyOf(early), /EAP-MSCHAPv2 fails: the server says Success before/);
});

Deno.test("a peer refuses a second method, and a request after the end of its method", () => {
  const midst = openEapPeer(bob(MSCHAPV2, GTC), seededEnv());
  midst.step(hex("01 01 001a 1a 01 01 0015 10 000102030405060708090a0b0c0d0e0f"));
  assert.match(whyOf(midst.step(hex("01 02 0006 06 41"))), /changes to EAP-GTC before its end/);
  const after = openEapPeer(bob(GTC), seededEnv());
  after.step(hex("01 01 0006 06 41"));
  assert.match(whyOf(after.step(hex("01 02 0006 06 42"))), /continues after the end of its method/);
});

Deno.test("a server takes only a response to its own request, and refuses another method", () => {
  const end = openEapServer(server(MSCHAPV2), seededEnv());
  const first = end.start("bob") as { octets: Uint8Array };
  const id = toHex(first.octets.subarray(1, 2));
  assert.equal(end.step(hex("01 01 0005 01")).kind, "discarded");
  assert.equal(
    end.step(hex(`02 ${toHex(Uint8Array.of(first.octets[1]! ^ 1))} 0006 03 06`)).kind,
    "discarded",
  );
  assert.match(whyOf(end.step(hex(`02 ${id} 0006 04 06`))), /answers by MD5-Challenge/);
});

Deno.test("a peer fails a conversation of more than 200 requests", () => {
  const peer = openEapPeer(bob(GTC), seededEnv());
  for (let i = 0; i < 200; i++) peer.step(Uint8Array.of(1, i, 0, 6, 2, i));
  assert.match(whyOf(peer.step(Uint8Array.of(1, 200, 0, 6, 2, 1))), /more than 200 requests/);
});

Deno.test("malformed packets end the conversation with the reason", () => {
  const peer = openEapPeer(bob(MD5_CHALLENGE), seededEnv());
  assert.match(whyOf(peer.step(hex("01 01 0008 04 10 0001"))), /^EAP-MD5 fails: Cannot read 16/);
  const empty = openEapPeer(bob(MD5_CHALLENGE), seededEnv());
  assert.match(whyOf(empty.step(hex("01 01 0006 04 00"))), /value is empty/);
});

Deno.test("terminal control characters in the identity of a peer are not shown", () => {
  const users = new EapUsers([{ identity: "*", password: "secret" }]);
  const eve = { ...bob(GTC), identity: "\x1b[31meve", password: "other" };
  const { server: end } = talk(eve, { methods: [GTC], users });
  assert.match(whyOf(end), /password for "·\[31meve" is wrong/);
});

Deno.test("an Identifier that is not the right one is noted, and nothing is refused for it", () => {
  const other: Meddle = (packet, from) => {
    if (from === "peer" || packet[0] !== EapCode.SUCCESS) return packet;
    return Uint8Array.from([packet[0]!, packet[1]! + 1, ...packet.subarray(2)]);
  };
  const { peer } = talk(bob(MD5_CHALLENGE), server(MD5_CHALLENGE), { meddle: other });
  assert.ok(peer.kind === "succeeded");
  assert.match(peer.outcome.notes.join(), /Success has Identifier \d+, and the last request \d+/);
  const right = talk(bob(MD5_CHALLENGE), server(MD5_CHALLENGE)).peer;
  assert.ok(right.kind === "succeeded");
  assert.deepEqual(right.outcome.notes, []);
  const again = openEapPeer(bob(MD5_CHALLENGE), seededEnv());
  again.step(hex("01 07 0005 01"));
  again.step(hex("01 07 0006 02 68"));
  const ended = again.step(hex("04 07 0004"));
  assert.ok(ended.kind === "failed");
  assert.match(ended.notes.join(), /another request has Identifier 7 of the last one/);
});
