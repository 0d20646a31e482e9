import assert from "node:assert/strict";
import { parseAddress, type Path, showEndpoint } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import type { SaKeys, SaPair, Selector } from "@/datapath/data_path.ts";
import { UserlandDataPath } from "@/datapath/userland.ts";
import type { EspCarrier, EspOrigin } from "@/esp/carrier.ts";
import { foldSum, sumWords, writeHeaderChecksum } from "@/esp/ip_packet.ts";

const [A, B] = ["192.0.2.1", "192.0.2.2"].map((text) => parseAddress(text)!) as [
  Uint8Array,
  Uint8Array,
];
const GCM = { protocol: 3, encryption: 20, keyBits: 128, integrity: 0, esn: false };

/** Two data paths that are peers of each other, whose packets wait in a list. */
class Bench {
  readonly sent: { readonly to: "a" | "b"; readonly packet: Uint8Array }[] = [];
  readonly got: { a: Uint8Array[]; b: Uint8Array[] } = { a: [], b: [] };
  readonly told: string[] = [];
  readonly #doors = new Map<string, EspCarrier>();
  readonly a = this.#open("a");
  readonly b = this.#open("b");

  #open(name: "a" | "b"): UserlandDataPath {
    const door: EspCarrier = {
      receiver: undefined,
      send: (packet) =>
        void this.sent.push({ to: name === "a" ? "b" : "a", packet: packet.slice() }),
      flush: () => {},
    };
    const path = new UserlandDataPath({
      crypto: { backend: portableBackend(), shim: undefined, random: (n) => new Uint8Array(n) },
      listener: {
        acquired: () => {},
        expired: (spi, hard) => void this.told.push(`${name} expired ${spi} ${hard}`),
        peerMoved: (spi, address, port) =>
          void this.told.push(`${name} moved ${spi} ${showEndpoint(address, port)}`),
        refused: (spi, why) => void this.told.push(`${name} refused ${spi}: ${why}`),
        note: (level, text) => void this.told.push(`${name} note ${level}: ${text}`),
      },
      udp: door,
      raw: undefined,
      system: undefined,
      pathMtu: () => 1500,
      closed: () => {},
    });
    path.inner.receiver = (packet) => {
      this.got[name].push(packet.slice());
      return true;
    };
    this.#doors.set(name, door);
    return path;
  }

  /** Delivers the packets that were sent. */
  carry(change: (packet: Uint8Array) => Uint8Array[] = (packet) => [packet]): void {
    for (const { to, packet } of this.sent.splice(0)) {
      for (const octets of change(packet)) this.arrive(to, octets);
    }
  }

  arrive(to: "a" | "b", octets: Uint8Array, from?: EspOrigin): void {
    const receiver = this.#doors.get(to)!.receiver!;
    receiver.packet(octets, 0, octets.length, 0, from);
    receiver.batchEnds();
  }
}

function selector(first: string, last = first): Selector {
  const [from, to] = [parseAddress(first)!, parseAddress(last)!];
  return { first: from, last: to, protocol: 0, startPort: 0, endPort: 65_535 };
}

function keys(from: number): SaKeys {
  const encryption = Uint8Array.from({ length: 20 }, (_, i) => from + i);
  return { encryption, integrity: new Uint8Array(0) };
}

/** The CHILD_SA as each end has it. */
function pairs(number: number, change: Partial<SaPair> = {}): { a: SaPair; b: SaPair } {
  const path: Path = { ownAddress: A, ownPort: 4500, peerAddress: B, peerPort: 4500 };
  const ownSelectors = [selector("10.0.0.1")];
  const peerSelectors = [selector("10.0.1.1")];
  const common = {
    rekeyChain: 1,
    suite: GCM,
    tunnelMode: true,
    encapsulation: "udp" as const,
    replayWindow: 64,
    noTfcPadding: false,
    ...change,
  };
  const [toA, toB] = [keys(number), keys(100 + number)];
  const spis = [2 * number, 2 * number + 1];
  const a: SaPair = {
    ...common,
    spiIn: spis[0]!,
    spiOut: spis[1]!,
    keysIn: toA,
    keysOut: toB,
    path,
    ownSelectors,
    peerSelectors,
  };
  const back = { ownAddress: B, ownPort: 4500, peerAddress: A, peerPort: 4500 };
  const b: SaPair = {
    ...common,
    spiIn: spis[1]!,
    spiOut: spis[0]!,
    keysIn: toB,
    keysOut: toA,
    path: back,
    ownSelectors: peerSelectors,
    peerSelectors: ownSelectors,
  };
  return { a, b };
}

