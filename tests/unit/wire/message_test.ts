import assert from "node:assert/strict";
import { toHex, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import {
  decodeHeader,
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  findPayload,
  type MessageHeader,
  type Payload,
} from "@/wire/message.ts";
import { hex } from "./_codec.ts";

const HEADER: MessageHeader = {
  spiI: 0x0123456789abcdefn,
  spiR: 0xfedcba9876543210n,
  exchange: 37,
  messageId: 0xfffffffe,
  initiator: true,
  response: false,
};
const HEADER_HEX = "0123456789abcdef fedcba9876543210 00 20 25 08 fffffffe 0000001c";
const nonce = { type: PayloadType.NONCE, data: hex("5a".repeat(16)) };

/** The message is refused, for a reason that matches. */
function refused(octets: Uint8Array, reason: RegExp): void {
  assert.throws(
    () => decodeMessage(octets),
    (e) => e instanceof WireError && reason.test(e.message),
  );
}

/** A message with this chain of payloads and a correct length. */
function withChain(firstType: number, chain: string): Uint8Array {
  const octets = hex(HEADER_HEX + chain);
  octets[16] = firstType;
  octets[27] = octets.length;
  return octets;
}

Deno.test("a header alone is a message without payloads", () => {
  assert.equal(toHex(encodeMessage(HEADER, [])), HEADER_HEX.replaceAll(" ", ""));
  const { header, payloads } = decodeMessage(hex(HEADER_HEX));
  assert.deepEqual(payloads, []);
  assert.deepEqual(header, {
    ...HEADER,
    nextPayload: 0,
    majorVersion: 2,
    minorVersion: 0,
    higherVersion: false,
    length: 28,
  });
});

Deno.test("each flag and the version have their place, reserved bits have none", () => {
  const octets = hex(HEADER_HEX);
  for (
    const [flags, initiator, response, higherVersion] of [
      [0x00, false, false, false],
      [0x08, true, false, false],
      [0x20, false, true, false],
      [0x10, false, false, true],
      [0xc7, false, false, false],
    ] as const
  ) {
    octets[19] = flags;
    const header = decodeHeader(octets);
    assert.deepEqual(
      [header.initiator, header.response, header.higherVersion],
      [initiator, response, higherVersion],
    );
    assert.equal(encodeMessage(header, [])[19], flags & 0x38);
  }
  octets[17] = 0x2f;
  assert.equal(decodeHeader(octets).minorVersion, 15);
  assert.equal(encodeMessage(decodeHeader(octets), [])[17], 0x2f);
});

Deno.test("a header is refused wherever it is cut, and where Length is another", () => {
  const octets = hex(HEADER_HEX);
  for (let n = 0; n < 28; n++) refused(octets.subarray(0, n), /^Cannot /);
  octets[27] = 27;
  refused(octets, /message length 27, it has 28 octets/);
  octets[27] = 29;
  refused(octets, /message length 29/);
});

Deno.test("a header of another major version is read for an answer, its message is not", () => {
  const octets = hex(HEADER_HEX + "ffff");
  octets[17] = 0x30;
  assert.equal(decodeHeader(octets).majorVersion, 3);
  assert.equal(decodeHeader(octets).spiI, HEADER.spiI);
  refused(octets, /major version 3/);
  octets[17] = 0x10;
  refused(octets, /major version 1/);
});

Deno.test("a chain of payloads comes and goes, unknown types and critical bits with it", () => {
  const payloads: Payload[] = [
    nonce,
    { type: 200, raw: hex("010203"), critical: true },
    { type: 1, raw: hex("") },
    { type: PayloadType.VENDOR, data: hex("aa"), critical: true },
    { type: PayloadType.GSA, raw: hex("0badcafe") },
  ];
  const octets = encodeMessage(HEADER, payloads);
  const decoded = decodeMessage(octets);
  assert.deepEqual(decoded.payloads, payloads);
  assert.equal(decoded.header.nextPayload, PayloadType.NONCE);
  assert.equal(decoded.header.length, octets.length);
  assert.deepEqual(encodeMessage(decoded.header, decoded.payloads), octets);
});

Deno.test("reserved bits beside the critical bit are ignored", () => {
  const { payloads } = decodeMessage(withChain(43, "00 7f 0005 aa"));
  assert.deepEqual(payloads, [{ type: PayloadType.VENDOR, data: hex("aa") }]);
});

Deno.test("a chain is refused wherever it is cut", () => {
  const w = new Writer();
  const first = encodePayloads([nonce, { type: 200, raw: hex("010203") }], w);
  const chain = w.done();
  assert.equal(decodePayloads(first, chain).length, 2);
  for (let n = 0; n < chain.length; n++) {
    assert.throws(() => decodePayloads(first, chain.subarray(0, n)), WireError);
    refused(withChain(first, toHex(chain.subarray(0, n))), /^Cannot /);
  }
});

Deno.test("lengths of payloads stay within the message and cover their own header", () => {
  refused(withChain(43, "00 00 0003"), /payload length 3/);
  refused(withChain(43, "00 00 0000"), /payload length 0/);
  refused(withChain(43, "00 00 0006 aa"), /payload length 6, 5 octets left/);
  refused(withChain(43, "00 00 0005 aa bb"), /1 octets behind the last payload/);
  refused(withChain(43, "2b 00 0005 aa"), /payload of type 43 in 0 octets/);
  refused(withChain(0, "00 00 0005 aa"), /5 octets behind the last payload/);
  refused(withChain(42, "00 00 0009 01000000 00"), /1 trailing octets/);
});

Deno.test("SK and SKF end the chain and say what is inside", () => {
  const octets = withChain(46, "24 00 0007 aabbcc");
  const { header, payloads } = decodeMessage(octets);
  const body = hex("aabbcc");
  assert.deepEqual(payloads, [{ type: PayloadType.SK, firstType: 36, body, offset: 32 }]);
  assert.deepEqual(encodeMessage(header, payloads), octets);

  const fragment = withChain(53, "24 00 000b 0001 0002 aabbcc");
  const decoded = decodeMessage(fragment);
  assert.deepEqual(decoded.payloads, [
    { type: PayloadType.SKF, firstType: 36, fragment: 1, total: 2, body, offset: 36 },
  ]);
  assert.deepEqual(encodeMessage(decoded.header, decoded.payloads), fragment);

  const behind = withChain(43, "2e 00 0005 aa 24 00 0007 aabbcc");
  assert.equal(findPayload(decodeMessage(behind).payloads, PayloadType.SK)!.offset, 37);
  assert.deepEqual(encodeMessage(HEADER, decodeMessage(behind).payloads), behind);
  refused(withChain(46, "24 00 0007 aabbcc 00 00 0004"), /4 octets behind the last payload/);
});

Deno.test("fragment numbers are from 1 to the total (RFC 7383 §2.6)", () => {
  refused(withChain(53, "00 00 0008 0000 0002"), /fragment 0 of 2/);
  refused(withChain(53, "00 00 0008 0003 0002"), /fragment 3 of 2/);
  refused(withChain(53, "00 00 0008 0000 0000"), /fragment 0 of 0/);
  refused(withChain(53, "00 00 0007 0001 00"), /read 2 octets/);
});

Deno.test("an encrypted payload holds no encrypted payload (RFC 7296 §3.1)", () => {
  assert.throws(() => decodePayloads(46, hex("00 00 0007 aabbcc")), /encrypted payload inside/);
  assert.throws(() => decodePayloads(53, hex("00 00 0008 0001 0001")), /encrypted payload inside/);
});

Deno.test("findPayload() finds the first of a type, and no raw record of it", () => {
  const other = { type: PayloadType.NONCE, data: hex("00".repeat(16)) };
  assert.equal(findPayload([nonce, other], PayloadType.NONCE), nonce);
  assert.equal(
    findPayload([{ type: PayloadType.NONCE, raw: hex("") }], PayloadType.NONCE),
    undefined,
  );
  assert.equal(findPayload([nonce], PayloadType.SA), undefined);
});

Deno.test("a raw record may say of any type what no RFC allows", () => {
  const octets = encodeMessage(HEADER, [{ type: PayloadType.SK, raw: hex("aa") }, nonce]);
  assert.equal(toHex(octets.subarray(28, 33)), "28000005aa");
});

Deno.test("records survive structuredClone()", () => {
  const { payloads } = decodeMessage(encodeMessage(HEADER, [nonce, { type: 200, raw: hex("01") }]));
  assert.deepEqual(structuredClone(payloads), payloads);
});
