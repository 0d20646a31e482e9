import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { foldSum, IpView, sumWords } from "@/esp/ip_packet.ts";
import { fragmentsOf, tooBigMessage } from "@/esp/too_big.ts";
import { filled } from "./_ciphers.ts";
import { extension, fragmentHeader, icmp, ip4, ip6, type Wish4 } from "./_packets.ts";
import { dissect, HAS_TSHARK } from "./_tshark.ts";

/** The position of a fragment by its header. */
function placeOf(fragment: Uint8Array): {
  readonly offset: number;
  readonly more: boolean;
  readonly header: number;
  readonly content: Uint8Array;
} {
  const view = new DataView(fragment.buffer, fragment.byteOffset);
  const word = view.getUint16(6);
  const header = 4 * (fragment[0]! & 15);
  assert.equal(view.getUint16(2), fragment.length);
  assert.equal(foldSum(sumWords(fragment, 0, header)), 0);
  assert.equal(word & 0xc000, 0);
  const content = fragment.subarray(header);
  return { offset: 8 * (word & 0x1fff), more: (word & 0x2000) !== 0, header, content };
}

/** The content of fragments in order, each where the one before ends; and whether the last is the last. */
function joined(fragments: readonly Uint8Array[], begin = 0): [content: Uint8Array, more: boolean] {
  const content: number[] = [];
  for (const [i, fragment] of fragments.entries()) {
    const place = placeOf(fragment);
    const isLast = i === fragments.length - 1;
    assert.equal(place.offset, begin + content.length);
    if (!isLast) assert.deepEqual([place.more, place.content.length % 8], [true, 0]);
    content.push(...place.content);
  }
  return [Uint8Array.from(content), placeOf(fragments.at(-1)!).more];
}

Deno.test("fragments: joined they are the packet, for all MTUs and lengths", () => {
  const random = new SeededRandom(791);
  for (let run = 0; run < 2000; run++) {
    const words = random.pick([0, 0, 1, 5, 10]);
    const header = 20 + 4 * words;
    const mtu = header + 8 + random.below(200);
    const content = filled(random.below(2000), run & 255);
    const options = Array.from({ length: 4 * words }, () => 1);
    const packet = ip4({ content, options, id: run, trafficClass: 0xb9, from: "203.0.113.9" });
    const fragments = fragmentsOf(packet, mtu);
    const [whole, more] = content.length > 0 ? joined(fragments) : [content, false];
    assert.deepEqual([toHex(whole), more], [toHex(content), false]);
    for (const fragment of fragments) {
      assert.ok(fragment.length <= mtu);
      // Headers only differ in lengths, offset and checksum.
      assert.equal(toHex(fragment.subarray(4, 6)), toHex(packet.subarray(4, 6)));
      assert.equal(fragment[1], 0xb9);
      assert.equal(toHex(fragment.subarray(8, 10)), toHex(packet.subarray(8, 10)));
      assert.equal(toHex(fragment.subarray(12, 20)), toHex(packet.subarray(12, 20)));
    }
    // There are as few as possible: none has room for 8 more octets.
    for (const fragment of fragments.slice(0, -1)) assert.ok(fragment.length + 8 > mtu);
  }
});

Deno.test("fragments of fragments: they stand where their packet stood, and only the end ends", () => {
  for (const more of [true, false]) {
    const fragment = 1480 / 8 | (more ? 0x2000 : 0);
    const content = filled(1200, 5);
    const pieces = fragmentsOf(ip4({ content, fragment }), 500);
    const [whole, goesOn] = joined(pieces, 1480);
    assert.deepEqual([toHex(whole), goesOn], [toHex(content), more]);
    const again = pieces.flatMap((piece) => fragmentsOf(piece, 100));
    assert.deepEqual(joined(again, 1480), [content, more]);
  }
  // To the last octet that a packet may have: 65535.
  const end = ip4({ content: filled(1495, 1), fragment: 64_040 / 8 });
  assert.deepEqual(joined(fragmentsOf(end, 576), 64_040), [filled(1495, 1), false]);
});

Deno.test("fragments: what fits stays in one piece", () => {
  const packet = ip4({ content: filled(100, 1), id: 7 });
  assert.deepEqual(fragmentsOf(packet, 120), [packet]);
  assert.equal(fragmentsOf(packet, 119).length, 2);
  assert.deepEqual(fragmentsOf(packet, 27), []);
  assert.equal(fragmentsOf(packet, 28).length, 13);
});

