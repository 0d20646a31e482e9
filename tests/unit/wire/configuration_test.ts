import assert from "node:assert/strict";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { cpCodec } from "@/wire/payloads/configuration.ts";
import { decode, encode, hex, refused, refusesTruncations, same } from "./_codec.ts";

Deno.test("a request with and without wishes comes and goes", () => {
  same(cpCodec, "01 000000 0001 0004 0a000001 0003 0000 7abc 0003 010203", {
    type: PayloadType.CP,
    cpType: 1,
    attributes: [
      { attribute: CfgAttribute.INTERNAL_IP4_ADDRESS, value: hex("0a000001") },
      { attribute: CfgAttribute.INTERNAL_IP4_DNS, value: hex("") },
      { attribute: 0x7abc, value: hex("010203") },
    ],
  });
  same(cpCodec, "04 000000", { type: PayloadType.CP, cpType: 4, attributes: [] });
});

Deno.test("attributes are refused where they are cut", () => {
  refusesTruncations(cpCodec, "01 000000");
  for (const cut of ["00", "0001", "000100", "00010004", "0001 0004 0a0000"]) {
    refused(cpCodec, `01 000000 ${cut}`, /read/);
  }
});

Deno.test("reserved bits are ignored and sent as zero", () => {
  const text = "02 ffffff 8003 0000";
  assert.equal(encode(cpCodec, decode(cpCodec, text)), "0200000000030000");
});

Deno.test("values of known attributes are empty or of their length", () => {
  const lengths: [attribute: number, good: number[], bad: number[]][] = [
    [CfgAttribute.INTERNAL_IP4_ADDRESS, [0, 4], [1, 3, 5, 16]],
    [CfgAttribute.INTERNAL_IP4_NETMASK, [0, 4], [8]],
    [CfgAttribute.INTERNAL_IP4_DNS, [0, 4], [8]],
    [CfgAttribute.INTERNAL_IP4_NBNS, [0, 4], [8]],
    [CfgAttribute.INTERNAL_IP4_DHCP, [0, 4], [8]],
    [CfgAttribute.INTERNAL_IP4_SUBNET, [0, 8], [4]],
    [CfgAttribute.INTERNAL_IP6_ADDRESS, [0, 17], [4, 16]],
    [CfgAttribute.INTERNAL_IP6_DNS, [0, 16], [17]],
    [CfgAttribute.INTERNAL_IP6_DHCP, [0, 16], [17]],
    [CfgAttribute.INTERNAL_IP6_SUBNET, [0, 17], [16]],
    [CfgAttribute.SUPPORTED_ATTRIBUTES, [0, 2, 10], [1, 3]],
    [CfgAttribute.APPLICATION_VERSION, [0, 1, 33], []],
  ];
  for (const [attribute, good, bad] of lengths) {
    const of = (n: number) =>
      `01000000${attribute.toString(16).padStart(4, "0")}${n.toString(16).padStart(4, "0")}` +
      "5a".repeat(n);
    for (const n of good) assert.equal(encode(cpCodec, decode(cpCodec, of(n))), of(n));
    for (const n of bad) refused(cpCodec, of(n), /octets/);
  }
});
