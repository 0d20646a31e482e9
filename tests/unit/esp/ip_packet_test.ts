import assert from "node:assert/strict";
import { concat, toHex } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import {
  foldSum,
  IpView,
  leaveTunnel,
  mustNotFragment,
  sumWords,
  trafficClass,
  writeHeaderChecksum,
} from "@/esp/ip_packet.ts";
import { captureNames } from "../../captures.ts";
import { readIpPackets } from "@/base/capture_reader.ts";
import { address, extension, fragmentHeader, icmp, ip4, ip6, ports } from "./_packets.ts";

/** The fields that a view has of a packet; undefined: it is no packet. */
function seen(packet: Uint8Array, at = 0): Omit<IpView, "read"> | undefined {
  const view = new IpView();
  // Fields of an earlier packet must not remain.
  view.read(ip4({ content: ports(1, 2), fragment: 0x2003 }), 0, 28);
  const buffer = concat(new Uint8Array(at).fill(0xee), packet);
  return view.read(buffer, at, packet.length) ? { ...view } : undefined;
}

Deno.test("IPv4: where the parts are, with options and without, wherever it stands", () => {
  for (const words of [0, 1, 5, 10]) {
    for (const at of [0, 1, 77]) {
      const options = Array.from({ length: 4 * words }, () => 1);
      const packet = ip4({ options, content: ports(0xabcd, 53) });
      assert.deepEqual(seen(packet, at), {
        at,
        total: packet.length,
        addressOctets: 4,
        source: at + 12,
        destination: at + 16,
        protocol: 17,
        upper: at + 20 + 4 * words,
        protocolAt: at + 9,
        isLaterFragment: false,
        isFragment: false,
        sourcePort: 0xabcd,
        destinationPort: 53,
      });
    }
  }
});

Deno.test("IPv4: what is no whole packet is none", () => {
  const packet = ip4({ options: [1, 1, 1, 0], content: ports(1, 2) });
  for (let octets = 0; octets < packet.length; octets++) {
    assert.equal(seen(packet.subarray(0, octets)), undefined, `${octets} octets`);
  }
  for (const header of [0, 1, 4]) {
    const short = packet.slice();
    short[0] = 0x40 | header;
    assert.equal(seen(short), undefined);
  }
  for (const total of [0, 19, 23, packet.length + 1, 0xffff]) {
    const wrong = packet.slice();
    new DataView(wrong.buffer, wrong.byteOffset).setUint16(2, total);
    assert.equal(seen(wrong), undefined, `total ${total}`);
  }
  for (const version of [0, 1, 5, 7, 15]) {
    const wrong = packet.slice();
    wrong[0] = version << 4 | 6;
    assert.equal(seen(wrong), undefined);
  }
});

Deno.test("what stands behind the packet is no part of it", () => {
  for (const packet of [ip4({ content: ports(1, 2) }), ip6({ content: ports(1, 2) })]) {
    assert.equal(seen(concat(packet, new Uint8Array(100)))?.total, packet.length);
  }
  // Ports after the end of the packet are absent.
  const short = concat(ip4({ content: Uint8Array.of(1, 2, 3) }), Uint8Array.of(4, 5));
  assert.deepEqual([seen(short)?.sourcePort, seen(short)?.destinationPort], [-1, -1]);
  const six = concat(ip6({ content: Uint8Array.of(1, 2, 3) }), Uint8Array.of(4, 5));
  assert.equal(seen(six)?.sourcePort, -1);
});

Deno.test("IPv4 fragments: the first shows ports, a later one shows none", () => {
  const of = (fragment: number) => {
    const view = seen(ip4({ fragment, content: ports(7, 9) }))!;
    return [view.isFragment, view.isLaterFragment, view.sourcePort, view.destinationPort];
  };
  assert.deepEqual(of(0), [false, false, 7, 9]);
  assert.deepEqual(of(0x4000), [false, false, 7, 9]);
  assert.deepEqual(of(0x8000), [false, false, 7, 9]);
  assert.deepEqual(of(0x2000), [true, false, 7, 9]);
  assert.deepEqual(of(0x2001), [true, true, -1, -1]);
  assert.deepEqual(of(0x0001), [true, true, -1, -1]);
  assert.deepEqual(of(0x1fff), [true, true, -1, -1]);
});

