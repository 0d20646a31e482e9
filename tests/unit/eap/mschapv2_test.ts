import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { seededEnv, talk, whyOf } from "./_talk.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const OWN = { identity: "bob", methods: [EapType.MSCHAPV2], password: "secret" };
const SETTINGS = {
  methods: [EapType.MSCHAPV2],
  users: new EapUsers([{ identity: "bob", password: "secret" }]),
};
const CHALLENGE = hex("01 01 001a 1a 01 01 0015 10 000102030405060708090a0b0c0d0e0f");

/** Opens a peer and lets it answer a challenge. */
function challenged() {
  const peer = openEapPeer(OWN, seededEnv());
  assert.equal(peer.step(CHALLENGE).kind, "send");
  return peer;
}

/** A request of OpCode 3 (Success) or 4 (Failure) that carries this text. */
function textRequest(opCode: number, text: string): Uint8Array {
  const octets = new TextEncoder().encode(text);
  const length = 4 + octets.length;
  return Uint8Array.from([
    1,
    2,
    0,
    5 + length,
    26,
    opCode,
    1,
    0,
    length,
    ...octets,
  ]);
}

Deno.test("a peer refuses a server that does not prove the same password", () => {
  const peer = challenged();
  assert.match(whyOf(peer.step(textRequest(3, `S=${"0".repeat(40)} M=OK`))), /another password/);
  assert.match(whyOf(challenged().step(textRequest(3, "M=OK"))), /no S=/);
  assert.match(whyOf(challenged().step(textRequest(3, `S=${"0".repeat(41)}`))), /no S=/);
});

Deno.test("a peer acknowledges each error of a server, and explains it", () => {
  for (
    const [text, sentence] of [
      ["E=691 R=1 C=00 V=3 M=no", /user name or the password is wrong \(E=691: no\)/],
      ["E=648 R=0 C=00 V=3 M=", /password has expired, and this end does not change/],
      ["E=647", /disabled \(E=647\)/],
      ["E=700 M=x", /not known \(E=700: x\)/],
      ["", /not known \(E=missing\)/],
    ] as const
  ) {
    const peer = challenged();
    const answer = peer.step(textRequest(4, text));
    assert.equal(toHex((answer as { octets: Uint8Array }).octets), "020200061a04");
    assert.match(whyOf(peer.step(hex("04 02 0004"))), sentence);
  }
});

Deno.test("an error of the server counts even where an EAP-Success follows it", () => {
  const peer = challenged();
  peer.step(textRequest(4, "E=691"));
  assert.match(whyOf(peer.step(hex("03 02 0004"))), /E=691/);
});

Deno.test("a peer that asks to change its password is refused", () => {
  const server = openEapServer(SETTINGS, seededEnv());
  const { octets } = server.start("bob") as { octets: Uint8Array };
  const change = Uint8Array.of(2, octets[1]!, 0, 9, 26, 7, 1, 0, 4);
  assert.match(whyOf(server.step(change)), /change its password/);
});

Deno.test("a server fails the login of a peer that does not accept its proof", () => {
  const { server } = talk(OWN, SETTINGS, {
    meddle: (p, from) =>
      from === "peer" && p[4] === 26 && p[5] === 3 ? Uint8Array.of(2, p[1]!, 0, 6, 26, 4) : p,
  });
  assert.match(whyOf(server), /does not accept this server's proof/);
});

Deno.test("wrong length fields are refused at both ends", () => {
  const cases = [
    "01 01 001a 1a 01 01 0003 10 000102030405060708090a0b0c0d0e0f",
    "01 01 001a 1a 01 01 00ff 10 000102030405060708090a0b0c0d0e0f",
    "01 01 001a 1a 01 01 0015 0f 000102030405060708090a0b0c0d0e0f",
    "01 01 000a 1a 01 01 0005 10",
    "01 01 0006 1a 01",
    "01 01 0005 1a",
  ];
  for (const text of cases) {
    const answer = openEapPeer(OWN, seededEnv()).step(hex(text));
    assert.ok(answer.kind === "failed" && answer.cause === "malformed", text);
  }
  const { server } = talk(OWN, SETTINGS, {
    meddle: (p, from) => {
      if (from === "peer" && p[5] === 2) p[9] = 48;
      return p;
    },
  });
  assert.match(whyOf(server), /response has 48 octets/);
});

Deno.test("the message of the server's Success is among the notes of the peer", () => {
  const { peer } = talk(OWN, SETTINGS);
  assert.ok(peer.kind === "succeeded");
  assert.deepEqual(peer.outcome.notes, ["the server says: OK"]);
});