function install(bench: Bench, number: number, change: Partial<SaPair> = {}): void {
  const { a, b } = pairs(number, change);
  bench.a.installIn(a);
  bench.a.installOut(a);
  bench.b.installIn(b);
  bench.b.installOut(b);
}

/** An ICMP echo request with so many octets. */
function echo(from: string, to: string, octets = 56): Uint8Array {
  const packet = new Uint8Array(28 + octets);
  packet.set([0x45, 0, packet.length >> 8, packet.length & 255, 0, 1, 0, 0, 64, 1]);
  packet.set(parseAddress(from)!, 12);
  packet.set(parseAddress(to)!, 16);
  packet.set([8, 0, 0, 0, 0, 7, 0, 1], 20);
  for (let i = 28; i < packet.length; i++) packet[i] = i;
  writeHeaderChecksum(packet, 0);
  const sum = foldSum(sumWords(packet, 20, packet.length - 20));
  packet.set([sum >> 8, sum & 255], 22);
  return packet;
}

Deno.test("userland: what goes in at one end comes out at the other, both ways, and is counted", () => {
  const bench = new Bench();
  install(bench, 300);
  const there = echo("10.0.0.1", "10.0.1.1");
  const back = echo("10.0.1.1", "10.0.0.1", 9);
  assert.equal(bench.a.inner.send([there]), 0);
  assert.equal(bench.sent.length, 1);
  assert.notDeepEqual(bench.sent[0]!.packet.subarray(16, 16 + there.length), there);
  bench.carry();
  assert.equal(bench.b.inner.send([back]), 0);
  bench.carry();
  assert.deepEqual(bench.got, { a: [back], b: [there] });
  const counted = { packetsIn: 1, octetsIn: 84, packetsOut: 1, octetsOut: 37 };
  assert.deepEqual(bench.b.counters(601), counted);
});

Deno.test("userland: only what is authentic and new is a sign of life of the peer", () => {
  const bench = new Bench();
  install(bench, 300);
  assert.deepEqual([bench.b.silenceMs(601), bench.b.silenceMs(5)], [undefined, undefined]);
  bench.a.inner.send([echo("10.0.0.1", "10.0.1.1")]);
  const [packet] = bench.sent.map(({ packet }) => packet);
  const forged = packet!.slice();
  forged[forged.length - 1]! ^= 1;
  bench.arrive("b", forged);
  assert.equal(bench.b.silenceMs(601), undefined, "a wrong ICV");
  bench.carry();
  assert.ok(bench.b.silenceMs(601)! < 1_000);
  const now = Date.now;
  try {
    Date.now = () => now() + 60_000;
    bench.arrive("b", packet!);
    assert.ok(bench.b.silenceMs(601)! >= 60_000, "a replay");
  } finally {
    Date.now = now;
  }
});

Deno.test("userland: packets that no selector holds are not sent, and not taken from a peer", () => {
  const bench = new Bench();
  install(bench, 300);
  const other = echo("10.0.0.2", "10.0.1.1");
  assert.equal(bench.a.inner.send([other]), 1);
  assert.deepEqual([bench.sent.length, bench.a.drops.noSa], [0, 1]);
  // A peer that is less strict.
  const wide = pairs(300, {}).a;
  bench.a.uninstall(600);
  bench.a.installOut({ ...wide, ownSelectors: [selector("10.0.0.0", "10.0.0.255")] });
  assert.equal(bench.a.inner.send([other]), 0);
  bench.carry();
  assert.deepEqual([bench.got.b.length, bench.b.drops.wrongSelectors], [0, 1]);
});

Deno.test("userland: replays, forgeries and strangers cost a counter each", () => {
  const bench = new Bench();
  install(bench, 300);
  bench.a.inner.send([echo("10.0.0.1", "10.0.1.1")]);
  bench.carry((packet) => {
    const forged = packet.slice();
    const stranger = packet.slice();
    forged[forged.length - 1]! ^= 1;
    stranger[3]! ^= 1;
    const copy = packet.slice();
    return [forged, packet.slice(0, 7), packet.slice(0, 30), stranger, packet, copy];
  });
  const { truncated, badIcv, unknownSpi, replayed } = bench.b.drops;
  assert.deepEqual({ truncated, badIcv, unknownSpi, replayed }, {
    truncated: 2,
    badIcv: 1,
    unknownSpi: 1,
    replayed: 1,
  });
  assert.equal(bench.got.b.length, 1);
});