Deno.test("ports of all protocols that have them, type and code of ICMP, type of mobility", () => {
  const of = (protocol: number, content: Uint8Array) => {
    const views = [seen(ip4({ protocol, content }))!, seen(ip6({ protocol, content }))!];
    const [four, six] = views.map((
      { sourcePort, destinationPort },
    ) => [sourcePort, destinationPort]);
    assert.deepEqual(four, six);
    return four;
  };
  for (const protocol of [6, 17, 33, 132, 136]) {
    assert.deepEqual(of(protocol, ports(0xfffe, 1)), [0xfffe, 1]);
    assert.deepEqual(of(protocol, ports(0xfffe, 1).subarray(0, 3)), [-1, -1]);
  }
  for (const protocol of [1, 58]) {
    assert.deepEqual(of(protocol, icmp(3, 4)), [0x0304, -1]);
    assert.deepEqual(of(protocol, icmp(255, 255)), [0xffff, -1]);
    assert.deepEqual(of(protocol, Uint8Array.of(3)), [-1, -1]);
  }
  // RFC 4301 §4.4.1.1: the type in the upper octet; RFC 6275 §6.1.1: it stands third.
  assert.deepEqual(of(135, Uint8Array.of(59, 0, 5, 0, 0, 0)), [0x0500, -1]);
  assert.deepEqual(of(135, Uint8Array.of(59, 0)), [-1, -1]);
  for (const protocol of [2, 4, 41, 47, 50, 51, 89, 255]) {
    assert.deepEqual(of(protocol, ports(1, 2)), [-1, -1]);
  }
});

const HOP_BY_HOP = 0;
const ROUTING = 43;
const DESTINATION = 60;

Deno.test("IPv6: the upper layer is found behind extension headers of any number and length", () => {
  const random = new SeededRandom(8200);
  for (let run = 0; run < 3000; run++) {
    const count = random.below(6);
    const at = random.below(20);
    const extensions = Array.from(
      { length: count },
      () =>
        extension(random.pick([HOP_BY_HOP, ROUTING, DESTINATION]), random.pick([0, 0, 1, 7, 31])),
    );
    const packet = ip6({ extensions, protocol: 6, content: ports(5000 + run, 80) });
    const lengths = extensions.map(({ octets }) => octets.length);
    const upper = 40 + lengths.reduce((sum, octets) => sum + octets, 0);
    assert.deepEqual(seen(packet, at), {
      at,
      total: packet.length,
      addressOctets: 16,
      source: at + 8,
      destination: at + 24,
      protocol: 6,
      upper: at + upper,
      protocolAt: at + (count === 0 ? 6 : upper - lengths.at(-1)!),
      isLaterFragment: false,
      isFragment: false,
      sourcePort: 5000 + run,
      destinationPort: 80,
    });
    // A packet that is cut, or has another length than its header says, is refused.
    assert.equal(seen(packet.subarray(0, random.below(packet.length))), undefined);
  }
});

Deno.test("IPv6: an extension header that leads out of the packet makes it none", () => {
  for (const number of [HOP_BY_HOP, ROUTING, DESTINATION]) {
    const packet = ip6({ extensions: [extension(number)], content: ports(1, 2) });
    for (const [more, whole] of [[0, true], [1, true], [2, false], [255, false]] as const) {
      const changed = packet.slice();
      changed[41] = more;
      assert.equal(seen(changed) !== undefined, whole, `${number}: ${more}`);
    }
    // The last header names another one, which is missing.
    const open = ip6({ extensions: [extension(number)], protocol: number });
    assert.equal(seen(open), undefined);
  }
  // A chain without an upper layer ends in 59 (RFC 8200 §4.7).
  const empty = seen(ip6({ extensions: [extension(DESTINATION)], protocol: 59 }))!;
  assert.deepEqual([empty.protocol, empty.upper, empty.sourcePort], [59, 48, -1]);
});

