import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { decodeEap, encodeEap, nakOf, typesInNak } from "@/eap/packet.ts";
import type { EapMethodPacket } from "@/eap/packet.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;

Deno.test("EAP packets of every code are encoded to the octets they were decoded from", () => {
  for (
    const text of ["01 07 0005 01", "02 07 0008 01 626f62", "03 07 0004", "04 07 0004"]
  ) {
    assert.equal(toHex(encodeEap(decodeEap(hex(text)))), toHex(hex(text)));
  }
  const expanded = "01 07 000d fe 000000 00000003 00";
  assert.equal(toHex(encodeEap(decodeEap(hex(expanded)))), toHex(hex(expanded)));
});

Deno.test("octets after the end that Length gives are ignored as padding", () => {
  const packet = decodeEap(hex("02 07 0006 01 62 ffff")) as EapMethodPacket;
  assert.equal(toHex(packet.data), "62");
});

Deno.test("packets that RFC 3748 does not allow are refused", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /of 0 octets/],
    ["01 07 00", /of 3 octets/],
    ["01 07 0003 01", /length 3/],
    ["01 07 0006 01", /length 6 in 5/],
    ["01 07 0004", /without its type/],
    ["03 07 0005 00", /data in EAP SUCCESS/],
    ["09 07 0005 00", /code 9/],
    ["01 07 000b fe 000000 000000", /expanded EAP type of 6/],
  ];
  for (const [text, fault] of cases) {
    assert.throws(() => decodeEap(hex(text)), (e: Error) => {
      assert.ok(e instanceof WireError, text);
      assert.match(e.message, fault);
      return true;
    });
  }
});

Deno.test("a Nak has the form of the request, and its types are read from it again", () => {
  const plain = decodeEap(hex("01 07 0006 0d 20")) as EapMethodPacket;
  assert.equal(toHex(encodeEap(nakOf(plain, [26, 6]))), "02070007031a06");
  assert.deepEqual(typesInNak(nakOf(plain, [26, 6])), [26, 6]);
  assert.equal(toHex(encodeEap(nakOf(plain, []))), "020700060300");
  assert.deepEqual(typesInNak(nakOf(plain, [])), []);
  const expanded = decodeEap(hex("01 07 000c fe 000137 00000001")) as EapMethodPacket;
  const nak = nakOf(expanded, [26, 6]);
  assert.equal(toHex(nak.data), "00000000000003" + "fe0000000000001a" + "fe00000000000006");
  assert.deepEqual(typesInNak(nak), [26, 6]);
  assert.equal(typesInNak(plain), undefined);
});
