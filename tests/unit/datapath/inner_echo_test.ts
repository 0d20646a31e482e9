import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import { fromHex, toHex } from "@/base/bytes.ts";
import { InnerEcho } from "@/datapath/inner_echo.ts";
import type { InnerPackets } from "@/datapath/inner_packets.ts";
import { foldSum, sumWords } from "@/esp/ip_packet.ts";
import type { EchoShape } from "@/ping/echo.ts";

const at = (text: string) => parseAddress(text)!;
const ICMP: EchoShape = { protocol: "icmp", port: 0, payloadOctets: 8, tag: 0 };
const UDP: EchoShape = { protocol: "udp", port: 9922, payloadOctets: 15, tag: 7 };
const FOUR = ["10.2.0.1", "10.1.0.1"] as const;
const SIX = ["fd02::1", "fd01::1"] as const;

/** Requests 0x1234, 5 whose checksums tshark calls good, all of them. */
const REQUESTS: Readonly<Record<string, readonly [EchoShape, readonly [string, string], string]>> =
  {
    "ICMP": [
      ICMP,
      FOUR,
      "4500002400004000400126d50a0200010a010001080053b9123400050726456483a2c1e0",
    ],
    "ICMPv6": [
      ICMP,
      SIX,
      "6000000000103a40fd020000000000000000000000000001fd0100000000000000000000000000018000e167" +
      "123400050726456483a2c1e0",
    ],
    "UDP": [
      UDP,
      FOUR,
      "4500002b00004000401126be0a0200010a01000126c226c200173b2f1234000570696e6700073d5c7b9ab9",
    ],
    "UDP over IPv6": [
      UDP,
      SIX,
      "6000000000171140fd020000000000000000000000000001fd01000000000000000000000000000126c226c2" +
      "0017552d1234000570696e6700073d5c7b9ab9",
    ],
  };

/** A data path that records its packets. */
class Inner implements InnerPackets {
  readonly sent: Uint8Array[] = [];
  receiver: InnerPackets["receiver"];
  constructor(readonly hasDevice = false) {}

  send(packets: readonly Uint8Array[]): number {
    this.sent.push(...packets.map((packet) => packet.slice()));
    return 1;
  }
}

/** A carrier that sent one request; what its receiver was told is in a list. */
function pinged(shape: EchoShape, [own, peer]: readonly [string, string]) {
  const inner = new Inner();
  const echo = new InnerEcho(inner);
  const carrier = echo.carrier(shape);
  const told: unknown[] = [];
  carrier.receiver = {
    reply: (to, from, identifier, sequence) =>
      !!told.push([toHex(to), toHex(from), identifier, sequence]),
    altered: (_to, _from, identifier) => !!told.push(`altered ${identifier}`),
  };
  carrier.send(at(own), at(peer), 0x1234, 5);
  carrier.flush();
  return { inner, carrier, told, request: inner.sent[0]! };
}

/** The reply to a packet. */
function reply(request: Uint8Array): Uint8Array {
  const answer = request.slice();
  const six = request[0]! >> 4 === 6;
  const [source, octets, upper] = six ? [8, 16, 40] : [12, 4, 20];
  answer.set(request.subarray(source + octets, source + 2 * octets), source);
  answer.set(request.subarray(source, source + octets), source + octets);
  const protocol = request[six ? 6 : 9];
  if (protocol === 17) return answer;
  answer[upper] = six ? 129 : 0;
  answer[upper + 2] = answer[upper + 3] = 0;
  const pseudo = six ? sumWords(answer, 8, 32) + answer.length - 40 + 58 : 0;
  const sum = foldSum(pseudo + sumWords(answer, upper, answer.length - upper));
  answer.set([sum >> 8, sum & 255], upper + 2);
  return answer;
}

for (const [name, [shape, ends, hex]] of Object.entries(REQUESTS)) {
  Deno.test(`${name}: requests are right to the octet, and their replies are taken`, () => {
    const { inner, carrier, told, request } = pinged(shape, ends);
    assert.equal(toHex(request), hex);
    assert.equal(carrier.unsent, 1, "as the data path says");
    assert.equal(inner.receiver!(reply(request)), true);
    const [own, peer] = ends.map((end) => toHex(at(end)));
    assert.deepEqual(told.splice(0), [[own, peer, 0x1234, 5]]);

    const answer = reply(request);
    const upper = ends === SIX ? 40 : 20;
    const checksum = upper + (shape === UDP ? 6 : 2);
    assert.equal(inner.receiver!(answer.with(checksum, answer[checksum]! ^ 1)), true);
    assert.equal(inner.receiver!(answer.with(-1, answer.at(-1)! ^ 1)), true);
    assert.deepEqual(told.splice(0), ["altered 4660", "altered 4660"]);
    if (shape === UDP) assert.equal(inner.receiver!(answer.with(upper, 1)), false, "another port");
    assert.equal(inner.receiver!(answer.subarray(0, upper + 4)), false);
    assert.deepEqual(told, []);
  });

  if (shape === UDP) continue;
  Deno.test(`${name}: pings of the other end are answered where no device is`, () => {
    const inner = new Inner();
    const echo = new InnerEcho(inner);
    const request = fromHex(hex)!;
    assert.equal(inner.receiver!(request), true);
    assert.deepEqual(inner.sent, [reply(request)]);
    assert.equal(inner.receiver!(request.with(-1, 0)), false, "a wrong checksum");
    assert.equal(inner.receiver!(reply(request)), false, "no request");
    if (ends === FOUR) assert.equal(inner.receiver!(request.with(6, 0x20)), false, "a fragment");
    assert.deepEqual([inner.sent.length, echo.answered], [1, 1]);

    const beside = new Inner(true);
    const silent = new InnerEcho(beside);
    assert.equal(beside.receiver!(request), false, "the system's own business");
    assert.deepEqual([beside.sent.length, silent.answered], [0, 0]);
  });
}

Deno.test("a datagram of IPv4 without a checksum is taken", () => {
  const { inner, told, request } = pinged(UDP, FOUR);
  assert.equal(inner.receiver!(reply(request).with(26, 0).with(27, 0)), true);
  assert.equal(told.length, 1);
  assert.match(String(told[0]), /4660/);
});

Deno.test("requests that are long may be cut on their way, and their fragments are told apart", () => {
  const { carrier, inner } = pinged({ ...ICMP, payloadOctets: 1253 }, FOUR);
  carrier.send(at(FOUR[0]), at(FOUR[1]), 1, 1);
  carrier.flush();
  const [first, second] = inner.sent;
  for (const packet of [first!, second!]) assert.equal(foldSum(sumWords(packet, 0, 20)), 0);
  assert.deepEqual([...first!.subarray(4, 8)], [0, 1, 0, 0]);
  assert.deepEqual([...second!.subarray(4, 8)], [0, 2, 0, 0]);
});

Deno.test("many requests leave in batches, each as it was", () => {
  const { carrier, inner } = pinged(ICMP, FOUR);
  for (let i = 0; i < 200; i++) carrier.send(at(FOUR[0]), at(FOUR[1]), 7, i);
  carrier.flush();
  const sequences = inner.sent.slice(1).map((packet) => packet[26]! << 8 | packet[27]!);
  assert.deepEqual(sequences, Array.from({ length: 200 }, (_, i) => i));
});