Deno.test("userland: where a peer's packets come from is told, of authentic ones and once for a place", () => {
  const bench = new Bench();
  const address = parseAddress("192.0.2.9")!;
  install(bench, 300);
  const next = () => {
    bench.a.inner.send([echo("10.0.0.1", "10.0.1.1")]);
    return bench.sent.pop()!.packet;
  };
  bench.arrive("b", next(), { address: A, port: 4500 });
  const forged = next();
  forged[20]! ^= 1;
  bench.arrive("b", forged, { address, port: 4500 });
  const replayed = next();
  bench.arrive("b", replayed.slice(), { address: A, port: 4500 });
  bench.arrive("b", replayed, { address, port: 4500 });
  assert.deepEqual(bench.told, []);
  bench.arrive("b", next(), { address, port: 4500 });
  bench.arrive("b", next(), { address, port: 4500 });
  bench.arrive("b", next(), { address: A, port: 4501 });
  assert.deepEqual(bench.told, ["b moved 601 192.0.2.9:4500", "b moved 601 192.0.2.1:4501"]);
  const path = { ownAddress: B, ownPort: 4500, peerAddress: A, peerPort: 4501 };
  bench.b.move(601, path, "udp");
  bench.arrive("b", next(), { address: A, port: 4501 });
  assert.equal(bench.told.length, 2);
  bench.arrive("b", next(), { address: A, port: 4502 });
  assert.equal(bench.told.at(-1), "b moved 601 192.0.2.1:4502");
});

Deno.test("userland: a rekeyed CHILD_SA sends by the new SA, takes by both, and goes back where it must", () => {
  const bench = new Bench();
  const packet = echo("10.0.0.1", "10.0.1.1");
  install(bench, 300);
  bench.a.inner.send([packet]);
  const { a, b } = pairs(400);
  bench.b.installIn(b);
  bench.a.installIn(a);
  bench.a.inner.send([packet]);
  bench.a.installOut(a);
  bench.a.inner.send([packet]);
  const spis = bench.sent.map(({ packet }) =>
    new DataView(packet.buffer, packet.byteOffset).getUint32(0)
  );
  assert.deepEqual(spis, [601, 601, 801]);
  bench.carry();
  assert.equal(bench.got.b.length, 3);
  bench.a.uninstall(800);
  assert.equal(bench.a.inner.send([packet]), 0);
  assert.equal(
    new DataView(bench.sent[0]!.packet.buffer, bench.sent[0]!.packet.byteOffset).getUint32(0),
    601,
  );
  bench.a.uninstall(600);
  assert.equal(bench.a.inner.send([packet]), 1);
});

Deno.test("userland: what does not fit goes in fragments, or its sender is told how much would", () => {
  const bench = new Bench();
  const large = echo("10.0.0.1", "10.0.1.1", 3000);
  install(bench, 300);
  bench.a.inner.send([large]);
  assert.equal(bench.sent.length, 3);
  for (const { packet } of bench.sent) assert.ok(packet.length + 28 <= 1500);
  bench.carry();
  assert.equal(bench.got.b.length, 3);
  const whole = large.slice();
  whole[6] = 0x40;
  writeHeaderChecksum(whole, 0);
  bench.a.inner.send([whole]);
  assert.equal(bench.sent.length, 0);
  const [told] = bench.got.a;
  const mtu = told![26]! << 8 | told![27]!;
  assert.deepEqual([told![20], told![21]], [3, 4]);
  const fits = echo("10.0.0.1", "10.0.1.1", mtu - 28);
  const more = echo("10.0.0.1", "10.0.1.1", mtu - 27);
  for (const packet of [fits, more]) packet[6] = 0x40;
  bench.a.inner.send([fits, more]);
  assert.equal(bench.sent.length, 1);
  assert.equal(bench.a.drops.tooBig, 2);
});