Deno.test("fragments: options with the copied flag are in all, the others in the first", () => {
  const routerAlert = [0x94, 4, 0, 0];
  const sourceRoute = [0x83, 7, 4, 10, 0, 0, 1];
  const recordRoute = [7, 7, 4, 0, 0, 0, 0];
  const timestamp = [68, 8, 5, 0, 0, 0, 0, 0];
  for (
    const [options, copied] of [
      [[], []],
      [[1, 1, 1, 0], []],
      [[...recordRoute, 0], []],
      [timestamp, []],
      [routerAlert, routerAlert],
      [[...timestamp, ...routerAlert], routerAlert],
      [[...routerAlert, ...timestamp], routerAlert],
      [[1, ...sourceRoute], [...sourceRoute, 0]],
      [[...recordRoute, 1, 1, ...sourceRoute], [...sourceRoute, 0]],
      [[...sourceRoute, 1, ...routerAlert], [...sourceRoute, ...routerAlert, 0]],
      // There is nothing after the end.
      [[0, 0, 0, 0, ...routerAlert], []],
      // The end of these options is unknown.
      [[0x94, 0, 0, 0], []],
      [[0x94, 5, 0, 0], []],
      [[...routerAlert, 1, 1, 1, 0x94], routerAlert],
      [[7, 0, 0, 0, ...routerAlert], []],
    ] as const
  ) {
    const packet = ip4({ content: filled(300, 3), options: [...options] });
    const [first, ...others] = fragmentsOf(packet, 128);
    assert.ok(others.length >= 2);
    assert.equal(
      toHex(first!.subarray(20, placeOf(first!).header)),
      toHex(Uint8Array.from(options)),
    );
    for (const other of others) {
      const seen = other.subarray(20, placeOf(other).header);
      assert.equal(toHex(seen), toHex(Uint8Array.from(copied)), `${options}`);
    }
    assert.deepEqual(joined([first!, ...others]), [filled(300, 3), false]);
  }
});

Deno.test("fragments: no header at all makes it throw, or go on for ever", () => {
  const random = new SeededRandom(3);
  for (let run = 0; run < 20_000; run++) {
    const packet = ip4({
      content: filled(random.below(400), 1),
      options: [...random.octets(4 * random.below(11))],
    });
    const pieces = fragmentsOf(packet, 68 + random.below(100));
    assert.ok(pieces.length <= 51);
  }
});

Deno.test({
  name: "tshark joins our fragments, and finds no fault with them",
  ignore: !HAS_TSHARK,
  fn: async () => {
    const udp = (octets: number) => {
      const content = new Uint8Array(8 + octets);
      new DataView(content.buffer, content.byteOffset).setUint32(0, 0x30390009);
      new DataView(content.buffer, content.byteOffset).setUint16(4, 8 + octets);
      content.set(filled(octets, 1), 8);
      return content;
    };
    const options = [0x94, 4, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0];
    for (const wish of [{}, { options }] as Wish4[]) {
      for (const [octets, mtu] of [[3000, 1400], [1000, 100], [9000, 576]] as const) {
        const packet = ip4({ ...wish, content: udp(octets), id: octets });
        const twice = fragmentsOf(packet, mtu).flatMap((piece) => fragmentsOf(piece, mtu - 30));
        assert.ok(twice.length > 2);
        const fields = ["ip.checksum.status", "udp.length", "data.data", "ip.reassembled.length"];
        const seen = await dissect(twice, [...fields, "_ws.malformed", "ip.bogus_header_length"]);
        assert.ok(seen.every((line) => line[0] === "1"), `${seen.map((line) => line[0])}`);
        const length = `${8 + octets}`;
        const last = ["1", length, toHex(filled(octets, 1)), length, "", ""];
        assert.deepEqual(seen.at(-1), last);
      }
    }
  },
});

/** The message about a packet, read at `at` of a buffer. */
function told(packet: Uint8Array, mtu = 1400, at = 0): Uint8Array | undefined {
  const buffer = new Uint8Array(at + packet.length);
  const view = new IpView();
  buffer.set(packet, at);
  assert.ok(view.read(buffer, at, packet.length));
  return tooBigMessage(buffer.subarray(at), view, mtu);
}

Deno.test("too big: the sender of IPv4 hears of the next hop's MTU (RFC 1191 §4)", () => {
  for (const at of [0, 2048]) {
    const packet = ip4({ content: filled(1500, 1), fragment: 0x4000 });
    const message = told(packet, 1393, at)!;
    assert.equal(message.length, 576);
    assert.equal(toHex(message.subarray(12, 16)), toHex(packet.subarray(16, 20)));
    assert.equal(toHex(message.subarray(16, 20)), toHex(packet.subarray(12, 16)));
    assert.equal(toHex(message.subarray(20, 22)), "0304");
    assert.equal(toHex(message.subarray(24, 28)), "00000571");
    assert.equal(toHex(message.subarray(28)), toHex(packet.subarray(0, 548)));
    const short = told(ip4({ content: filled(30, 1), fragment: 0x4000 }), 40, at)!;
    assert.equal(short.length, 28 + 50);
  }
});

