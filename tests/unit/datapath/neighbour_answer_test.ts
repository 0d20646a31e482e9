import assert from "node:assert/strict";
import { parseAddress, parsePrefix } from "@/base/address.ts";
import { fromHex, toHex } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { AddressSet, answerTo } from "@/datapath/neighbour_answer.ts";
import { foldSum, sumWords } from "@/esp/ip_packet.ts";

const MAC = fromHex("020000000001")!;
const OURS = new AddressSet(
  ["fd00:1::2/127", "fd00:1::4/126", "fd00:1::8/128", "fd00:1::1:0/128", "10.0.0.0/8"]
    .map((text) => parsePrefix(text)!),
);

/** A solicitation of Linux 6, captured by tcpdump on a veth pair: fd00:1::fe:0:1 asks for fd00:1::1:0. */
const ASKED = fromHex(
  "3333ff010000" + "a2c7e0e1a8ed" + "86dd" + "6000000000203aff" +
    "fd000001000000000000" + "00fe00000001" + "ff0200000000000000000001ff010000" +
    "87005203" + "00000000" + "fd000001000000000000000000010000" + "0101a2c7e0e1a8ed",
)!;

/** A frame with these octets changed, and its checksum right again. */
function frame(changes: Readonly<Record<number, string>> = {}): Uint8Array {
  const octets = ASKED.slice();
  for (const [at, hex] of Object.entries(changes)) octets.set(fromHex(hex)!, Number(at));
  octets[56] = octets[57] = 0;
  const length = octets[18]! << 8 | octets[19]!;
  const sum = foldSum(sumWords(octets, 22, 32) + length + 58 + sumWords(octets, 54, length));
  octets[56] = sum >> 8;
  octets[57] = sum;
  return octets;
}

const target = (address: string) => frame({ 62: toHex(parseAddress(address)!) });

Deno.test("a solicitation for an address of ours is answered to its sender", () => {
  const answer = answerTo(ASKED, OURS, MAC)!;
  const target = toHex(parseAddress("fd00:1::1:0")!);
  const asker = toHex(parseAddress("fd00:1::fe:0:1")!);
  assert.equal(toHex(answer.subarray(0, 14)), "a2c7e0e1a8ed" + "020000000001" + "86dd");
  assert.equal(toHex(answer.subarray(14, 22)), "6000000000203aff");
  assert.equal(toHex(answer.subarray(22, 54)), target + asker);
  assert.equal(toHex(answer.subarray(54, 56)), "8800");
  assert.equal(foldSum(sumWords(answer, 22, 32) + 32 + 58 + sumWords(answer, 54, 32)), 0);
  assert.equal(toHex(answer.subarray(58)), "60000000" + target + "0201020000000001");
  assert.deepEqual(frame(), ASKED);
});

Deno.test("exactly the addresses of the prefixes are answered", () => {
  const answered = Array.from({ length: 16 }, (_, i) => i)
    .filter((i) => answerTo(target(`fd00:1::${i.toString(16)}`), OURS, MAC));
  assert.deepEqual(answered, [2, 3, 4, 5, 6, 7, 8]);
  assert.equal(answerTo(target("fd00:2::5"), OURS, MAC), undefined);
  assert.ok(new AddressSet([parsePrefix("10.0.0.0/8")!]).isEmpty);
});

Deno.test("who has no address yet hears that the target is in use (RFC 4862 §5.4.4)", () => {
  const none = "00".repeat(16);
  const probe = frame({ 22: none, 19: "18" }).subarray(0, 78);
  const answer = answerTo(probe, OURS, MAC)!;
  assert.equal(toHex(answer.subarray(0, 6)), "333300000001");
  assert.equal(toHex(answer.subarray(38, 54)), "ff02" + "00".repeat(13) + "01");
  assert.equal(answer[58], 0x20, "not solicited");
  assert.equal(answerTo(frame({ 22: none }), OURS, MAC), undefined, "with a source's option");
  const unicast = frame({ 22: none, 19: "18", 38: toHex(parseAddress("fd00:1::1:0")!) });
  assert.equal(answerTo(unicast, OURS, MAC), undefined, "not to the group");
});

const WRONG: Readonly<Record<string, Uint8Array>> = {
  "another type of frame": frame({ 12: "0800" }),
  "another hop limit": frame({ 21: "fe" }),
  "another next header": frame({ 20: "11" }),
  "no solicitation": frame({ 54: "88" }),
  "a code": frame({ 55: "01" }),
  "a wrong checksum": ASKED.with(56, 1),
  "a multicast target": frame({ 62: "ff" }),
  "an option of length 0": frame({ 79: "00" }),
  "an option that is too long": frame({ 79: "02" }),
  "a length beyond the frame": frame({ 18: "0028" }),
  "a message that is too short": frame({ 18: "0010" }),
};

for (const [name, octets] of Object.entries(WRONG)) {
  Deno.test(`not answered: ${name} (RFC 4861 §7.1.1)`, () => {
    assert.equal(answerTo(octets, OURS, MAC), undefined);
  });
}

Deno.test("any octets are survived, and every truncation", () => {
  const whole = frame();
  for (let length = 0; length < whole.length; length++) {
    assert.equal(answerTo(whole.subarray(0, length), OURS, MAC), undefined);
  }
  const random = new SeededRandom(7);
  for (let i = 0; i < 5_000; i++) {
    const octets = whole.slice();
    const [at, value] = random.octets(2);
    octets[at! % octets.length] = value!;
    answerTo(octets, OURS, MAC);
    answerTo(random.octets(at!), OURS, MAC);
  }
});
