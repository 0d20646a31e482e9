// Values of configuration attributes with a form of their own: RFC 8598, RFC 9464, 3GPP TS 24.302.
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import {
  cfgValueFault,
  decodeDigestInfo,
  decodeEncryptedDns,
  decodeTrustAnchor,
  showFormed,
} from "@/wire/cfg_values.ts";
import { cpCodec } from "@/wire/payloads/configuration.ts";
import { decode, hex, refused } from "./_codec.ts";

const { ENCDNS_IP4, ENCDNS_IP6, ENCDNS_DIGEST_INFO, INTERNAL_DNS_DOMAIN } = CfgAttribute;
const { INTERNAL_DNSSEC_TA, TIMEOUT_PERIOD_FOR_LIVENESS_CHECK } = CfgAttribute;
const ascii = (text: string) => new TextEncoder().encode(text);
/** Priority 1, 192.0.2.1, a.example, alpn=dot, port=853. */
const RESOLVER = `0001 01 09 c0000201 ${
  toHex(ascii("a.example"))
} 0001 0004 03646f74 0003 0002 0355`;

Deno.test("a resolver has its priority, addresses, name and parameters", () => {
  const { priority, addresses, name, params } = decodeEncryptedDns(hex(RESOLVER), 4);
  assert.deepEqual([priority, addresses, name], [1, [hex("c0000201")], "a.example"]);
  assert.deepEqual(params, [{ key: 1, value: hex("03646f74") }, { key: 3, value: hex("0355") }]);
  assert.equal(cfgValueFault(ENCDNS_IP4, hex(RESOLVER)), undefined);
  assert.equal(
    showFormed(ENCDNS_IP4, hex(RESOLVER)),
    "1 192.0.2.1 a.example alpn=03646f74 port=0355",
  );
  const six = hex(`0002 01 01 20010db8${"00".repeat(11)}07 61 0001 0003 026832`);
  assert.equal(showFormed(ENCDNS_IP6, six), "2 2001:db8::7 a alpn=026832");
});

Deno.test("resolvers that RFC 9464 §3.1 does not allow are ignored, each with its reason", () => {
  const cases: readonly [string, RegExp][] = [
    [RESOLVER.replace("0001 01", "0000 01"), /AliasMode/],
    ["0001 00 01 61 0001 0003 026832", /no address/],
    ["0001 01 00 c0000201 0001 0003 026832", /no Authentication Domain Name/],
    ["0001 01 01 c0000201 61 0001 0003 026832 0004 0004 c0000202", /ipv4hint/],
    ["0001 01 01 c0000201 61 0003 0002 0355", /lacks the SvcParam alpn/],
    ["0001 02 01 c0000201 61", /malformed/],
    ["0001 01 ff c0000201 61", /malformed/],
    ["0001 01 01 c0000201 0a 0001 0003 026832", /malformed/],
    ["0001 01 01 c0000201 61 0001 0009 02", /malformed/],
    ["00", /malformed/],
  ];
  for (const [octets, why] of cases) assert.match(cfgValueFault(ENCDNS_IP4, hex(octets))!, why);
});

Deno.test("digests name one hash when they are assigned, and several when they are asked for", () => {
  const asked = hex("02 00 0002 0003");
  assert.deepEqual(decodeDigestInfo(asked), { name: "", hashes: [2, 3], digest: hex("") });
  assert.match(cfgValueFault(ENCDNS_DIGEST_INFO, asked)!, /names 2 hash algorithms/);
  const given = hex("01 01 61 0002 c0ffee");
  assert.equal(cfgValueFault(ENCDNS_DIGEST_INFO, given), undefined);
  assert.equal(showFormed(ENCDNS_DIGEST_INFO, given), "a SHA2-256 c0ffee");
  assert.match(cfgValueFault(ENCDNS_DIGEST_INFO, hex("01 01 61 0002"))!, /no digest/);
  assert.match(cfgValueFault(ENCDNS_DIGEST_INFO, hex("01 09 61"))!, /malformed/);
});

Deno.test("domains and trust anchors of split DNS", () => {
  assert.equal(cfgValueFault(INTERNAL_DNS_DOMAIN, ascii("corp.example.com")), undefined);
  for (const bad of ["", "a..b", "a b", "a\0", "x".repeat(64), "ä.de"]) {
    assert.match(cfgValueFault(INTERNAL_DNS_DOMAIN, ascii(bad))!, /domain name|malformed/, bad);
  }
  const anchor = hex("aa1b 08 01 b6225ab2");
  const { keyTag, algorithm, digestType } = decodeTrustAnchor(anchor);
  assert.deepEqual([keyTag, algorithm, digestType], [43_547, 8, 1]);
  assert.equal(showFormed(INTERNAL_DNSSEC_TA, anchor), "43547 8 1 b6225ab2");
  assert.match(cfgValueFault(INTERNAL_DNSSEC_TA, hex("aa1b 08 01"))!, /no digest/);
  assert.match(cfgValueFault(INTERNAL_DNSSEC_TA, hex("aa1b 08"))!, /malformed/);
});

Deno.test("a period of liveness checks is in seconds, and not 0", () => {
  const type = TIMEOUT_PERIOD_FOR_LIVENESS_CHECK;
  assert.equal(showFormed(type, hex("0000001e")), "30 s");
  assert.match(cfgValueFault(type, hex("00000000"))!, /it is 0/);
  assert.equal(cfgValueFault(16_384, hex("00")), undefined);
});

Deno.test("lengths of P-CSCF addresses and of the period are those of their documents", () => {
  for (const [type, length] of [[20, 4], [21, 16], [24, 4]] as const) {
    const attribute = type.toString(16).padStart(4, "0");
    for (const octets of [0, length]) {
      const size = octets.toString(16).padStart(4, "0");
      decode(cpCodec, `02000000 ${attribute} ${size} ${"11".repeat(octets)}`);
    }
    refused(cpCodec, `02000000 ${attribute} 0003 111111`, /Cannot accept 3 octets in/);
  }
});
