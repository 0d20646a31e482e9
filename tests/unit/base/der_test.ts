import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import {
  der,
  derNamedBits,
  derOid,
  DerReader,
  derSequence,
  derSequenceOf,
  derUnsigned,
  Tag,
} from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";

const reader = (hex: string) => new DerReader(fromHex(hex)!);

Deno.test("OBJECT IDENTIFIERs come back, also with arcs wider than 53 bits", () => {
  for (
    const dotted of [
      "2.5.29.35",
      "1.2.840.113549.1.1.11",
      "0.9.2342.19200300.100.1.25",
      "2.999.3",
      "2.25.329800735698586629295641978511506172918",
    ]
  ) {
    assert.equal(new DerReader(derOid(dotted)).oid("it"), dotted);
  }
  assert.equal(toHex(derOid("1.2.840.113549.1.1.11")), "06092a864886f70d01010b");
});

Deno.test("what BER allows and DER does not is refused", () => {
  const bad: readonly [hex: string, read: (r: DerReader) => unknown][] = [
    ["308000000000", (r) => r.within(Tag.SEQUENCE, "it")], // indefinite length
    ["30810500", (r) => r.within(Tag.SEQUENCE, "it")], // a length of 5 in two octets
    ["3082000500", (r) => r.within(Tag.SEQUENCE, "it")],
    ["3085000000000100", (r) => r.within(Tag.SEQUENCE, "it")],
    ["0101 01".replace(" ", ""), (r) => r.boolean("it")], // TRUE is 0xff
    ["02020001", (r) => r.integer("it")], // padded
    ["0202ff80", (r) => r.integer("it")],
    ["0200", (r) => r.integer("it")],
    ["0201ff", (r) => r.unsigned("it")],
    ["02020100", (r) => r.small("it", 255)],
    ["0603550480", (r) => r.oid("it")],
    ["06045580 0403".replace(" ", ""), (r) => r.oid("it")], // an arc that begins with 0x80
    ["030203ff", (r) => r.namedBits("it")], // unused bits set
    ["0302087f", (r) => r.namedBits("it")],
    ["030107", (r) => r.namedBits("it")],
    ["030201ff", (r) => r.bitString("it")],
    ["1f8100", (r) => r.contents(0x1f, "it")],
    ["0405aabb", (r) => r.contents(Tag.OCTET_STRING, "it")], // two of five octets
    ["04", (r) => r.contents(Tag.OCTET_STRING, "it")],
    ["0482", (r) => r.contents(Tag.OCTET_STRING, "it")],
    ["", (r) => r.contents(Tag.OCTET_STRING, "it")],
  ];
  for (const [hex, read] of bad) assert.throws(() => read(reader(hex)), WireError, hex);
  assert.throws(() => derSequence(fromHex("300000")!, "it"), /octets follow/);
});

Deno.test("named bits come back, trailing zeros are left out", () => {
  assert.equal(toHex(derNamedBits(0)), "030100");
  assert.equal(toHex(derNamedBits(1 << 5 | 1 << 6)), "03020106");
  for (const bits of [0, 1, 0x60, 0x1ff, 1 << 8, 1 << 15]) {
    assert.equal(new DerReader(derNamedBits(bits)).namedBits("it"), bits);
  }
});

Deno.test("long contents, unsigned numbers", () => {
  for (const length of [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000]) {
    const octets = new Uint8Array(length).fill(7);
    const inner = derSequence(derSequenceOf(der(Tag.OCTET_STRING, octets)), "it");
    assert.deepEqual(inner.contents(Tag.OCTET_STRING, "it"), octets);
    inner.end("it");
  }
  assert.equal(toHex(derUnsigned(fromHex("0000")!)), "020100");
  assert.equal(toHex(derUnsigned(fromHex("0080")!)), "02020080");
  assert.equal(toHex(derUnsigned(fromHex("007f")!)), "02017f");
  assert.equal(toHex(reader("02020080").unsigned("it")), "80");
});