Deno.test("too big: the sender of IPv6 hears of the MTU (RFC 4443 §3.2)", () => {
  for (const at of [0, 2048]) {
    const packet = ip6({ content: filled(1500, 1) });
    const message = told(packet, 1393, at)!;
    assert.equal(message.length, 1280);
    assert.equal(toHex(message.subarray(8, 24)), toHex(packet.subarray(24, 40)));
    assert.equal(toHex(message.subarray(24, 40)), toHex(packet.subarray(8, 24)));
    assert.equal(toHex(message.subarray(40, 42)), "0200");
    assert.equal(toHex(message.subarray(44, 48)), "00000571");
    assert.equal(toHex(message.subarray(48)), toHex(packet.subarray(0, 1232)));
  }
});

Deno.test("too big: nothing is told about ICMP errors, and about what asks it is", () => {
  for (const at of [0, 64, 2048]) {
    const about4 = (type: number) =>
      told(ip4({ protocol: 1, content: icmp(type, 0, 1400) }), 1300, at);
    for (const error of [3, 4, 5, 11, 12]) assert.equal(about4(error), undefined, `type ${error}`);
    for (const other of [0, 8, 13, 14]) assert.ok(about4(other), `type ${other}`);
    const about6 = (type: number, extensions = [extension(60)]) =>
      told(ip6({ protocol: 58, extensions, content: icmp(type, 0, 1400) }), 1300, at);
    for (const error of [1, 2, 3, 4, 100, 127, 137]) assert.equal(about6(error), undefined);
    for (const other of [128, 129, 135, 136, 255]) assert.ok(about6(other), `type ${other}`);
    // Other protocols have no types.
    assert.ok(
      told(ip4({ protocol: 17, content: Uint8Array.of(3, 0, ...filled(1400, 1)) }), 1300, at),
    );
    assert.ok(
      told(ip6({ protocol: 17, content: Uint8Array.of(1, 0, ...filled(1400, 1)) }), 1300, at),
    );
    assert.ok(told(ip4({ protocol: 1, content: new Uint8Array(0) }), 68, at));
  }
});

Deno.test("too big: nothing is told about a later fragment of IPv4; of IPv6 each is told about", () => {
  const content = filled(1400, 1);
  assert.ok(told(ip4({ content, fragment: 0x6000 })));
  assert.equal(told(ip4({ content, fragment: 0x4001 })), undefined);
  const six = (offset: number, protocol: number) =>
    told(ip6({ protocol, extensions: [fragmentHeader(offset, true)], content: icmp(1, 0, 1400) }));
  assert.ok(six(0, 17));
  assert.ok(six(8, 17));
  // The octets of a later fragment are no type, and an error is never so long that it is cut.
  assert.ok(six(8, 58));
  assert.equal(six(0, 58), undefined);
});

Deno.test("too big: nothing is told to or from what is no single host", () => {
  const content = filled(1400, 1);
  const fragment = 0x4000;
  const none4 = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1"];
  for (const address of [...none4, "255.255.255.255"]) {
    assert.equal(told(ip4({ content, fragment, from: address })), undefined, address);
    assert.equal(told(ip4({ content, fragment, to: address })), undefined, address);
  }
  for (const address of ["1.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.255"]) {
    assert.ok(told(ip4({ content, fragment, from: address, to: address })), address);
  }
  for (const address of ["::", "ff02::1", "ff0e::1:2"]) {
    assert.equal(told(ip6({ content, from: address })), undefined, address);
    assert.equal(told(ip6({ content, to: address })), undefined, address);
  }
  assert.ok(told(ip6({ content, from: "fe80::1", to: "fd00::1" })));
});

Deno.test({
  name: "tshark finds no fault with the messages about packets that are too big",
  ignore: !HAS_TSHARK,
  fn: async () => {
    const four = [21, 22, 501, 548, 1401].map((octets) =>
      told(ip4({ protocol: 1, content: icmp(8, 0, octets), fragment: 0x4000 }), 1300)!
    );
    const fields = [
      "icmp.type",
      "icmp.code",
      "icmp.checksum.status",
      "icmp.mtu",
      "ip.checksum.status",
    ];
    for (const line of await dissect(four, [...fields, "_ws.malformed"])) {
      // The checksum of a quoted packet that is cut cannot be verified.
      const first = line.map((field) => field.split(",")[0]);
      assert.deepEqual(first, ["3", "4", "1", "1300", "1", ""]);
    }
    const six = [21, 22, 1231, 1232, 1233, 1401].map((octets) =>
      told(ip6({ protocol: 47, content: filled(octets, 1) }), 1300)!
    );
    const names = ["icmpv6.type", "icmpv6.code", "icmpv6.checksum.status", "icmpv6.mtu"];
    for (const line of await dissect(six, names)) assert.deepEqual(line, ["2", "0", "1", "1300"]);
  },
});
