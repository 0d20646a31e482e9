import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { IpView } from "@/esp/ip_packet.ts";
import { type SelectorRange, SelectorSet } from "@/esp/selector.ts";
import { address, extension, fragmentHeader, icmp, ip4, ip6, ports } from "./_packets.ts";

/** Parts of a selector; absent: any. */
interface Wish {
  readonly protocol?: number;
  readonly ports?: readonly [number, number];
}

const ANY: readonly [number, number] = [0, 0xffff];
const OPAQUE: readonly [number, number] = [0xffff, 0];

function range(first: string, last: string, wish: Wish = {}): SelectorRange {
  const { protocol = 0, ports: [startPort, endPort] = ANY } = wish;
  return { first: address(first), last: address(last), protocol, startPort, endPort };
}

/** Whether the packet may be sent by these selectors; the other end must accept it by the same ones. */
function holds(
  own: readonly SelectorRange[],
  peer: readonly SelectorRange[],
  packet: Uint8Array,
): boolean {
  const view = new IpView();
  assert.ok(view.read(packet, 0, packet.length));
  const out = new SelectorSet(own, peer).matchesOutbound(packet, view);
  assert.equal(new SelectorSet(peer, own).matchesInbound(packet, view), out);
  return out;
}

const OWN = range("10.0.0.0", "10.0.0.255");
const PEER = range("10.1.0.5", "10.2.255.250");

function udp(from: string, to: string, source = 1000, destination = 53): Uint8Array {
  return ip4({ from, to, content: ports(source, destination) });
}

Deno.test("addresses: from the first to the last of a range, and none beside", () => {
  for (
    const [from, to, wanted] of [
      ["10.0.0.0", "10.1.0.5", true],
      ["10.0.0.255", "10.2.255.250", true],
      ["10.0.0.77", "10.1.255.255", true],
      ["9.255.255.255", "10.1.0.5", false],
      ["10.0.1.0", "10.1.0.5", false],
      ["10.0.0.0", "10.1.0.4", false],
      ["10.0.0.0", "10.2.255.251", false],
      ["10.1.0.5", "10.0.0.0", false],
      ["10.0.0.1", "10.0.0.1", false],
    ] as const
  ) {
    assert.equal(holds([OWN], [PEER], udp(from, to)), wanted, `${from} ${to}`);
  }
});

Deno.test("addresses: the upper half of IPv4 is no negative number", () => {
  const own = range("127.255.255.255", "200.0.0.0");
  const peer = range("0.0.0.0", "255.255.255.255");
  for (const from of ["127.255.255.255", "128.0.0.0", "200.0.0.0"]) {
    assert.equal(holds([own], [peer], udp(from, "255.255.255.255")), true, from);
  }
  for (const from of ["127.255.255.254", "200.0.0.1", "0.0.0.0", "255.255.255.255"]) {
    assert.equal(holds([own], [peer], udp(from, "1.1.1.1")), false, from);
  }
});

Deno.test("addresses: ranges of IPv6 are compared octet by octet, all 16", () => {
  const own = range("2001:db8::ffff:0", "2001:db8:0:1::10");
  const peer = range("::", "ffff:".repeat(7) + "ffff");
  const from = (text: string) => holds([own], [peer], ip6({ from: text, content: ports(1, 2) }));
  for (
    const inside of ["2001:db8::ffff:0", "2001:db8:0:1::10", "2001:db8::1:0:0:0", "2001:db8:0:1::"]
  ) {
    assert.equal(from(inside), true, inside);
  }
  for (
    const outside of [
      "2001:db8::fffe:ffff",
      "2001:db8:0:1::11",
      "2001:db7:ffff::",
      "2001:db8:1::",
      "::",
    ]
  ) {
    assert.equal(from(outside), false, outside);
  }
});

Deno.test("addresses: IPv6 at random, against numbers of 128 bits", () => {
  const random = new SeededRandom(128);
  const view = new IpView();
  const big = (octets: Uint8Array) => octets.reduce((sum, octet) => sum << 8n | BigInt(octet), 0n);
  const all = range("::", "ffff:".repeat(7) + "ffff");
  let held = 0;
  for (let run = 0; run < 3000; run++) {
    // The first octets are equal, so that later ones decide.
    const same = random.below(16);
    const base = random.octets(16);
    const near = () => {
      const octets = random.octets(16);
      octets.set(base.subarray(0, same));
      return octets;
    };
    const [first, last] = [near(), near()].sort((a, b) => big(a) < big(b) ? -1 : 1);
    const packet = ip6({ content: ports(1, 2) });
    const source = near();
    packet.set(source, 8);
    view.read(packet, 0, packet.length);
    const own = { ...all, first: first!, last: last! };
    const wanted = big(source) >= big(first!) && big(source) <= big(last!);
    assert.equal(new SelectorSet([own], [all]).matchesOutbound(packet, view), wanted);
    if (wanted) held++;
  }
  assert.ok(held > 500 && held < 2500, `${held}`);
});

