/**
 * RADIUS packets, secrets and keys; how a gateway judges the answers of a server; and the front end by
 * which our own server takes part in RADIUS.
 */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import { md5 } from "@/crypto/legacy.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { RadiusFrontEnd } from "@/eap/radius/front_end.ts";
import {
  accessRequest,
  judgeResponse,
  newRadiusLogin,
  type RadiusCause,
} from "@/eap/radius/login.ts";
import {
  decodeRadius,
  eapIn,
  eapMessages,
  encodeRadius,
  type RadiusAttributeValue,
  radiusValue,
} from "@/eap/radius/packet.ts";
import { mppeKeys, mskIn, sealRequest, sealResponse, verdictOfMac } from "@/eap/radius/secret.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { RadiusAttribute, RadiusCode } from "@/iana/radius.ts";
import { seededEnv } from "./_talk.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const utf8 = new TextEncoder();
const SECRET = utf8.encode("testing123");
const OTHER = utf8.encode("other");
const { random } = seededEnv(3);
const HEADER = "01 07 0014 000102030405060708090a0b0c0d0e0f";
const { ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, ACCESS_REQUEST } = RadiusCode;
const { EAP_MESSAGE, STATE, USER_NAME, REPLY_MESSAGE, PROXY_STATE } = RadiusAttribute;

/**
 * The example of RFC 2865 §7.2: the Request Authenticator, the Access-Accept that answers it, and the
 * shared secret xyzzy5461.
 */
Deno.test("RFC 2865 §7.2: the example's Response Authenticator is right", () => {
  const request = hex("2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2");
  const accept = hex(
    "02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4 06 06 00 00 00 02 07 06 00 00 00 01 " +
      "08 06 ff ff ff fe 0a 06 00 00 00 02 0d 06 00 00 00 01 0c 06 00 00 05 dc",
  );
  const settings = {
    server: "s",
    secret: utf8.encode("xyzzy5461"),
    nasIdentifier: "n",
    attributes: [],
    random,
  };
  const login = newRadiusLogin(settings, "flopsy");
  const asked = { octets: accept, authenticator: request, isStart: false };
  const right = judgeResponse(login, asked, accept);
  // The response is authentic. The login fails only because the response carries no EAP packet.
  assert.ok(right.kind === "answer" && right.answer.kind === "failed");
  const bent = accept.slice();
  bent[55]! ^= 1;
  const wrong = judgeResponse(login, asked, bent);
  assert.ok(wrong.kind === "dropped" && wrong.cause === "wrong secret");
});

Deno.test("RADIUS packets are encoded as they were decoded; padding after Length is ignored", () => {
  const text = "01 07 001e 000102030405060708090a0b0c0d0e0f 0105626f62 4f02 5003ff";
  assert.equal(toHex(encodeRadius(decodeRadius(hex(text)))), toHex(hex(text)));
  assert.equal(decodeRadius(hex(`${HEADER} ffff`)).attributes.length, 0);
});

Deno.test("attributes of length 0 or 1, or past the end of the packet, are refused by name", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /of 0 octets/],
    ["01 07 0013 000102030405060708090a0b0c0d0e0f", /length 19/],
    ["01 07 0015 000102030405060708090a0b0c0d0e0f", /length 21 in 20/],
    ["01 07 0015 000102030405060708090a0b0c0d0e0f 01", /USER_NAME cut short/],
    ["01 07 0016 000102030405060708090a0b0c0d0e0f 4f00", /EAP_MESSAGE of length 0/],
    ["01 07 0016 000102030405060708090a0b0c0d0e0f 5001", /MESSAGE_AUTHENTICATOR of length 1/],
    ["01 07 0016 000102030405060708090a0b0c0d0e0f 1803", /STATE of length 3/],
  ];
  for (const [text, fault] of cases) {
    assert.throws(() => decodeRadius(hex(text)), (e: Error) => {
      assert.ok(e instanceof WireError && fault.test(e.message), e.message);
      return true;
    });
  }
});

