// The content of EAP in IKE_AUTH, and RADIUS behind it: what is wrong in it ends its own IKE SA with a sentence,
// and no other. RFC 3748, RFC 4187, RFC 2865, RFC 3579, RFC 5281.
import assert from "node:assert/strict";
import { fromHex } from "@/base/bytes.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { newSimCard } from "@/eap/sim/card.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { EapOutcome, EapServer } from "@/eap/conversation.ts";
import type { BothAuthConfigs } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check, proved } = checksOf(import.meta.url);
const { IKE_AUTH } = ExchangeType;
const { REQUEST, RESPONSE, SUCCESS, FAILURE } = EapCode;
const { AKA, IDENTITY, MSCHAPV2, NAK } = EapType;
const NAME = "hostile.test";
const SIM_NAME = "0232010000000000";
const KEYS = { k: new Uint8Array(16).fill(7), opc: new Uint8Array(16).fill(9) };
const psk = { kind: "psk", secret: new TextEncoder().encode("a secret of the world") } as const;
const env = { random: (count: number) => new Uint8Array(count).fill(7), tls: undefined };
const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;

const eap = (data: Uint8Array): Payload => ({ type: PayloadType.EAP, data });

/** An EAP packet with Type-Data, whose length is right. */
function packet(code: number, identifier: number, type: number, data: Uint8Array): Payload {
  return eap(Uint8Array.from([code, identifier, 0, 5 + data.length, type, ...data]));
}

/** Our client, which has got this first request of EAP. */
function client(method: number, first: Payload): Bench {
  const open = () => {
    const sim = newSimCard(KEYS, 0n);
    const identity = method === AKA ? SIM_NAME : NAME;
    return openEapPeer({ identity, methods: [method], password: "wonderland", sim }, env);
  };
  const bench = Bench.keyed("initiator", { auth: { own: { kind: "eap", open }, peer: psk } });
  bench.answer([bench.peer.identity(), bench.peer.auth(), first]);
  return bench;
}

/** Our gateway, which has sent its first EAP request; the packet of that. */
function gateway(method: number, password = "wonderland") {
  const users = new EapUsers([
    { identity: NAME, password },
    { identity: SIM_NAME, sim: { ...KEYS, sqn: 0n } },
  ]);
  const open = () => openEapServer({ methods: [method], users }, env);
  const auth: BothAuthConfigs = { own: psk, peer: { kind: "eap", open, asksIdentity: false } };
  return asked(auth, method === AKA ? SIM_NAME : NAME);
}

function asked(auth: BothAuthConfigs, name: string) {
  const bench = Bench.keyed("responder", { auth });
  const id = { idType: 2, data: new TextEncoder().encode(name) };
  const first = bench.ask(IKE_AUTH, [bench.peer.identity(id), ...bench.peer.childPayloads()]);
  return { bench, request: findPayload(first, PayloadType.EAP)!.data };
}

/** The IKE SA of our gateway ends for this reason, and the peer is told that it does. */
function isRefused(
  bench: Bench,
  said: readonly Payload[],
  why: RegExp,
  notify: number = NotifyType.AUTHENTICATION_FAILED,
): void {
  assert.ok(findNotify(said, notify));
  assert.match(bench.failure, why);
  bench.over();
}

/** Our client has given up, or does so when the server says Failure; for this reason. */
function givesUp(bench: Bench, why: RegExp): void {
  if (bench.failure === "") {
    bench.said();
    bench.answer([eap(Uint8Array.of(FAILURE, 1, 0, 4))]);
  }
  // What it tells its peer at the end.
  if (bench.live.length > 0) bench.answer([]);
  bench.over();
  assert.match(bench.failure, why);
}

check(
  "RFC 4187 §8.1",
  "An attribute of length 0, or past the end of its packet, is refused",
  () => {
    // AKA-Challenge (1) or AKA-Identity (5), two reserved octets, and an attribute.
    const cases = [
      ["01 0000 01 00", /AT_RAND has length 0/],
      ["01 0000 01 ff 0000", /AT_RAND has 1020 octets, 4 are left/],
      ["01 0000 01", /AT_RAND has no length/],
      ["01 0000 01 01 0000", /AT_RAND has 0 octets/],
      ["05 0000 0d 00", /AT_\w+ has length 0/],
    ] as const;
    for (const [data, why] of cases) givesUp(client(AKA, packet(REQUEST, 1, AKA, hex(data))), why);
    for (const [data, why] of cases.slice(0, 3)) {
      const { bench, request } = gateway(AKA);
      const said = bench.ask(IKE_AUTH, [packet(RESPONSE, request[1]!, AKA, hex(data))]);
      // RFC 4187 §6.3.3: the server notifies its peer of the failure, and Failure follows its answer.
      const notified = findPayload(said, PayloadType.EAP)!.data;
      assert.deepEqual([notified[0], notified[4], notified[5]], [REQUEST, AKA, 12]);
      const answer = packet(RESPONSE, notified[1]!, AKA, hex("0c 0000"));
      isRefused(bench, bench.ask(IKE_AUTH, [answer]), why);
    }
  },
);

check("RFC 4187 §6.3", "A challenge by another network's keys is refused, and not answered", () => {
  // AT_RAND and AT_AUTN whose MAC nobody made who knows K; AT_MAC of zeros.
  const data = hex(
    `01 0000 0105 0000 ${"11".repeat(16)} 0205 0000 ${"22".repeat(16)} 0b05 0000 ${
      "00".repeat(16)
    }`,
  );
  const bench = client(AKA, packet(REQUEST, 1, AKA, data));
  const said = findPayload(bench.said().at(-1)!.payloads, PayloadType.EAP)!.data;
  // AKA-Authentication-Reject.
  assert.deepEqual([...said.subarray(0, 6)], [RESPONSE, 1, 0, said.length, AKA, 2]);
  givesUp(bench, /AUTN|network/);
});

