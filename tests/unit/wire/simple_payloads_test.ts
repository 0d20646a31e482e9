/** Payloads whose body is a few fields and data: KE, IDi, IDr, CERT, CERTREQ, AUTH, Nonce, V, PS. */
import assert from "node:assert/strict";
import { PayloadType } from "@/iana/payload_type.ts";
import { authCodec } from "@/wire/payloads/authentication.ts";
import { certCodec, certreqCodec } from "@/wire/payloads/certificate.ts";
import { idiCodec, idrCodec } from "@/wire/payloads/identification.ts";
import { keCodec } from "@/wire/payloads/key_exchange.ts";
import { nonceCodec } from "@/wire/payloads/nonce.ts";
import { puzzleSolutionCodec } from "@/wire/payloads/puzzle_solution.ts";
import { vendorCodec } from "@/wire/payloads/vendor_id.ts";
import { decode, encode, hex, refused, refusesTruncations, same } from "./_codec.ts";

Deno.test("KE: group and public value", () => {
  same(keCodec, "001f 0000 aabbcc", { type: PayloadType.KE, group: 31, data: hex("aabbcc") });
  refusesTruncations(keCodec, "001f 0000 aa");
  assert.equal(encode(keCodec, decode(keCodec, "001f ffff aa")), "001f0000aa");
});

Deno.test("IDi and IDr: type and data, each under its own payload type", () => {
  const fqdn = { idType: 2, data: hex("67772e74657374") };
  same(idiCodec, "02 000000 67772e74657374", { type: PayloadType.IDI, ...fqdn });
  same(idrCodec, "02 000000 67772e74657374", { type: PayloadType.IDR, ...fqdn });
  refusesTruncations(idiCodec, "02 000000 67");
  refusesTruncations(idrCodec, "02 000000 67");
  assert.equal(encode(idrCodec, decode(idrCodec, "0b ffffff")), "0bffffff");
});

Deno.test("ID data is as long as its type says", () => {
  const v6 = "20010db8000000000000000000000001";
  same(idiCodec, "01 000000 0a000001", { type: PayloadType.IDI, idType: 1, data: hex("0a000001") });
  same(idiCodec, `05 000000 ${v6}`, { type: PayloadType.IDI, idType: 5, data: hex(v6) });
  same(idiCodec, "0d 000000", { type: PayloadType.IDI, idType: 13, data: hex("") });
  same(idiCodec, "c9 000000", { type: PayloadType.IDI, idType: 201, data: hex("") });
  refused(idiCodec, "01 000000 0a0000", /3 octets for ID type 1/);
  refused(idiCodec, "01 000000 0a00000102", /5 octets for ID type 1/);
  refused(idiCodec, `05 000000 ${v6.slice(2)}`, /15 octets for ID type 5/);
  refused(idiCodec, "0d 000000 00", /1 octets for ID type 13/);
  for (const idType of ["02", "03", "09", "0a"]) refused(idiCodec, `${idType} 000000`, /0 octets/);
});

Deno.test("CERT: encoding and certificate", () => {
  same(certCodec, "04 3082", { type: PayloadType.CERT, encoding: 4, data: hex("3082") });
  refusesTruncations(certCodec, "04 30");
});

Deno.test("CERTREQ: hashes of CAs, where the encoding says so", () => {
  const hash = "00112233445566778899aabbccddeeff01234567";
  same(certreqCodec, "04", { type: PayloadType.CERTREQ, encoding: 4, data: hex("") });
  for (const encoding of [4, 12, 13]) {
    const text = `0${encoding.toString(16)} ${hash} ${hash}`;
    same(certreqCodec, text, { type: PayloadType.CERTREQ, encoding, data: hex(hash + hash) });
    refused(certreqCodec, text.slice(0, -2), /39 octets of CERTREQ/);
  }
  same(certreqCodec, "01 aabb", { type: PayloadType.CERTREQ, encoding: 1, data: hex("aabb") });
  refused(certreqCodec, "", /read 1 octets/);
});

Deno.test("PS: the keys of a solution", () => {
  same(puzzleSolutionCodec, "aabbccdd", { type: PayloadType.PS, data: hex("aabbccdd") });
  refused(puzzleSolutionCodec, "", /without data/);
});

Deno.test("AUTH: method and proof", () => {
  same(authCodec, "02 000000 aabb", { type: PayloadType.AUTH, method: 2, data: hex("aabb") });
  refusesTruncations(authCodec, "02 000000 aa");
  assert.equal(encode(authCodec, decode(authCodec, "0e ffffff aa")), "0e000000aa");
});

Deno.test("Nonce: 16 to 256 octets (RFC 7296 §3.9)", () => {
  for (const octets of [16, 32, 256]) {
    const text = "5a".repeat(octets);
    same(nonceCodec, text, { type: PayloadType.NONCE, data: hex(text) });
  }
  refusesTruncations(nonceCodec, "5a".repeat(16));
  refused(nonceCodec, "5a".repeat(257), /nonce of 257 octets/);
});

Deno.test("Vendor ID: anything", () => {
  same(vendorCodec, "", { type: PayloadType.VENDOR, data: hex("") });
  same(vendorCodec, "0102", { type: PayloadType.VENDOR, data: hex("0102") });
});