Deno.test("a long EAP packet is split into several EAP-Messages, an empty one is EAP-Start", () => {
  for (const length of [0, 1, 253, 254, 506, 507, 1500]) {
    const eap = Uint8Array.from({ length }, (_, i) => i);
    const attributes = eapMessages(eap);
    assert.equal(attributes.length, Math.max(1, Math.ceil(length / 253)));
    const packet = { code: 1, identifier: 1, authenticator: random(16), attributes };
    assert.deepEqual(eapIn(packet), eap);
  }
});

Deno.test("a Message-Authenticator is found to be right, wrong or missing", () => {
  const plain = { code: ACCESS_REQUEST, identifier: 1, authenticator: random(16), attributes: [] };
  const sealed = decodeRadius(sealRequest(plain, SECRET));
  const { authenticator } = plain;
  assert.equal(sealed.attributes[0]!.type, RadiusAttribute.MESSAGE_AUTHENTICATOR);
  assert.equal(verdictOfMac(sealed, authenticator, SECRET), "right");
  assert.equal(verdictOfMac(sealed, authenticator, OTHER), "wrong");
  assert.equal(verdictOfMac(plain, authenticator, SECRET), "missing");
  const twice = { ...sealed, attributes: [...sealed.attributes, ...sealed.attributes] };
  assert.equal(verdictOfMac(twice, authenticator, SECRET), "wrong");
});

Deno.test("MS-MPPE keys carry an MSK; another secret does not reveal it", () => {
  const msk = random(64);
  const request = random(16);
  const attributes = mppeKeys(msk, { request, secret: SECRET, random });
  const packet = { code: ACCESS_ACCEPT, identifier: 1, authenticator: request, attributes };
  assert.deepEqual(mskIn(packet, request, SECRET), msk);
  assert.ok(attributes.every(({ value }) => (value[6]! & 0x80) !== 0));
  assert.notDeepEqual(attributes[0]!.value.slice(6, 8), attributes[1]!.value.slice(6, 8));
  const one = { ...packet, attributes: attributes.slice(0, 1) };
  assert.equal(mskIn(one, request, SECRET), undefined);
  let revealed: Uint8Array | undefined;
  try {
    revealed = mskIn(packet, request, OTHER);
  } catch (e) {
    assert.ok(e instanceof WireError);
  }
  assert.notDeepEqual(revealed, msk);
});

Deno.test("an MS-MPPE key whose length exceeds its octets is refused", () => {
  const request = random(16);
  const salt = hex("8001");
  const pad = md5(Uint8Array.from([...SECRET, ...request, ...salt]));
  for (const [length, good] of [[15, true], [16, false], [255, false]] as const) {
    const sealed = pad.slice();
    sealed[0]! ^= length;
    const key = (type: number) => ({
      type: RadiusAttribute.VENDOR_SPECIFIC,
      value: Uint8Array.from([0, 0, 1, 0x37, type, 20, ...salt, ...sealed]),
    });
    const attributes = [key(16), key(17)];
    const packet = { code: ACCESS_ACCEPT, identifier: 1, authenticator: request, attributes };
    if (good) assert.equal(mskIn(packet, request, SECRET)?.length, 64);
    else assert.throws(() => mskIn(packet, request, SECRET), /its length is (16|255)/);
  }
});

Deno.test("MS-MPPE keys with wrong attribute lengths are refused", () => {
  const request = random(16);
  for (const body of ["1101", "1100", "11ff0000", "1104 8001", "1105 800100"]) {
    const value = hex(`00000137 ${body}`);
    const attributes = [{ type: RadiusAttribute.VENDOR_SPECIFIC, value }];
    const packet = { code: ACCESS_ACCEPT, identifier: 1, authenticator: request, attributes };
    assert.throws(() => mskIn(packet, request, SECRET), WireError, body);
  }
});