Deno.test("userland: transport mode carries what is behind the header, which is made anew", () => {
  const bench = new Bench();
  const own = [selector("192.0.2.1")];
  const peer = [selector("192.0.2.2")];
  const { a, b } = pairs(300, { tunnelMode: false });
  const sides = {
    a: { ...a, ownSelectors: own, peerSelectors: peer },
    b: { ...b, ownSelectors: peer, peerSelectors: own },
  };
  for (const side of ["a", "b"] as const) {
    bench[side].installIn(sides[side]);
    bench[side].installOut(sides[side]);
  }
  const packet = echo("192.0.2.1", "192.0.2.2");
  bench.a.inner.send([packet]);
  assert.equal(bench.sent[0]!.packet.length, 8 + 8 + 64 + 4 + 16);
  bench.carry();
  assert.deepEqual(bench.got.b[0]!.subarray(20), packet.subarray(20));
  assert.deepEqual(bench.got.b[0]!.subarray(12, 20), packet.subarray(12, 20));
});

Deno.test("userland: what it cannot carry is refused by name", () => {
  const bench = new Bench();
  const ah = pairs(300, { suite: { ...GCM, protocol: 2, encryption: 0, integrity: 12 } });
  bench.a.installIn(ah.a);
  bench.a.installIn(pairs(400, { encapsulation: "none" }).a);
  assert.deepEqual(bench.told, []);
  bench.a.flush();
  assert.match(bench.told[0]!, /a refused 600: .*no AH/);
  assert.match(bench.told[1]!, /a refused 800: .*raw socket.*tradtionalencapforceudp/);
});

/** The same CHILD_SA at both ends with IP-TFS. */
function aggregated(bench: Bench, change: Partial<NonNullable<SaPair["aggfrag"]>> = {}): void {
  const aggfrag = { fragments: true, payloadOctets: 200, rate: 0, ...change };
  const { a, b } = pairs(1, { aggfrag });
  for (const [path, pair] of [[bench.a, a], [bench.b, b]] as const) {
    path.installIn(pair);
    path.installOut(pair);
    path.flush();
  }
}

Deno.test("IP-TFS: packets share payloads, large ones are in several, and all arrive", async () => {
  const bench = new Bench();
  aggregated(bench);
  const all = [40, 60, 900, 30, 1_400].map((octets) => echo("10.0.0.1", "10.0.1.1", octets));
  assert.equal(bench.a.inner.send(all), 0);
  assert.ok(bench.sent.length > 10 && bench.sent.every(({ packet }) => packet.length < 260));
  const payloads = bench.sent.length;
  bench.carry();
  const { payloadsOut, paddingOut } = bench.a.totals();
  const counted = [payloadsOut, paddingOut, bench.b.totals().payloadsIn];
  assert.deepEqual(counted, [payloads, 0, payloads]);
  assert.deepEqual(bench.got.b, all);
  assert.equal(bench.b.counters(3)!.packetsIn, all.length);
  await bench.a.close();
  await bench.b.close();
});

Deno.test("IP-TFS: an end that takes no fragments gets none; what does not fit is in IP fragments", async () => {
  const bench = new Bench();
  aggregated(bench, { fragments: false });
  bench.a.inner.send([echo("10.0.0.1", "10.0.1.1", 100), echo("10.0.0.1", "10.0.1.1", 500)]);
  bench.carry();
  assert.ok(bench.got.b.length > 3);
  assert.ok(bench.got.b.every((one) => one.length <= 196));
  assert.deepEqual(bench.b.totals().drops, {});
  await bench.a.close();
  await bench.b.close();
});

Deno.test("IP-TFS: a CHILD_SA with it takes no other packets, and one without it no payloads", async () => {
  const [bench, other] = [new Bench(), new Bench()];
  aggregated(bench);
  const plain = pairs(1);
  other.a.installIn(plain.a);
  other.a.installOut(plain.a);
  other.b.installIn(plain.b);
  const one = echo("10.0.0.1", "10.0.1.1", 60);
  bench.a.inner.send([one]);
  other.a.inner.send([one]);
  const [payload, alone] = [bench.sent.splice(0)[0]!, other.sent.splice(0)[0]!];
  bench.arrive("b", alone.packet);
  other.arrive("b", payload.packet);
  assert.deepEqual([bench.b.totals().drops, other.b.totals().drops], [{ badInner: 1 }, {
    badInner: 1,
  }]);
  for (const path of [bench.a, bench.b, other.a, other.b]) await path.close();
});