Deno.test("addresses: a packet of one family is not for selectors of the other", () => {
  const all4 = range("0.0.0.0", "255.255.255.255");
  const all6 = range("::", "ffff:".repeat(7) + "ffff");
  const four = udp("10.0.0.1", "10.1.1.1");
  const six = ip6({ content: ports(1, 2) });
  assert.deepEqual([holds([all6], [all6], four), holds([all4], [all4], six)], [false, false]);
  assert.deepEqual([holds([all4, all6], [all6, all4], four), holds([all6], [all6], six)], [
    true,
    true,
  ]);
});

Deno.test("protocols: the one that is named, or any; the upper one, not an extension header", () => {
  const tcp = range("10.0.0.0", "10.0.0.255", { protocol: 6 });
  assert.equal(holds([tcp], [PEER], udp("10.0.0.1", "10.1.1.1")), false);
  const packet = ip4({ from: "10.0.0.1", to: "10.1.1.1", protocol: 6, content: ports(1, 2) });
  assert.equal(holds([tcp], [PEER], packet), true);
  assert.equal(holds([OWN], [{ ...PEER, protocol: 17 }], packet), false);
  assert.equal(holds([OWN], [{ ...PEER, protocol: 6 }], packet), true);
  const all = (protocol: number) => range("::", "ffff:".repeat(7) + "ffff", { protocol });
  const chain = ip6({
    extensions: [extension(0), extension(60)],
    protocol: 6,
    content: ports(1, 2),
  });
  assert.deepEqual([6, 60, 17].map((number) => holds([all(number)], [all(0)], chain)), [
    true,
    false,
    false,
  ]);
});

Deno.test("ports: those of each end against the selectors of that end", () => {
  const own = { ...OWN, protocol: 17, startPort: 1000, endPort: 2000 };
  const peer = { ...PEER, protocol: 17, startPort: 53, endPort: 53 };
  const of = (source: number, destination: number) =>
    holds([own], [peer], udp("10.0.0.1", "10.1.1.1", source, destination));
  assert.deepEqual([of(1000, 53), of(2000, 53), of(1500, 53)], [true, true, true]);
  assert.deepEqual([of(999, 53), of(2001, 53), of(1500, 52), of(1500, 54)], [
    false,
    false,
    false,
    false,
  ]);
  assert.equal(of(53, 1500), false);
  // Packets in the other direction have them exchanged.
  const back = udp("10.1.1.1", "10.0.0.1", 53, 1500);
  const view = new IpView();
  view.read(back, 0, back.length);
  assert.equal(new SelectorSet([own], [peer]).matchesInbound(back, view), true);
  assert.equal(new SelectorSet([own], [peer]).matchesOutbound(back, view), false);
  const wrong = udp("10.1.1.1", "10.0.0.1", 1500, 53);
  view.read(wrong, 0, wrong.length);
  assert.equal(new SelectorSet([own], [peer]).matchesInbound(wrong, view), false);
});

Deno.test("ports: a port of 0 is a port, and 65535 is one", () => {
  const of = (start: number, end: number, port: number) =>
    holds([{ ...OWN, startPort: start, endPort: end }], [PEER], udp("10.0.0.1", "10.1.1.1", port));
  assert.deepEqual([of(0, 0, 0), of(0, 0, 1), of(0xffff, 0xffff, 0xffff)], [true, false, true]);
  assert.deepEqual([of(1, 0xffff, 0), of(0, 0xfffe, 0xffff)], [false, false]);
});

Deno.test("fragments: only the first shows ports; a later one goes where ports are any or OPAQUE", () => {
  const wish = { from: "10.0.0.1", to: "10.1.1.1", content: ports(1000, 53) };
  const first = ip4({ ...wish, fragment: 0x2000 });
  const later = ip4({ ...wish, fragment: 0x2001 });
  const of = (range: readonly [number, number], packet: Uint8Array) =>
    holds([{ ...OWN, startPort: range[0], endPort: range[1] }], [PEER], packet);
  assert.deepEqual([of(ANY, first), of([1000, 1000], first), of(OPAQUE, first)], [
    true,
    true,
    false,
  ]);
  assert.deepEqual([of(ANY, later), of([1000, 1000], later), of(OPAQUE, later)], [
    true,
    false,
    true,
  ]);
  assert.deepEqual([of([0, 0], later), of([0, 0xfffe], later)], [false, false]);
  const all = range("::", "ffff:".repeat(7) + "ffff");
  const six = ip6({ extensions: [fragmentHeader(8, true)], content: ports(1000, 53) });
  assert.equal(holds([{ ...all, startPort: 0xffff, endPort: 0 }], [all], six), true);
  assert.equal(holds([{ ...all, startPort: 1000, endPort: 1000 }], [all], six), false);
});