Deno.test("IPv6 fragments: the first shows ports, a later one its next header and no ports", () => {
  const of = (offset: number, more: boolean, protocol = 17) => {
    const extensions = [extension(HOP_BY_HOP), fragmentHeader(offset, more)];
    const view = seen(ip6({ extensions, protocol, content: ports(7, 9) }))!;
    const { isFragment, isLaterFragment, sourcePort, destinationPort } = view;
    assert.deepEqual([view.protocol, view.upper, view.protocolAt], [protocol, 56, 48]);
    return [isFragment, isLaterFragment, sourcePort, destinationPort];
  };
  // An atomic fragment is whole (RFC 6946).
  assert.deepEqual(of(0, false), [false, false, 7, 9]);
  assert.deepEqual(of(0, true), [true, false, 7, 9]);
  assert.deepEqual(of(8, true), [true, true, -1, -1]);
  assert.deepEqual(of(8, false), [true, true, -1, -1]);
  assert.deepEqual(of(0xfff8, false), [true, true, -1, -1]);
  // The octets after the header of a later fragment are no header.
  assert.deepEqual(of(8, true, DESTINATION), [true, true, -1, -1]);
  assert.deepEqual(of(8, true, 44), [true, true, -1, -1]);
  const first = [fragmentHeader(0, true), extension(DESTINATION, 2)];
  const view = seen(ip6({ extensions: first, protocol: 6, content: ports(7, 9) }))!;
  assert.deepEqual([view.protocol, view.sourcePort, view.isFragment], [6, 7, true]);
});

Deno.test("no octets at all can make the reader throw, hang or look outside", () => {
  const random = new SeededRandom(6);
  const view = new IpView();
  const numbers = [HOP_BY_HOP, ROUTING, DESTINATION, 44, 6, 17, 58, 135];
  let whole = 0;
  for (let run = 0; run < 100_000; run++) {
    const octets = random.below(120);
    const at = random.below(3);
    const buffer = random.octets(at + octets);
    if (octets > 48 && random.chance(0.9)) {
      // Octets that are almost a packet: version, lengths and chain are valid.
      const isV6 = random.chance(0.7);
      buffer[at] = isV6 ? 0x60 : 0x40 | 5 + random.below(6);
      buffer[at + (isV6 ? 4 : 2)] = 0;
      buffer[at + (isV6 ? 5 : 3)] = random.below(octets + 2);
      if (isV6) {
        buffer[at + 6] = random.pick(numbers);
        for (let i = 40; i + 1 < octets; i += 8) {
          buffer.set([random.pick(numbers), random.below(3)], at + i);
        }
      }
    }
    if (!view.read(buffer, at, octets)) continue;
    whole++;
    const end = at + view.total;
    assert.ok(end <= buffer.length && view.upper <= end && view.upper > at);
    assert.ok(view.destination + view.addressOctets <= view.upper && view.protocolAt < view.upper);
    assert.equal(buffer[view.protocolAt], view.protocol);
    if (view.isLaterFragment) assert.deepEqual([view.sourcePort, view.isFragment], [-1, true]);
    if (view.destinationPort >= 0) assert.ok(view.upper + 4 <= end);
    if (view.sourcePort >= 0) assert.ok(view.upper + 2 <= end);
  }
  assert.ok(whole > 10_000, `only ${whole} were packets`);
});

Deno.test("the longest chain that fits into a packet is walked to its end", () => {
  const extensions = Array.from({ length: 8000 }, () => extension(DESTINATION));
  const view = seen(ip6({ extensions, protocol: 17, content: ports(3, 4) }))!;
  assert.deepEqual([view.upper, view.sourcePort], [40 + 64_000, 3]);
});

const NAMES = ["Not-ECT", "ECT(1)", "ECT(0)", "CE"];
/** RFC 6040 figure 4: a line for each inner codepoint, a column for each outer one. */
const FIGURE_4: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "Not-ECT": { "Not-ECT": "Not-ECT", "ECT(0)": "Not-ECT", "ECT(1)": "Not-ECT", CE: "dropped" },
  "ECT(0)": { "Not-ECT": "ECT(0)", "ECT(0)": "ECT(0)", "ECT(1)": "ECT(1)", CE: "CE" },
  "ECT(1)": { "Not-ECT": "ECT(1)", "ECT(0)": "ECT(1)", "ECT(1)": "ECT(1)", CE: "CE" },
  CE: { "Not-ECT": "CE", "ECT(0)": "CE", "ECT(1)": "CE", CE: "CE" },
};

