import assert from "node:assert/strict";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PayloadCodec } from "@/wire/codec.ts";
import { tsiCodec, tsrCodec } from "@/wire/payloads/traffic_selector.ts";
import { decode, encode, hex, refused, refusesTruncations, same } from "./_codec.ts";

const V4 = "07 11 0010 0035 0035 0a000000 0a0000ff";
const V6 = "08 00 0028 0000 ffff 20010db8000000000000000000000000 20010db80000000000000000ffffffff";
const LABEL = "0a 00 0008 00 736563";

const SELECTORS = [
  {
    tsType: 7,
    protocol: 17,
    startPort: 53,
    endPort: 53,
    startAddress: hex("0a000000"),
    endAddress: hex("0a0000ff"),
  },
  {
    tsType: 8,
    protocol: 0,
    startPort: 0,
    endPort: 65535,
    startAddress: hex("20010db8000000000000000000000000"),
    endAddress: hex("20010db80000000000000000ffffffff"),
  },
  {
    tsType: 10,
    protocol: 0,
    startPort: 0,
    endPort: 0,
    startAddress: hex(""),
    endAddress: hex(""),
    raw: hex("00736563"),
  },
];

// deno-lint-ignore no-explicit-any -- two codecs of two records, asked the same.
const BOTH: PayloadCodec<any>[] = [tsiCodec, tsrCodec];

Deno.test("selectors of IPv4, IPv6 and other types come and go in TSi and TSr", () => {
  const text = `03 000000 ${V4} ${V6} ${LABEL}`;
  same(tsiCodec, text, { type: PayloadType.TSI, selectors: SELECTORS });
  same(tsrCodec, text, { type: PayloadType.TSR, selectors: SELECTORS });
});

Deno.test("selectors are refused wherever they are cut, and where octets follow", () => {
  for (const codec of BOTH) {
    refusesTruncations(codec, `03 000000 ${V4} ${V6} ${LABEL}`);
    refused(codec, `01 000000 ${V4} 00`, /1 trailing octets/);
    refused(codec, `01 000000 ${V4} ${V4}`, /16 trailing octets/);
    refused(codec, "00 000000", /without traffic selectors/);
  }
});

Deno.test("a selector is as long as its type says", () => {
  refused(tsiCodec, `01 000000 ${V4.replace("0010", "0018")} 0000000000000000`, /length 24/);
  refused(tsiCodec, `01 000000 ${V6.replace("0028", "0010")}`, /length 16 for TS type 8/);
  refused(tsiCodec, "01 000000 0a 00 0003", /selector length 3/);
});

Deno.test("reserved octets are ignored and sent as zero; OPAQUE ports stay", () => {
  const text = "01 ffffff 07 01 0010 ffff 0000 00000000 ffffffff".replaceAll(" ", "");
  assert.equal(encode(tsiCodec, decode(tsiCodec, text)), text.replace("01ffffff", "01000000"));
});
