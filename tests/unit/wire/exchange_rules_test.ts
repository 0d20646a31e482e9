import assert from "node:assert/strict";
import { WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { checkExchange, SINGLE_PAYLOADS, strayPayloads } from "@/wire/exchange_rules.ts";
import type { Payload } from "@/wire/message.ts";

const none = new Uint8Array(0);

function sa(protocol: number): Payload {
  return { type: PayloadType.SA, proposals: [{ number: 1, protocol, spi: none, transforms: [] }] };
}
function notify(type: number): Payload {
  return { type: PayloadType.NOTIFY, protocol: 0, spi: none, notify: type, data: none };
}
const IKE = sa(1);
const ESP = sa(3);
const KE: Payload = { type: PayloadType.KE, group: 31, data: none };
const NONCE: Payload = { type: PayloadType.NONCE, data: none };
const IDI: Payload = { type: PayloadType.IDI, idType: 13, data: none };
const IDR: Payload = { type: PayloadType.IDR, idType: 13, data: none };
const AUTH: Payload = { type: PayloadType.AUTH, method: 2, data: none };
const TSI: Payload = { type: PayloadType.TSI, selectors: [] };
const TSR: Payload = { type: PayloadType.TSR, selectors: [] };
const EAP: Payload = { type: PayloadType.EAP, data: none };
const CERT: Payload = { type: PayloadType.CERT, encoding: 4, data: none };
const UNKNOWN: Payload = { type: 200, raw: none };

const { IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL } = ExchangeType;
const { IKE_SESSION_RESUME, IKE_INTERMEDIATE, IKE_FOLLOWUP_KE } = ExchangeType;

type Case = readonly [exchange: number, response: boolean, payloads: readonly Payload[]];

const GOOD: readonly Case[] = [
  [IKE_SA_INIT, false, [IKE, KE, NONCE]],
  [IKE_SA_INIT, false, [notify(NotifyType.COOKIE), NONCE, UNKNOWN, KE, IKE, UNKNOWN]],
  [IKE_SA_INIT, true, [IKE, KE, NONCE]],
  [IKE_SA_INIT, true, [notify(NotifyType.COOKIE)]],
  [IKE_SA_INIT, true, [notify(NotifyType.INVALID_KE_PAYLOAD)]],
  [IKE_SA_INIT, true, [notify(NotifyType.REDIRECT)]],
  [IKE_AUTH, false, [IDI, CERT, CERT, AUTH, ESP, TSI, TSR]],
  [IKE_AUTH, false, [IDI, ESP, TSI, TSR]],
  [IKE_AUTH, false, [IDI, AUTH]],
  [IKE_AUTH, false, [EAP]],
  [IKE_AUTH, false, [AUTH]],
  // An end that waits for the other's second authentication, and what is left to say behind it (RFC 4739).
  [IKE_AUTH, false, []],
  [IKE_AUTH, true, [ESP, TSI, TSR]],
  [IKE_AUTH, true, [IDR, AUTH, ESP, TSI, TSR]],
  [IKE_AUTH, true, [IDR, AUTH, notify(NotifyType.TS_UNACCEPTABLE)]],
  [IKE_AUTH, true, [notify(NotifyType.AUTHENTICATION_FAILED)]],
  [IKE_AUTH, true, [EAP]],
  [CREATE_CHILD_SA, false, [notify(NotifyType.REKEY_SA), ESP, NONCE, TSI, TSR]],
  [CREATE_CHILD_SA, false, [ESP, NONCE, KE, TSI, TSR]],
  [CREATE_CHILD_SA, false, [IKE, NONCE, KE]],
  [CREATE_CHILD_SA, true, [ESP, NONCE, TSI, TSR]],
  [CREATE_CHILD_SA, true, [notify(NotifyType.NO_ADDITIONAL_SAS)]],
  [INFORMATIONAL, false, []],
  [INFORMATIONAL, true, []],
  [INFORMATIONAL, false, [UNKNOWN, UNKNOWN, CERT]],
  [IKE_SESSION_RESUME, false, [NONCE, notify(NotifyType.TICKET_OPAQUE)]],
  [IKE_SESSION_RESUME, true, [NONCE]],
  [IKE_SESSION_RESUME, true, [notify(NotifyType.TICKET_NACK)]],
  [IKE_INTERMEDIATE, false, [KE]],
  [IKE_FOLLOWUP_KE, true, [KE]],
  [240, false, [UNKNOWN]],
];

const BAD: readonly (readonly [...Case, RegExp])[] = [
  [IKE_SA_INIT, false, [KE, NONCE], /request without SA/],
  [IKE_SA_INIT, false, [IKE, NONCE], /request without KE/],
  [IKE_SA_INIT, false, [IKE, KE], /request without Nonce/],
  // An error does not excuse a request.
  [IKE_SA_INIT, false, [notify(NotifyType.INVALID_KE_PAYLOAD)], /request without SA/],
  [IKE_SA_INIT, true, [IKE, KE], /response without Nonce/],
  [IKE_SA_INIT, true, [notify(NotifyType.INITIAL_CONTACT)], /response without SA/],
  [IKE_SA_INIT, true, [], /response without SA/],
  [IKE_AUTH, true, [], /response without IDr or EAP or AUTH/],
  [IKE_AUTH, false, [IDI, AUTH, ESP], /without TSi and TSr/],
  [IKE_AUTH, false, [IDI, AUTH, ESP, TSI], /without TSr/],
  [IKE_AUTH, false, [IDI, AUTH, ESP, TSR], /without TSi/],
  [IKE_AUTH, false, [IDI, AUTH, TSI, TSR], /without SA/],
  [IKE_AUTH, true, [IDR, AUTH, ESP], /without TSi and TSr/],
  [CREATE_CHILD_SA, false, [ESP, TSI, TSR], /without Nonce/],
  [CREATE_CHILD_SA, false, [NONCE, TSI, TSR], /without SA/],
  [CREATE_CHILD_SA, false, [IKE, NONCE], /without KE/],
  [CREATE_CHILD_SA, false, [ESP, NONCE], /without TSi and TSr/],
  [CREATE_CHILD_SA, true, [notify(NotifyType.COOKIE)], /response without SA/],
  [CREATE_CHILD_SA, true, [notify(NotifyType.REDIRECT)], /response without SA/],
  [IKE_SA_INIT, true, [notify(NotifyType.TICKET_NACK)], /response without SA/],
  [IKE_SESSION_RESUME, false, [NONCE], /without N/],
  [IKE_FOLLOWUP_KE, false, [KE], /without N/],
];

Deno.test("messages as the RFCs draw them pass, in any order, with strangers among them", () => {
  for (const [exchange, response, payloads] of GOOD) {
    checkExchange(exchange, response, payloads);
    checkExchange(exchange, response, payloads.toReversed());
  }
});

Deno.test("a message that lacks what its exchange needs is refused", () => {
  for (const [exchange, response, payloads, reason] of BAD) {
    assert.throws(
      () => checkExchange(exchange, response, payloads),
      (e) => e instanceof WireError && reason.test(e.message),
      `${exchange} ${payloads.map((p) => p.type)}`,
    );
  }
});

Deno.test("what must be single is refused twice, in every exchange and direction", () => {
  for (const type of SINGLE_PAYLOADS) {
    const twice = [{ type, raw: none }, UNKNOWN, { type, raw: none }];
    for (const exchange of [34, 35, 36, 37, 43, 250]) {
      assert.throws(() => checkExchange(exchange, true, twice), /Cannot accept a second/);
    }
  }
  const error = notify(NotifyType.NO_PROPOSAL_CHOSEN);
  assert.throws(() => checkExchange(IKE_AUTH, true, [error, IDR, IDR]), /a second IDr in IKE_AUTH/);
  checkExchange(INFORMATIONAL, false, [CERT, CERT, error, error, UNKNOWN, UNKNOWN]);
});

Deno.test("strayPayloads() names what has no meaning in an exchange", () => {
  assert.deepEqual(strayPayloads(IKE_SA_INIT, false, [IKE, KE, NONCE, AUTH, UNKNOWN]), [39, 200]);
  assert.deepEqual(strayPayloads(IKE_AUTH, true, [IDI, IDR, AUTH]), [35]);
  assert.deepEqual(strayPayloads(240, true, [UNKNOWN]), []);
});
