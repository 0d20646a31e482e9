import assert from "node:assert/strict";
import { PayloadType } from "@/iana/payload_type.ts";
import { saCodec, type SaPayload } from "@/wire/payloads/security_association.ts";
import { decode, encode, refused, refusesTruncations, same } from "./_codec.ts";

// Two proposals: IKE with AES-CBC-256, SHA2-256 prf and integrity, group 14; ESP with AES-GCM-128.
const OCTETS = "02 00 002c 01 01 00 04" +
  "03 00 000c 01 00 000c 800e 0100" + "03 00 0008 02 00 0005" +
  "03 00 0008 03 00 000c" + "00 00 0008 04 00 000e" +
  "00 00 0020 02 03 04 02 c0ffee01" + "03 00 000c 01 00 0014 800e 0080" + "00 00 0008 05 00 0000";
const RECORD: SaPayload = {
  type: PayloadType.SA,
  proposals: [
    {
      number: 1,
      protocol: 1,
      spi: new Uint8Array(0),
      transforms: [
        { type: 1, id: 12, keyBits: 256 },
        { type: 2, id: 5 },
        { type: 3, id: 12 },
        { type: 4, id: 14 },
      ],
    },
    {
      number: 2,
      protocol: 3,
      spi: Uint8Array.of(0xc0, 0xff, 0xee, 1),
      transforms: [{ type: 1, id: 20, keyBits: 128 }, { type: 5, id: 0 }],
    },
  ],
};

Deno.test("an SA payload of two proposals comes and goes", () => same(saCodec, OCTETS, RECORD));

Deno.test("an SA payload is refused wherever it is cut", () => refusesTruncations(saCodec, OCTETS));

Deno.test("unknown attributes of both formats survive behind Key Length", () => {
  const octets = "00 00 0022 01 01 00 01" +
    "00 00 001a 01 00 0014 800e 0080 9234 abcd 0012 0006 010203040506";
  const transform = {
    type: 1,
    id: 20,
    keyBits: 128,
    attributes: [
      { attribute: 0x1234, value: 0xabcd },
      { attribute: 18, value: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    ],
  };
  const proposal = { number: 1, protocol: 1, spi: new Uint8Array(0), transforms: [transform] };
  same(saCodec, octets, { type: PayloadType.SA, proposals: [proposal] });
});

Deno.test("an attribute alone has no Key Length beside it", () => {
  const payload = decode(saCodec, "00 00 0014 01 01 00 01 00 00 000c 01 00 0003 8001 0002");
  assert.deepEqual(payload.proposals[0]!.transforms, [
    { type: 1, id: 3, attributes: [{ attribute: 1, value: 2 }] },
  ]);
});

Deno.test("a Key Length in the long format is an attribute like others, and matches none of ours", () => {
  const payload = decode(saCodec, "00 00 0016 01 01 00 01 00 00 000e 01 00 000c 000e 0002 0080");
  const [transform] = payload.proposals[0]!.transforms;
  assert.equal(transform!.keyBits, undefined);
  assert.deepEqual(transform!.attributes, [{ attribute: 14, value: Uint8Array.of(0, 0x80) }]);
});

Deno.test("a proposal without transforms is one; an SA payload without proposals is none", () => {
  const octets = "00 00 0008 01 01 00 00";
  assert.deepEqual(decode(saCodec, octets).proposals[0]!.transforms, []);
  refused(saCodec, "", /read 1 octets/);
});

Deno.test("reserved octets are ignored and sent as zero", () => {
  const payload = decode(saCodec, "00 ff 0010 01 01 00 01 00 ff 0008 02 ff 0005");
  assert.equal(encode(saCodec, payload), "0000001001010001" + "0000000802000005");
});

Deno.test("marks, lengths and counts that disagree are refused", () => {
  const transform = "00 00 0008 02 00 0005";
  refused(saCodec, `02 00 0010 01 01 00 01 ${transform}`, /misplaced last proposal/);
  refused(saCodec, `00 00 0010 01 01 00 01 ${transform} 00 00 0008 02 01 00 00`, /last proposal/);
  refused(saCodec, `01 00 0010 01 01 00 01 ${transform}`, /last substructure mark 1/);
  refused(saCodec, `00 00 0010 01 01 00 01 03 00 0008 02 00 0005`, /misplaced last transform/);
  refused(saCodec, `00 00 0018 01 01 00 02 ${transform} ${transform}`, /misplaced last transform/);
  refused(saCodec, `00 00 0010 01 01 00 01 02 00 0008 02 00 0005`, /last substructure mark 2/);
  refused(saCodec, `00 00 0018 01 01 00 01 ${transform} ${transform}`, /8 trailing octets/);
  refused(saCodec, `00 00 0010 01 01 00 02 03 00 0008 02 00 0005`, /read 1 octets, 0 left/);
  refused(saCodec, `00 00 0007 01 01 00 00`, /proposal length 7/);
  refused(saCodec, `00 00 0011 01 01 00 01 ${transform}`, /proposal length 17/);
  refused(saCodec, `00 00 0010 01 01 00 01 00 00 0007 02 00 0005`, /transform length 7/);
  refused(saCodec, `00 00 0010 01 01 00 01 00 00 000c 02 00 0005`, /transform length 12/);
});

Deno.test("attributes are bounded by their transform", () => {
  refused(saCodec, "00 00 0012 01 01 00 01 00 00 000a 01 00 000c 800e", /past its transform/);
  refused(saCodec, "00 00 0014 01 01 00 01 00 00 000c 01 00 000c 0012 0001", /attribute length 1/);
  refused(
    saCodec,
    "00 00 0018 01 01 00 01 00 00 0010 01 00 000c 800e 0080 800e 0100",
    /second Key Length/,
  );
});

Deno.test("SPI sizes are those of the protocol", () => {
  const spi = "0102030405060708";
  for (const octets of [`00 00 0010 01 01 08 00 ${spi}`, "00 00 0008 01 01 00 00"]) {
    assert.equal(encode(saCodec, decode(saCodec, octets)), octets.replaceAll(" ", ""));
  }
  refused(saCodec, "00 00 000c 01 01 04 00 01020304", /SPI size 4 for protocol 1/);
  refused(saCodec, `00 00 0010 01 03 08 00 ${spi}`, /SPI size 8 for protocol 3/);
  refused(saCodec, "00 00 0008 01 02 00 00", /SPI size 0 for protocol 2/);
  assert.equal(decode(saCodec, `00 00 0010 01 06 08 00 ${spi}`).proposals[0]!.spi.length, 8);
});