check("RFC 3748 §4.1", "An EAP packet whose length is not that of its payload is of no use", () => {
  const cases = ["01 01 0003", "01", "01 01 0040 1a 01", "01 01 0004"].map(hex);
  for (const data of cases) {
    givesUp(client(MSCHAPV2, eap(data)), /EAP (length|packet)/);
    const at = gateway(MSCHAPV2).bench;
    const said = at.ask(IKE_AUTH, [eap(data)]);
    isRefused(at, said, /EAP (length|packet)/, NotifyType.INVALID_SYNTAX);
  }
});

check("RFC 3748 §4.1", "An EAP response to another request than the last one is of no use", () => {
  const { bench, request } = gateway(MSCHAPV2);
  const other = packet(RESPONSE, request[1]! ^ 0x55, MSCHAPV2, hex("02"));
  isRefused(bench, bench.ask(IKE_AUTH, [other]), /EAP packet is no use/);
});

check(
  "RFC 3748 §2.1",
  "A method that was not offered, or a Nak without one in common, is refused",
  () => {
    for (const [type, data] of [[AKA, "01 0000"], [NAK, "04"], [NAK, "00"]] as const) {
      const { bench, request } = gateway(MSCHAPV2);
      isRefused(
        bench,
        bench.ask(IKE_AUTH, [packet(RESPONSE, request[1]!, type, hex(data))]),
        /EAP/,
      );
    }
  },
);

check(
  "RFC 2759 §5",
  "A server that does not prove that it knows the password is not believed",
  () => {
    // A challenge, and a Success-Request whose authenticator response is made up.
    const challenge = hex(`01 01 0018 10 ${"33".repeat(16)} 67770a`);
    challenge[3] = challenge.length;
    const bench = client(MSCHAPV2, packet(REQUEST, 1, MSCHAPV2, challenge));
    bench.said();
    const text = new TextEncoder().encode(`S=${"0".repeat(40)} M=OK`);
    const success = Uint8Array.from([3, 1, 0, 4 + text.length, ...text]);
    bench.answer([packet(REQUEST, 2, MSCHAPV2, success)]);
    givesUp(bench, /MSCHAPv2/);
    // Nor is an end of EAP without that proof.
    const early = client(MSCHAPV2, packet(REQUEST, 1, MSCHAPV2, challenge));
    early.said();
    early.answer([eap(Uint8Array.of(SUCCESS, 1, 0, 4))]);
    givesUp(early, /MSCHAPv2|Success/);
  },
);

check("RFC 3748 §5.1", "Requests for an identity do not go on for ever", () => {
  const bench = client(MSCHAPV2, packet(REQUEST, 1, IDENTITY, new Uint8Array(0)));
  for (let id = 2; bench.failure === ""; id++) {
    assert.ok(id < 300, "our client answers for ever");
    bench.said();
    bench.answer([packet(REQUEST, id & 255, IDENTITY, new Uint8Array(0))]);
  }
  givesUp(bench, /more than 200 requests|not through after/);
});

check("RFC 5998 §4", "EAP-only refuses a server without MSK, whoever says Success", () => {
  const outcome: EapOutcome = {
    method: MSCHAPV2,
    methodName: "EAP-MSCHAPv2",
    identity: NAME,
    msk: undefined,
    notes: [],
  };
  const success = Uint8Array.of(SUCCESS, 1, 0, 4);
  const server: EapServer = {
    start: () => ({ kind: "send", octets: Uint8Array.of(REQUEST, 1, 0, 5, IDENTITY) }),
    step: () => ({ kind: "succeeded", octets: success, outcome }),
    close: () => {},
  };
  const auth: BothAuthConfigs = {
    own: { kind: "eap_only" },
    peer: { kind: "eap", open: () => server, asksIdentity: false },
  };
  const bench = Bench.keyed("responder", { auth });
  const { peer } = bench;
  const only = notify(NotifyType.EAP_ONLY_AUTHENTICATION);
  bench.ask(IKE_AUTH, [peer.identity(), only, ...peer.childPayloads()]);
  const said = bench.ask(IKE_AUTH, [packet(RESPONSE, 1, IDENTITY, new TextEncoder().encode(NAME))]);
  isRefused(bench, said, /has no key \(MSK\), which EAP-only authentication needs/);
});

const RADIUS_RUN = {
  file: "tests/unit/engine/eap_test.ts",
  name:
    "each way in which a RADIUS server is bad is a cause of its own at the gateway, and others are served",
};
proved(
  "RFC 3579 §2.4",
  "A RADIUS server that is slow is waited for; one that is silent, lies, has another secret, rejects or forgets the MSK is a cause of its own",
  RADIUS_RUN,
);
proved(
  "RFC 2865 §5",
  "A RADIUS attribute of length 0 or 1, or past the end of its packet, is refused by name",
  {
    file: "tests/unit/eap/radius_test.ts",
    name: "attributes of length 0 or 1, or past the end of the packet, are refused by name",
  },
);
proved("RFC 3579 §3.2", "A RADIUS answer with EAP needs a right Message-Authenticator", {
  file: "tests/unit/eap/radius_test.ts",
  name: "EAP-Message needs Message-Authenticator, except in the answer to EAP-Start",
});
proved(
  "RFC 5281 §10.1",
  "An AVP inside TTLS whose length is too short or past the end is refused",
  {
    file: "tests/unit/eap/tunnel_test.ts",
    name: "AVPs whose length is too short or past the end are refused",
  },
);
