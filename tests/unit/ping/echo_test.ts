import assert from "node:assert/strict";
import { fromHex } from "@/base/bytes.ts";
import { foldSum, sumWords } from "@/esp/ip_packet.ts";
import { answerEcho, EchoReader, EchoWriter, markAsReply, udpKind } from "@/ping/echo.ts";

const ICMP = { protocol: "icmp", port: 0, payloadOctets: 56, tag: 0 } as const;
const UDP = { protocol: "udp", port: 9922, payloadOctets: 15, tag: 0xabcd } as const;

/** The ping of Windows and its reply, as captures have shown them since the nineties. */
const LETTERS = "6162636465666768696a6b6c6d6e6f70717273747576776162636465666768 69".replace(
  " ",
  "",
);
const KNOWN_REQUEST = fromHex(`08004d5a00010001${LETTERS}`)!;
const KNOWN_REPLY = fromHex(`0000555a00010001${LETTERS}`)!;

Deno.test("an echo request of somebody else is answered as its receiver is known to answer it", () => {
  const message = KNOWN_REQUEST.slice();
  assert.equal(answerEcho(message, 4), true);
  assert.deepEqual(message, KNOWN_REPLY);
});

Deno.test("only echo requests of the family are answered", () => {
  const request6 = KNOWN_REQUEST.with(0, 128);
  assert.equal(answerEcho(request6.slice(), 4), false);
  assert.equal(answerEcho(KNOWN_REQUEST.slice(), 16), false);
  assert.equal(answerEcho(KNOWN_REPLY.slice(), 4), false);
  assert.equal(answerEcho(KNOWN_REQUEST.with(1, 1), 4), false);
  assert.equal(answerEcho(KNOWN_REQUEST.slice(0, 7), 4), false);
  const answered = request6.slice();
  assert.equal(answerEcho(answered, 16), true);
  // The checksum covers the addresses: it is left to whoever knows them.
  assert.deepEqual([...answered.subarray(0, 4)], [129, 0, 0, 0]);
});

Deno.test("a request has a right checksum whatever its numbers are, and its reply is read", () => {
  const writer = new EchoWriter(ICMP);
  const reader = new EchoReader(ICMP);
  for (const [identifier, sequence] of [[0, 0], [0xffff, 0xffff], [0x1234, 0xfedc]] as const) {
    const message = writer.request(4, identifier, sequence).slice();
    assert.equal(message.length, 64);
    assert.equal(foldSum(sumWords(message, 0, 64)), 0);
    assert.equal(reader.read(message, 0, 64, 4), "other", "a request is no reply");
    assert.equal(answerEcho(message, 4), true);
    assert.equal(reader.read(message, 0, 64, 4), "reply");
    assert.deepEqual([reader.identifier, reader.sequence], [identifier, sequence]);
  }
});

Deno.test("a reply with another length, checksum or payload is altered", () => {
  const message = new EchoWriter(ICMP).request(4, 7, 8).slice();
  const reader = new EchoReader(ICMP);
  answerEcho(message, 4);
  assert.equal(reader.read(message, 0, 63, 4), "altered");
  assert.equal(reader.read(message.with(40, 0), 0, 64, 4), "altered");
  // Two words exchanged leave the checksum as it was.
  const swapped = message.slice();
  swapped.set(message.subarray(20, 22), 22);
  swapped.set(message.subarray(22, 24), 20);
  assert.equal(foldSum(sumWords(swapped, 0, 64)), 0);
  assert.equal(reader.read(swapped, 0, 64, 4), "altered");
  assert.equal(reader.read(message.with(2, 1), 0, 64, 4), "altered");
});

Deno.test("a UDP payload begins with identifier, sequence number, mark and tag", () => {
  const message = new EchoWriter(UDP).request(16, 0x0102, 0x0304);
  const reader = new EchoReader(UDP);
  assert.deepEqual(message.subarray(0, 10), fromHex("0102030470696e67abcd"));
  assert.equal(message.length, 15);
  assert.equal(udpKind(message, 0, 15), "request");
  assert.equal(udpKind(message, 0, 9), "plain");
  assert.equal(reader.read(message, 0, 15, 16), "reply", "an echo server that changes nothing");
  markAsReply(message, 0);
  assert.deepEqual(message.subarray(0, 10), fromHex("01020304706f6e67abcd"));
  assert.equal(udpKind(message, 0, 15), "reply");
  assert.equal(reader.read(message, 0, 15, 16), "reply");
  assert.deepEqual([reader.identifier, reader.sequence], [0x0102, 0x0304]);
  assert.equal(reader.read(message.with(14, 0), 0, 15, 16), "altered");
  assert.equal(reader.read(message, 0, 9, 16), "other");
  const longer = Uint8Array.from([...message, 0]);
  assert.equal(reader.read(longer, 0, 16, 16), "altered");
});

Deno.test("the UDP requests of another host that pings us are no replies to ours", () => {
  const theirs = new EchoWriter({ ...UDP, tag: 0xabce }).request(4, 1, 1);
  assert.equal(new EchoReader(UDP).read(theirs, 0, theirs.length, 4), "other");
});
