// Attributes of the configuration payload (RFC 7296 §3.15.1) in the option cfgattributes.
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { ikeConfigOf } from "@/engine/run/config_of.ts";
import { cfgValueFault, showFormed } from "@/wire/cfg_values.ts";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

/** A gateway with these attributes. */
const gateway = (...attributes: readonly string[]) =>
  `${GATEWAY}  cfgattributes: ${JSON.stringify(attributes)}\n`;
/** The attribute of one text: its number, and the octets of its value in hex. */
const octets = (text: string) =>
  ikeConfigOf(load(gateway(text)).setup).cfgAttributes!.map(({ attribute, value }) =>
    `${attribute} ${toHex(value)}`
  )[0];

Deno.test("an attribute is given by name or number, with a value in the form of its attribute", () => {
  const cases = {
    "P_CSCF_IP4_ADDRESS=192.0.2.5": "20 c0000205",
    "21=2001:db8::1": "21 20010db8000000000000000000000001",
    "TIMEOUT_PERIOD_FOR_LIVENESS_CHECK=30": "24 0000001e",
    "INTERNAL_DNS_DOMAIN=a.b": "25 612e62",
    "INTERNAL_DNSSEC_TA=43547 8 1 B6225AB2": "26 aa1b0801b6225ab2",
    "ENCDNS_DIGEST_INFO=a 2 c0ffee": "29 01016100" + "02c0ffee",
    "16384=0xC0FFEE": "16384 c0ffee",
    "16385=text:hello": "16385 68656c6c6f",
    "20=0x01": "20 01",
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(octets(text), expected, text);
});

Deno.test("the parameters of an encrypted DNS resolver may be in any order", () => {
  const [{ attribute, value }] = ikeConfigOf(
    load(gateway("ENCDNS_IP4=1 192.0.2.1,192.0.2.2 doh.example port=853 alpn=h2,dot")).setup,
  ).cfgAttributes as unknown as [{ attribute: number; value: Uint8Array }];
  assert.equal(cfgValueFault(attribute, value), undefined);
  const shown = "1 192.0.2.1,192.0.2.2 doh.example alpn=02683203646f74 port=0355";
  assert.equal(showFormed(attribute, value), shown);
});

Deno.test("a client requests an attribute without a value, or with a value that it prefers", () => {
  const { setup } = load(
    `${CLIENT}  cfgattributes: [P_CSCF_IP6_ADDRESS, 24, ENCDNS_DIGEST_INFO=2]\n`,
  );
  const requested = ikeConfigOf(setup).cfgAttributes!;
  assert.deepEqual(requested.map(({ attribute, value }) => [attribute, toHex(value)]), [
    [21, ""],
    [24, ""],
    [29, "01000002"],
  ]);
});

Deno.test("an unknown attribute, an invalid value, and an attribute of a gateway without a value are refused", () => {
  const bad = [
    "P_CSCF_IP4_ADDRESS=2001:db8::1",
    "0=0x00",
    "32768=0x00",
    "NO_SUCH=0x00",
    "16384=hello",
    "16384=0x0",
    "INTERNAL_IP4_ADDRESS=10.0.0.1",
    "24=soon",
    "26=1 2 3",
    "26=1 2 300 00",
    "ENCDNS_IP4=1 192.0.2.1 a nonsense=1",
    "ENCDNS_IP4=1 192.0.2.1 a port=853 port=854",
    "ENCDNS_IP4=1 2001:db8::1 a alpn=dot",
    "ENCDNS_IP4=1",
    "ENCDNS_DIGEST_INFO=a 2",
  ];
  for (const text of bad) assert.match(errorsOf(gateway(text))[0]!, /cfgattributes/, text);
  assert.match(
    errorsOf(gateway("20"))[0]!,
    /a gateway gives values, and P_CSCF_IP4_ADDRESS has none/,
  );
  const many = Array.from({ length: 65 }, () => "16384=0x00");
  assert.match(errorsOf(gateway(...many))[0]!, /65 entries/);
  const long = Array.from({ length: 9 }, () => `16384=0x${"00".repeat(1_000)}`);
  assert.match(errorsOf(gateway(...long))[0]!, /octets: expected at most 8000/);
});
