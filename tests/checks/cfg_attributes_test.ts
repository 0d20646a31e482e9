// Attributes of the configuration payload beside addresses: RFC 7651, RFC 8598, RFC 9464, TS 24.302.
import assert from "node:assert/strict";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import { CpType } from "@/iana/cp_type.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { ConfigurationAttribute } from "@/wire/payloads/configuration.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { Bench } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { IKE_AUTH, INFORMATIONAL } = ExchangeType;
const { P_CSCF_IP4_ADDRESS, INTERNAL_DNS_DOMAIN, INTERNAL_DNSSEC_TA } = CfgAttribute;
const { TIMEOUT_PERIOD_FOR_LIVENESS_CHECK, ENCDNS_IP4, ENCDNS_DIGEST_INFO } = CfgAttribute;
const { INTERNAL_IP4_ADDRESS } = CfgAttribute;

const pool = {
  first: Uint8Array.of(10, 7, 0, 1),
  last: Uint8Array.of(10, 7, 0, 2),
  prefixBits: 24,
  dns: [],
};
const POOLS = { pools: { v4: pool, v6: undefined } };

function has(attribute: number, ...value: number[]): ConfigurationAttribute {
  return { attribute, value: Uint8Array.from(value) };
}
function cp(cpType: number, ...attributes: ConfigurationAttribute[]): Payload {
  return { type: PayloadType.CP, cpType, attributes };
}

const P_CSCF = has(P_CSCF_IP4_ADDRESS, 10, 3, 0, 1);
const SECOND = has(P_CSCF_IP4_ADDRESS, 10, 3, 0, 2);
const DOMAIN = has(INTERNAL_DNS_DOMAIN, 0x61, 0x2e, 0x62);
const ANCHOR = has(INTERNAL_DNSSEC_TA, 0xaa, 0x1b, 8, 1, 7);

/** What our responder answers to a CFG_REQUEST. */
function given(
  change: Record<string, unknown>,
  ...asked: ConfigurationAttribute[]
): readonly ConfigurationAttribute[] | undefined {
  const bench = Bench.keyed("responder", change);
  const [id, auth, ...child] = bench.peer.authPayloads();
  const answer = bench.ask(IKE_AUTH, [id!, auth!, cp(CpType.CFG_REQUEST, ...asked), ...child]);
  bench.stands();
  return findPayload(answer, PayloadType.CP)?.attributes;
}

/** What our initiator has of a CFG_REPLY, and the notes that it made. */
function taken(asked: readonly number[], ...reply: ConfigurationAttribute[]) {
  const cfgAttributes = asked.map((attribute) => has(attribute));
  const bench = Bench.keyed("initiator", { cfgAttributes });
  const { peer, sa } = bench;
  bench.answer([...peer.authPayloads(), cp(CpType.CFG_REPLY, ...reply)]);
  const notes = bench.effects.flatMap((e) => e.kind === "note" ? [e.text] : []).join("\n");
  return { bench, configured: sa.peer.configured, notes };
}

check(
  "§2.19",
  "A responder gives attributes that it has to who asks, and no others",
  () => {
    const cfgAttributes = [P_CSCF, SECOND, DOMAIN, has(16_384, 1)];
    const asks = (...numbers: number[]) =>
      given({ cfgAttributes }, ...numbers.map((attribute) => has(attribute)));
    assert.deepEqual(asks(P_CSCF_IP4_ADDRESS), [P_CSCF, SECOND]);
    assert.deepEqual(asks(16_384, INTERNAL_DNS_DOMAIN), [DOMAIN, has(16_384, 1)]);
    assert.equal(asks(CfgAttribute.P_CSCF_IP6_ADDRESS), undefined);
    assert.equal(given({}, has(P_CSCF_IP4_ADDRESS)), undefined);
  },
);

check(
  "§2.19",
  "Attributes go with an address where one is asked for, and without one where none is",
  () => {
    const change = { ...POOLS, cfgAttributes: [P_CSCF] };
    assert.deepEqual(given(change, has(P_CSCF_IP4_ADDRESS)), [P_CSCF]);
    const both = given(change, has(INTERNAL_IP4_ADDRESS), has(P_CSCF_IP4_ADDRESS));
    assert.deepEqual(both, [has(INTERNAL_IP4_ADDRESS, 10, 7, 0, 1), P_CSCF]);
  },
);