/** The verdict of a gateway on a response to its request. */
function judged(
  code: number,
  attributes: readonly RadiusAttributeValue[],
  { secret = SECRET, method = EapType.MSCHAPV2 as number, keys = false } = {},
): ReturnType<typeof judgeResponse> {
  const settings = { server: "10.0.0.1:1812", secret: SECRET, nasIdentifier: "n", attributes: [] };
  const login = newRadiusLogin({ ...settings, random }, "bob");
  login.method = method || undefined;
  const request = accessRequest(login, 9, hex("02 01 0005 01"));
  const { authenticator } = request;
  const mppe = keys ? mppeKeys(random(64), { request: authenticator, secret, random }) : [];
  const response = { code, identifier: 9, attributes: [...attributes, ...mppe] };
  return judgeResponse(login, request, sealResponse(response, authenticator, secret));
}

const eap = (text: string) => ({ type: EAP_MESSAGE, value: hex(text) });

function causeOf(verdict: ReturnType<typeof judgeResponse>): readonly [string | undefined, string] {
  if (verdict.kind === "dropped") return [verdict.cause, verdict.why];
  assert.ok(verdict.answer.kind === "failed", JSON.stringify(verdict.answer));
  return [verdict.answer.cause, verdict.answer.why];
}

Deno.test("each bad answer of a RADIUS server has its cause and its explanation", () => {
  const cases: readonly (readonly [ReturnType<typeof judged>, RadiusCause, RegExp])[] = [
    [judged(ACCESS_CHALLENGE, [], {}), "lying server", /carries no EAP packet/],
    [judged(ACCESS_CHALLENGE, [eap("03010004")], {}), "lying server", /carries EAP SUCCESS/],
    [judged(ACCESS_CHALLENGE, [eap("0101")], {}), "lying server", /is malformed/],
    [judged(ACCESS_REJECT, [eap("03010004")], {}), "lying server", /REJECT carries EAP SUCCESS/],
    [judged(ACCESS_ACCEPT, [eap("04010004")], {}), "lying server", /ACCEPT carries EAP FAILURE/],
    [judged(ACCESS_ACCEPT, [], { keys: true }), "lying server", /carries no EAP Success/],
    [judged(5, [], {}), "lying server", /by code unknown\(5\)/],
    [
      judged(ACCESS_ACCEPT, [eap("03010004")], { method: 0 }),
      "lying server",
      /before any method/,
    ],
    [judged(ACCESS_ACCEPT, [eap("03010004")], {}), "no MSK", /has no MS-MPPE keys, and EAP-MSCH/],
    [judged(ACCESS_REJECT, [eap("04010004")], {}), "rejected", /rejects the login$/],
    [judged(ACCESS_ACCEPT, [], { secret: OTHER }), "wrong secret", /authenticator of its ACCESS_A/],
  ];
  for (const [verdict, cause, sentence] of cases) {
    const [found, why] = causeOf(verdict);
    assert.equal(found, cause, why);
    assert.match(why, sentence);
  }
  const reply = { type: REPLY_MESSAGE, value: utf8.encode("go \x1b[31maway") };
  const [, why] = causeOf(judged(ACCESS_REJECT, [eap("04010004"), reply], {}));
  assert.match(why, /RADIUS server 10\.0\.0\.1:1812 fails \(rejected\): .*: go ·\[31maway$/);
});

Deno.test("a good answer gives the server's EAP packet, and the MSK where there is one", () => {
  const challenge = judged(ACCESS_CHALLENGE, [eap("01 02 0005 01"), {
    type: STATE,
    value: hex("aa"),
  }]);
  assert.ok(challenge.kind === "answer" && challenge.answer.kind === "send");
  const accept = judged(ACCESS_ACCEPT, [eap("03010004")], { keys: true });
  assert.ok(accept.kind === "answer" && accept.answer.kind === "succeeded");
  assert.equal(accept.answer.outcome.msk?.length, 64);
  const bare = judged(ACCESS_ACCEPT, [eap("03010004")], { method: EapType.MD5_CHALLENGE });
  assert.ok(bare.kind === "answer" && bare.answer.kind === "succeeded");
  assert.equal(bare.answer.outcome.msk, undefined);
});

Deno.test("EAP-Message needs Message-Authenticator, except in the answer to EAP-Start", () => {
  const settings = { server: "s", secret: SECRET, nasIdentifier: "n", attributes: [], random };
  const bare = (code: number, text: string, sent: string) => {
    const login = newRadiusLogin(settings, "bob");
    const request = accessRequest(login, 1, hex(sent));
    const { authenticator } = request;
    const octets = encodeRadius({ code, identifier: 1, authenticator, attributes: [eap(text)] });
    octets.set(md5(Uint8Array.from([...octets, ...SECRET])), 4);
    return judgeResponse(login, request, octets);
  };
  const started = bare(ACCESS_CHALLENGE, "0102000501", "");
  assert.ok(started.kind === "answer" && started.answer.kind === "send");
  for (
    const [code, text, sent] of [
      [ACCESS_CHALLENGE, "0102000501", "02010008 01626f62"],
      [ACCESS_CHALLENGE, "010200060441", ""],
      [ACCESS_ACCEPT, "03020004", ""],
      [ACCESS_REJECT, "04020004", ""],
    ] as const
  ) {
    const verdict = bare(code, text, sent);
    assert.ok(verdict.kind === "dropped", text);
    assert.match(verdict.why, /EAP-Message without Message-Authenticator/);
  }
});

Deno.test("a wrong Message-Authenticator counts despite a right Response Authenticator", () => {
  const settings = { server: "s", secret: SECRET, nasIdentifier: "n", attributes: [], random };
  const login = newRadiusLogin(settings, "bob");
  const request = accessRequest(login, 1, hex(""));
  const { authenticator } = request;
  const wrong = { type: RadiusAttribute.MESSAGE_AUTHENTICATOR, value: random(16) };
  const attributes = [wrong, eap("0102000501")];
  const octets = encodeRadius({ code: ACCESS_CHALLENGE, identifier: 1, authenticator, attributes });
  octets.set(md5(Uint8Array.from([...octets, ...SECRET])), 4);
  const verdict = judgeResponse(login, request, octets);
  assert.ok(
    verdict.kind === "dropped" && verdict.cause === "wrong secret",
    JSON.stringify(verdict),
  );
});

/** A front end whose only user is bob by MSCHAPv2, and how the logins at it have ended. */
function newFrontEnd() {
  const env = seededEnv(11);
  const ended: EapAnswer[] = [];
  const users = new EapUsers([{ identity: "bob", password: "secret" }]);
  const frontEnd = new RadiusFrontEnd({
    secret: SECRET,
    random: env.random,
    open: () => openEapServer({ methods: [EapType.MSCHAPV2], users }, env),
    ended: (answer) => ended.push(answer),
  });
  return { frontEnd, ended };
}

/** Logs bob in at a front end, with our own gateway as its client. */
function logIn(frontEnd: RadiusFrontEnd, { start = false, nowMs = 0 } = {}): EapAnswer {
  const settings = { server: "s", secret: SECRET, nasIdentifier: "n", random };
  const proxy = { type: PROXY_STATE, value: hex("0102") };
  const login = newRadiusLogin({ ...settings, attributes: [proxy] }, "bob");
  const own = { identity: "bob", methods: [EapType.MSCHAPV2], password: "secret" };
  const peer = openEapPeer(own, seededEnv(5));
  let octets = start ? new Uint8Array(0) : hex("02 c8 0008 01 626f62");
  for (let identifier = 0; identifier < 20; identifier++) {
    const request = accessRequest(login, identifier, octets);
    const { octets: reply } = frontEnd.receive(request.octets, "n:1", nowMs);
    assert.deepEqual(radiusValue(decodeRadius(reply!), PROXY_STATE), proxy.value);
    assert.deepEqual(frontEnd.receive(request.octets, "n:1", nowMs).octets, reply, "a repetition");
    const verdict = judgeResponse(login, request, reply!);
    assert.ok(verdict.kind === "answer", JSON.stringify(verdict));
    if (verdict.answer.kind !== "send") return verdict.answer;
    octets = (peer.step(verdict.answer.octets) as { octets: Uint8Array<ArrayBuffer> }).octets;
  }
  throw new Error("the login does not end");
}

Deno.test("a front end logs a peer in by identity or EAP-Start, and then keeps no login", () => {
  for (const start of [false, true]) {
    const { frontEnd, ended } = newFrontEnd();
    const answer = logIn(frontEnd, { start });
    assert.ok(answer.kind === "succeeded");
    assert.ok(ended.length === 1 && ended[0]!.kind === "succeeded");
    assert.deepEqual(answer.outcome.msk, (ended[0] as typeof answer).outcome.msk);
    assert.equal(answer.outcome.identity, "bob");
    assert.equal(frontEnd.logins, 0);
  }
});

Deno.test("a front end does not answer requests that it cannot authenticate or decode", () => {
  const { frontEnd } = newFrontEnd();
  const login = (secret: Uint8Array) =>
    newRadiusLogin({ server: "s", secret, nasIdentifier: "n", attributes: [], random }, "bob");
  const stranger = accessRequest(login(OTHER), 1, hex("02 01 0008 01 626f62"));
  const reply = frontEnd.receive(stranger.octets, "n:1", 0);
  assert.equal(reply.octets, undefined);
  assert.match(reply.note!, /Message-Authenticator is wrong/);
  assert.match(frontEnd.receive(hex("00"), "n:1", 0).note!, /of 1 octets/);
  const accept = sealResponse({ code: 2, identifier: 1, attributes: [] }, random(16), SECRET);
  assert.match(frontEnd.receive(accept, "n:1", 0).note!, /no ACCESS_REQUEST/);
  assert.equal(frontEnd.logins, 0);
});

Deno.test("a front end forgets an idle login and rejects its State; closing ends all logins", () => {
  const { frontEnd } = newFrontEnd();
  const settings = { server: "s", secret: SECRET, nasIdentifier: "n", attributes: [], random };
  const login = newRadiusLogin(settings, "bob");
  const first = accessRequest(login, 1, hex("02 01 0008 01 626f62"));
  judgeResponse(login, first, frontEnd.receive(first.octets, "n:1", 0).octets!);
  assert.equal(frontEnd.logins, 1);
  const second = accessRequest(login, 2, hex("02 02 0006 1a 04"));
  const late = judgeResponse(login, second, frontEnd.receive(second.octets, "n:1", 61_000).octets!);
  assert.ok(late.kind === "answer" && late.answer.kind === "failed");
  assert.equal(late.answer.cause, "rejected");
  assert.equal(frontEnd.logins, 0);
  const again = accessRequest(newRadiusLogin(settings, "bob"), 3, hex("02 01 0008 01 626f62"));
  frontEnd.receive(again.octets, "n:1", 61_000);
  frontEnd.close();
  assert.equal(frontEnd.logins, 0);
});

Deno.test("a request without EAP-Message is rejected", () => {
  const { frontEnd } = newFrontEnd();
  const request = sealRequest({
    code: ACCESS_REQUEST,
    identifier: 4,
    authenticator: random(16),
    attributes: [{ type: USER_NAME, value: utf8.encode("bob") }],
  }, SECRET);
  const reply = frontEnd.receive(request, "n:1", 0);
  assert.equal(decodeRadius(reply.octets!).code, ACCESS_REJECT);
  assert.match(reply.note!, /no EAP-Message/);
});

Deno.test("a note tells when the Proxy-States of a request leave no room for an answer", () => {
  const { frontEnd } = newFrontEnd();
  const proxies = Array.from({ length: 14 }, () => ({ type: PROXY_STATE, value: random(253) }));
  const settings = { server: "s", secret: SECRET, nasIdentifier: "n", attributes: proxies, random };
  const login = newRadiusLogin(settings, "bob");
  const { octets } = accessRequest(login, 1, hex("02 01 0008 01 626f62"));
  assert.ok(frontEnd.receive(octets, "n:1", 0).octets);
  const more = [{ type: PROXY_STATE, value: random(253) }, {
    type: PROXY_STATE,
    value: random(198),
  }];
  const many = [...proxies, ...more];
  const packet = { code: ACCESS_REQUEST, identifier: 2, authenticator: random(16) };
  const full = sealRequest({ ...packet, attributes: [eap("0201000801626f62"), ...many] }, SECRET);
  assert.match(`${frontEnd.receive(full, "n:1", 0).note}`, /does not fit a RADIUS packet/);
});