for (const [name, make] of [["IPv4", ip4], ["IPv6", ip6]] as const) {
  Deno.test(`${name}: what is left of ECN behind a tunnel, all of RFC 6040 figure 4`, () => {
    for (const [inner, innerName] of NAMES.entries()) {
      for (const [outer, outerName] of NAMES.entries()) {
        for (const dscp of [0, 0b101110, 0b111111]) {
          const packet = make({ trafficClass: dscp << 2 | inner, content: ports(1, 2) });
          const before = packet.slice();
          const wanted = FIGURE_4[innerName]![outerName]!;
          // The outer DSCP is ignored (RFC 4301 §5.1.2).
          const outcome = leaveTunnel(packet, 0, (~dscp & 0x3f) << 2 | outer);
          assert.equal(
            outcome,
            wanted === "dropped" ? "dropped" : "same",
            `${innerName} ${outerName}`,
          );
          const after = wanted === "dropped" ? inner : NAMES.indexOf(wanted);
          const same = make({ trafficClass: dscp << 2 | after, content: ports(1, 2) });
          assert.equal(toHex(packet), toHex(wanted === "dropped" ? before : same));
          assert.equal(trafficClass(packet, 0), dscp << 2 | after);
        }
      }
    }
  });
}

Deno.test("IPv6: ECN changes without the flow label beside it", () => {
  const packet = ip6({ trafficClass: 0b1011_1010 });
  packet.set([packet[1]! | 0xf, 0xed, 0xcb], 1);
  leaveTunnel(packet, 0, 3);
  assert.equal(toHex(packet.subarray(0, 4)), "6bbfedcb");
});

Deno.test("IPv4 may be cut unless DF is set, IPv6 never", () => {
  assert.equal(mustNotFragment(ip4({ fragment: 0x4000 }), 0), true);
  for (const fragment of [0, 0x8000, 0x2000, 0x3fff]) {
    assert.equal(mustNotFragment(ip4({ fragment }), 0), false);
  }
  assert.equal(mustNotFragment(ip6(), 0), true);
  assert.equal(mustNotFragment(concat(Uint8Array.of(1, 2), ip4({ fragment: 0x4000 })), 2), true);
});

Deno.test("checksums: the example of RFC 1071, odd octets, sums that carry twice", () => {
  const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  assert.equal(sumWords(example, 0, 8), 0x2ddf0);
  assert.equal(foldSum(0x2ddf0), ~0xddf2 & 0xffff);
  assert.equal(sumWords(Uint8Array.of(9, 1, 2, 3), 1, 3), 0x0102 + 0x0300);
  assert.equal(foldSum(0x1ffff), 0xfffe);
  assert.equal(foldSum(0), 0xffff);
  assert.equal(foldSum(0xffff), 0);
  // As many octets of ones as an IPv6 packet can have.
  const ones = new Uint8Array(65_575).fill(0xff);
  assert.equal(foldSum(sumWords(ones, 0, 65_574)), 0);
});

Deno.test("checksums: header by header as in the captures", () => {
  let headers = 0;
  for (const name of captureNames()) {
    const file = new URL(`../../vectors/captures/${name}/cap.pcap`, import.meta.url);
    for (const packet of readIpPackets(Deno.readFileSync(file))) {
      if (packet[0]! >> 4 !== 4) continue;
      const again = packet.slice();
      again.set([0x12, 0x34], 10);
      writeHeaderChecksum(again, 0);
      assert.equal(toHex(again), toHex(packet));
      headers++;
    }
  }
  assert.ok(headers > 400, `${headers}`);
  // With options, the header's own length counts.
  const packet = ip4({ options: [0x94, 4, 0, 0], from: "10.0.0.1", to: "10.0.0.2" });
  assert.equal(foldSum(sumWords(packet, 0, 24)), 0);
  assert.notEqual(foldSum(sumWords(packet, 0, 20)), 0);
  assert.equal(toHex(packet.subarray(12, 16)), toHex(address("10.0.0.1")));
});