Deno.test("OPAQUE: packets of protocols without ports, and those cut before them", () => {
  const opaque = { ...OWN, startPort: 0xffff, endPort: 0 };
  const of = (protocol: number, content: Uint8Array) =>
    holds([opaque], [PEER], ip4({ from: "10.0.0.1", to: "10.1.1.1", protocol, content }));
  assert.deepEqual([of(47, ports(1, 2)), of(17, ports(1, 2).subarray(0, 2))], [true, true]);
  assert.deepEqual([of(17, ports(1, 2)), of(1, icmp(8, 0))], [false, false]);
});

Deno.test("ICMP: type and code against the selectors of both ends (RFC 4301 §4.4.1.1)", () => {
  const of = (
    [own, peer]: readonly [readonly [number, number], readonly [number, number]],
    type: number,
    code: number,
  ) => {
    const [ours, theirs] = [[OWN, own], [PEER, peer]] as const;
    const with1 = ([base, [startPort, endPort]]: typeof ours | typeof theirs) => [
      { ...base, protocol: 1, startPort, endPort },
    ];
    const packet = ip4({
      from: "10.0.0.1",
      to: "10.1.1.1",
      protocol: 1,
      content: icmp(type, code),
    });
    return holds(with1(ours), with1(theirs), packet);
  };
  const echo: readonly [number, number] = [0x0800, 0x0800];
  assert.deepEqual([of([ANY, ANY], 8, 0), of([echo, echo], 8, 0)], [true, true]);
  assert.deepEqual([of([echo, ANY], 8, 0), of([ANY, echo], 8, 0)], [true, true]);
  assert.deepEqual([of([echo, ANY], 0, 0), of([ANY, echo], 0, 0)], [false, false]);
  assert.deepEqual([of([echo, echo], 8, 1), of([ANY, echo], 8, 1)], [false, false]);
  // All codes of one type; one code of it.
  const unreachable: readonly [number, number] = [0x0300, 0x03ff];
  assert.deepEqual([of([unreachable, ANY], 3, 0), of([unreachable, ANY], 3, 255)], [true, true]);
  assert.deepEqual([of([unreachable, ANY], 2, 255), of([ANY, unreachable], 4, 0)], [false, false]);
});

Deno.test("ICMP: a later fragment shows no type, though octets are there", () => {
  const echo = { ...OWN, protocol: 1, startPort: 0x0800, endPort: 0x0800 };
  const wish = { from: "10.0.0.1", to: "10.1.1.1", protocol: 1, content: icmp(8, 0) };
  assert.equal(holds([echo], [PEER], ip4({ ...wish, fragment: 0x2000 })), true);
  assert.equal(holds([echo], [PEER], ip4({ ...wish, fragment: 0x0005 })), false);
  assert.equal(holds([{ ...OWN, protocol: 1 }], [PEER], ip4({ ...wish, fragment: 5 })), true);
});

Deno.test("mobility headers: the type stands for both ends", () => {
  const all = range("::", "ffff:".repeat(7) + "ffff", { protocol: 135 });
  const update = { ...all, startPort: 0x0500, endPort: 0x05ff };
  const of = (type: number) =>
    ip6({ protocol: 135, content: Uint8Array.of(59, 0, type, 0, 0, 0, 0, 0) });
  assert.deepEqual([holds([update], [all], of(5)), holds([all], [update], of(5))], [true, true]);
  assert.deepEqual([holds([update], [all], of(6)), holds([all], [update], of(6))], [false, false]);
});

Deno.test("several selectors: one of them must hold each end, no matter which", () => {
  const own = [range("10.0.0.1", "10.0.0.1"), range("10.0.0.9", "10.0.0.9")];
  const peer = [range("10.1.0.0", "10.1.0.0"), range("10.3.0.0", "10.3.255.255")];
  assert.equal(holds(own, peer, udp("10.0.0.9", "10.3.1.1")), true);
  assert.equal(holds(own, peer, udp("10.0.0.1", "10.3.1.1")), true);
  assert.equal(holds(own, peer, udp("10.0.0.5", "10.3.1.1")), false);
  assert.equal(holds(own, peer, udp("10.0.0.9", "10.2.0.0")), false);
  // Address and ports of one selector belong together.
  const mixed = [
    { ...own[0]!, startPort: 1, endPort: 1 },
    { ...own[1]!, startPort: 2, endPort: 2 },
  ];
  assert.equal(holds(mixed, peer, udp("10.0.0.9", "10.3.1.1", 2)), true);
  assert.equal(holds(mixed, peer, udp("10.0.0.9", "10.3.1.1", 1)), false);
  assert.equal(holds([], peer, udp("10.0.0.9", "10.3.1.1")), false);
});
