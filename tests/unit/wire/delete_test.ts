import assert from "node:assert/strict";
import { PayloadType } from "@/iana/payload_type.ts";
import { deleteCodec } from "@/wire/payloads/delete.ts";
import { decode, encode, hex, refused, refusesTruncations, same } from "./_codec.ts";

const DELETE = PayloadType.DELETE;

Deno.test("deletes of IKE, AH and ESP come and go", () => {
  same(deleteCodec, "01 00 0000", { type: DELETE, protocol: 1, spis: [] });
  const spis = [1, 0xfffffffe];
  same(deleteCodec, "03 04 0002 00000001 fffffffe", { type: DELETE, protocol: 3, spis });
  same(deleteCodec, "02 04 0000", { type: DELETE, protocol: 2, spis: [] });
});

Deno.test("a delete of another protocol keeps its SPIs as octets", () => {
  const rawSpis = [hex("0011223344556677"), hex("8899aabbccddeeff")];
  const text = "06 08 0002 0011223344556677 8899aabbccddeeff";
  same(deleteCodec, text, { type: DELETE, protocol: 6, spis: [], rawSpis });
  assert.equal(encode(deleteCodec, decode(deleteCodec, "09 00 0000")), "09000000");
  refused(deleteCodec, "09 00 0001", /1 SPIs of size 0/);
  refused(deleteCodec, `${text}00`, /2 SPIs of size 8/);
});

Deno.test("a delete is refused wherever it is cut, and where octets follow", () => {
  refusesTruncations(deleteCodec, "03 04 0002 00000001 fffffffe");
  refusesTruncations(deleteCodec, "01 00 0000");
  refused(deleteCodec, "03 04 0001 00000001 00", /1 SPIs of size 4/);
  refused(deleteCodec, "01 00 0000 00", /1 trailing octets/);
});

Deno.test("an SPI size that the protocol does not have is refused", () => {
  refused(deleteCodec, "03 08 0001 0000000000000001", /size 8 for protocol 3/);
  refused(deleteCodec, "03 00 0000", /size 0 for protocol 3/);
  refused(deleteCodec, "01 08 0001 0000000000000001", /size 8 for protocol 1/);
  refused(deleteCodec, "01 00 0001", /1 SPIs of size 0 for protocol 1/);
});