Deno.test("IP-TFS: at a constant rate payloads of one size leave, with packets and without", async () => {
  const bench = new Bench();
  aggregated(bench, { rate: 1_000 });
  const one = echo("10.0.0.1", "10.0.1.1", 60);
  bench.a.inner.send([one]);
  assert.equal(bench.sent.length, 0, "the rate says when");
  while (bench.sent.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(new Set(bench.sent.map(({ packet }) => packet.length)).size, 1);
  const payloads = bench.sent.filter(({ to }) => to === "b").length;
  const { paddingOut, payloadsOut } = bench.a.totals();
  // Each payload has 200 octets with the header of 4; one of them has the packet.
  assert.deepEqual([payloadsOut, paddingOut], [payloads, payloads * 196 - one.length]);
  bench.carry();
  assert.deepEqual(bench.got.b, [one]);
  assert.deepEqual(bench.b.totals().drops, {});
  await bench.a.close();
  await bench.b.close();
});

/** Waits until so many packets of an SPI were sent, or for two seconds. */
async function sentBy(bench: Bench, spi: number, count: number): Promise<boolean> {
  const has = () => bench.sent.filter(({ packet }) => packet[3] === spi).length >= count;
  for (let i = 0; i < 400 && !has(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  return has();
}

Deno.test("IP-TFS: payloads of a constant rate leave without any packet, and after a rekey", async () => {
  const bench = new Bench();
  aggregated(bench, { rate: 1_000 });
  assert.ok(await sentBy(bench, 3, 5), "no packet was sent yet");
  const aggfrag = { fragments: true, payloadOctets: 200, rate: 1_000 };
  const { a } = pairs(5, { aggfrag });
  bench.a.installIn(a);
  bench.a.installOut(a);
  bench.a.uninstall(2);
  bench.sent.length = 0;
  assert.ok(await sentBy(bench, 11, 5), "the SA of the rekey has sent no packet yet");
  await bench.a.close();
  await bench.b.close();
});

Deno.test("IP-TFS: IP fragments for which the queue has no room are counted", async () => {
  const bench = new Bench();
  aggregated(bench, { fragments: false, rate: 1 });
  // Each packet is in eight fragments, and 4,096 packets may wait.
  const one = echo("10.0.0.1", "10.0.1.1", 1_400);
  bench.a.inner.send(Array.from({ length: 600 }, () => one));
  const { queueFull } = bench.a.totals().drops as { queueFull?: number };
  assert.ok(queueFull !== undefined && queueFull >= 600 * 8 - 4_096, `${queueFull}`);
  await bench.a.close();
  await bench.b.close();
});

Deno.test("IP-TFS: in TCP payloads of no given size are as long as those that a path takes", async () => {
  const bench = new Bench();
  const aggfrag = { fragments: true, payloadOctets: 0, rate: 1_000 };
  const { a } = pairs(1, { aggfrag, encapsulation: "tcp" });
  bench.a.installIn(a);
  bench.a.installOut(a);
  assert.ok(await sentBy(bench, 3, 2));
  assert.ok(bench.sent.every(({ packet }) => packet.length >= 1_400 && packet.length < 1_500));
  await bench.a.close();
  await bench.b.close();
});

Deno.test("IP-TFS: that payloads have no room for IPv6, and may not be in fragments, is told once", async () => {
  const bench = new Bench();
  const { a } = pairs(1, { aggfrag: { fragments: false, payloadOctets: 300, rate: 0 } });
  const [ownSelectors, peerSelectors] = [[selector("fd01::1")], [selector("fd02::1")]];
  const pair = { ...a, ownSelectors, peerSelectors };
  bench.a.installIn(pair);
  bench.a.installOut(pair);
  const packet = new Uint8Array(1_280);
  packet.set([0x60, 0, 0, 0, 1_240 >> 8, 1_240 & 255, 59, 64]);
  packet.set(parseAddress("fd01::1")!, 8);
  packet.set(parseAddress("fd02::1")!, 24);
  bench.a.inner.send([packet, packet]);
  assert.equal(bench.told.length, 1, bench.told.join("\n"));
  assert.match(
    bench.told[0]!,
    /IPv6 packets of more than 296 octets: .*iptfsfragments.*needs 1284/,
  );
  assert.deepEqual(bench.a.totals().drops, { tooBig: 2 });
  await bench.a.close();
  await bench.b.close();
});