check(
  "§2.19",
  "An initiator asks for what it is told to, with its wishes as values",
  () => {
    const cfgAttributes = [has(16_384, 9), has(P_CSCF_IP4_ADDRESS)];
    const asked = (change: Record<string, unknown>) =>
      findPayload(Bench.keyed("initiator", change).said().at(-1)!.payloads, PayloadType.CP);
    assert.equal(asked({}), undefined);
    assert.deepEqual(asked({ cfgAttributes })!.attributes, cfgAttributes);
    const both = asked({ cfgAttributes, remoteAccess: true })!;
    assert.deepEqual(both.attributes.slice(-2), cfgAttributes);
    assert.equal(both.attributes[0]!.attribute, INTERNAL_IP4_ADDRESS);
  },
);

check(
  "§3.15.1",
  "What an initiator did not ask for, and what is empty, is ignored",
  () => {
    const { bench, configured } = taken(
      [P_CSCF_IP4_ADDRESS, 16_385],
      has(16_384, 1),
      P_CSCF,
      has(16_385),
    );
    assert.deepEqual(configured, [P_CSCF]);
    bench.stands();
  },
);

check("RFC 8598 §4", "A trust anchor without a domain right before it is ignored", () => {
  const asked = [INTERNAL_DNS_DOMAIN, INTERNAL_DNSSEC_TA, P_CSCF_IP4_ADDRESS];
  assert.deepEqual(taken(asked, DOMAIN, ANCHOR, ANCHOR).configured, [DOMAIN, ANCHOR, ANCHOR]);
  for (const reply of [[ANCHOR, DOMAIN], [DOMAIN, P_CSCF, ANCHOR]]) {
    const { configured, notes } = taken(asked, ...reply);
    assert.ok(!configured.includes(ANCHOR));
    assert.match(notes, /INTERNAL_DNSSEC_TA: no INTERNAL_DNS_DOMAIN is right before it/);
  }
});

check(
  "RFC 9464 §3.1",
  "A resolver in AliasMode, or without alpn, is ignored, and the tunnel stands",
  () => {
    const alias = has(ENCDNS_IP4, 0, 0, 1, 1, 10, 0, 0, 1, 0x61, 0, 1, 0, 3, 2, 0x68, 0x32);
    const good = has(ENCDNS_IP4, 0, 1, 1, 1, 10, 0, 0, 1, 0x61, 0, 1, 0, 3, 2, 0x68, 0x32);
    const { bench, configured, notes } = taken([ENCDNS_IP4], alias, good);
    assert.deepEqual(configured, [good]);
    assert.match(notes, /ENCDNS_IP4: its Service Priority is 0/);
    bench.stands();
  },
);

check("RFC 9464 §3.2", "A digest is only given by a hash that the request lists", () => {
  const digest = has(ENCDNS_DIGEST_INFO, 1, 1, 0x61, 0, 2, 7);
  const change = { cfgAttributes: [digest] };
  assert.deepEqual(given(change, has(ENCDNS_DIGEST_INFO)), [digest]);
  assert.deepEqual(given(change, has(ENCDNS_DIGEST_INFO, 2, 0, 0, 3, 0, 2)), [digest]);
  assert.equal(given(change, has(ENCDNS_DIGEST_INFO, 1, 0, 0, 3)), undefined);
  assert.equal(given(change, has(ENCDNS_DIGEST_INFO, 9)), undefined);
});

check(
  "TS 24.302 §8.2.4.2",
  "A client checks liveness after the period of silence that its gateway assigned",
  () => {
    const period = has(TIMEOUT_PERIOD_FOR_LIVENESS_CHECK, 0, 0, 0, 20);
    const { bench } = taken([TIMEOUT_PERIOD_FOR_LIVENESS_CHECK], period);
    bench.said();
    bench.pass(19_000);
    assert.deepEqual(bench.said(), []);
    bench.pass(2_000);
    const [request] = bench.said();
    assert.deepEqual([request!.header.exchange, request!.payloads], [INFORMATIONAL, []]);
    const zero = has(TIMEOUT_PERIOD_FOR_LIVENESS_CHECK, 0, 0, 0, 0);
    const { notes, configured } = taken([TIMEOUT_PERIOD_FOR_LIVENESS_CHECK], zero);
    assert.deepEqual(configured, []);
    assert.match(notes, /TIMEOUT_PERIOD_FOR_LIVENESS_CHECK: it is 0/);
  },
);

check("RFC 7651 §4", "A P-CSCF address of another length is invalid syntax", () => {
  const bench = Bench.keyed("responder", { cfgAttributes: [P_CSCF] });
  const [id, auth, ...child] = bench.peer.authPayloads();
  const odd = cp(CpType.CFG_REQUEST, has(P_CSCF_IP4_ADDRESS, 1, 2, 3));
  bench.refuses(NotifyType.INVALID_SYNTAX, IKE_AUTH, [id!, auth!, odd, ...child]);
  bench.over();
});
