/** Properties of the native transport alone. The receive buffer of the portable one is that of the system. */
import assert from "node:assert/strict";
import type { Path } from "@/base/address.ts";
import type { Transport, UdpOptions } from "@/transport/transport.ts";
import { at, inboxOf, loopbacks, pause, VARIANTS, way } from "./_variants.ts";

const ROOT = Deno.uid() === 0;
const V4 = at("127.0.0.1");
const SECOND = at("127.0.1.7");
const native = VARIANTS.find((variant) => variant.name === "native");

function test(
  name: string,
  run: (open: NonNullable<typeof native>["open"]) => Promise<void>,
): void {
  Deno.test({
    name: native ? `native: ${name}` : `native: ${name} (left out: the shim is not built)`,
    ignore: !native,
    fn: () => run(native!.open),
  });
}

test("a burst as large as tunnels may be on their way is not lost", async (open) => {
  const a = open({ ownAddresses: [V4], ikePort: 0 });
  const b = open({ ownAddresses: [SECOND], ikePort: 0 });
  // Each tunnel has one message in flight; without privileges the system limits the buffer.
  const count = ROOT ? 5000 : b.halfOpenMax;
  assert.ok(b.halfOpenMax > 64);
  const inbox = inboxOf(b);
  const path = way(a, V4, b, SECOND);
  for (let i = 0; i < count; i++) {
    const octets = new Uint8Array(ROOT ? 500 : 1000);
    new DataView(octets.buffer, octets.byteOffset).setUint32(0, i);
    a.send(octets, path);
  }
  a.flush();
  await inbox.reach(count);
  const numbers = inbox.all.map(({ octets }) =>
    new DataView(octets.buffer, octets.byteOffset).getUint32(0)
  );
  assert.deepEqual(numbers, Array.from({ length: count }, (_, i) => i));
  assert.equal(a.counters.sent, count);
  assert.equal(b.counters.received, count);
  assert.equal(b.counters.receiveDrops, 0);
  await Promise.all([a.close(), b.close()]);
});

test("what a full receive buffer loses is counted", async (open) => {
  const a = open({ ownAddresses: [V4], ikePort: 0 });
  const b = open({ ownAddresses: [SECOND], ikePort: 0, receiveBufferOctets: 8192 });
  const path = way(a, V4, b, SECOND);
  for (let i = 0; i < 200; i++) a.send(new Uint8Array(1000), path);
  a.flush();
  const lost = b.counters.receiveDrops!;
  assert.ok(lost > 100 && lost < 200, `${lost}`);
  const inbox = inboxOf(b);
  await inbox.reach(200 - lost);
  await Promise.all([a.close(), b.close()]);
  assert.equal(b.counters.receiveDrops, lost);
});

test("datagrams to addresses that are not ours are dropped and counted", async (open) => {
  const own = loopbacks(4, 100);
  const b = open({ ownAddresses: own, ikePort: 0 });
  const inbox = inboxOf(b);
  const raw = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to = (hostname: string) => ({ transport: "udp", hostname, port: b.ikePort }) as const;
  await raw.send(Uint8Array.of(1), to("127.0.4.200")).catch(() => {});
  await raw.send(Uint8Array.of(2), to("127.0.4.100"));
  const [datagram] = await inbox.reach(1);
  assert.equal(datagram!.octets[0], 2);
  assert.deepEqual([b.counters.received, b.counters.strays], [2, 1]);
  assert.equal(inbox.all.length, 1);
  raw.close();
  await b.close();
});

test("a listener that takes long does not starve timers", async (open) => {
  const a = open({ ownAddresses: [V4], ikePort: 0 });
  const path = way(a, V4, a, V4);
  let rounds = 0;
  let over = false;
  inboxOf(a, ({ octets }) => {
    rounds++;
    if (!over) a.send(octets, path);
    a.flush();
  });
  a.send(Uint8Array.of(1, 2, 3), path);
  a.flush();
  // Datagrams come without end: these timers must fire all the same, until many have come.
  while (rounds <= 10) await pause(5);
  over = true;
  await a.close();
});

/** Packets of ESP, by their octets: runs of one length, one that ends such a run, and others between. */
const ESP_LENGTHS = [
  ...Array.from({ length: 30 }, () => 900),
  901,
  900,
  900,
  300,
  300,
  8,
  899,
  ...Array.from({ length: 3 }, () => 2000),
];

function espPackets(): Uint8Array[] {
  return ESP_LENGTHS.map((length, i) => {
    const packet = Uint8Array.from({ length }, (_, at) => at * 7 + i);
    packet.set([1, 2, 3, i]);
    return packet;
  });
}

function espOptions(address: Uint8Array): UdpOptions {
  return { ownAddresses: [address], ikePort: 0, nattPort: 0, ownEsp: true };
}

/** Sends ESP packets, of which all but each seventh have the same traffic class. */
function sendEsp(from: Transport, path: Path): Uint8Array[] {
  const packets = espPackets();
  for (const [i, packet] of packets.entries()) from.esp!.send(packet, path, i % 7 === 6 ? 2 : 0);
  from.esp!.flush();
  return packets;
}

test("ESP packets that go in one piece arrive as they were", async (open) => {
  const a = open(espOptions(V4));
  const b = open(espOptions(SECOND));
  const arrived: [Uint8Array, number][] = [];
  inboxOf(a);
  const inbox = inboxOf(b);
  b.esp!.receiver = {
    packet: (buffer, start, octets, trafficClass) =>
      void arrived.push([buffer.slice(start, start + octets), trafficClass]),
    batchEnds: () => {},
  };
  const path = { ownAddress: V4, ownPort: a.nattPort!, peerAddress: SECOND, peerPort: b.nattPort! };
  const sent = sendEsp(a, path);
  for (let i = 0; i < 100 && arrived.length < sent.length; i++) await pause(10);
  assert.deepEqual(arrived, sent.map((packet, i) => [packet, i % 7 === 6 ? 2 : 0]));
  assert.deepEqual([a.counters.sent, a.counters.sendErrors], [sent.length, 0]);
  assert.deepEqual([b.counters.received, b.counters.esp], [sent.length, sent.length]);
  assert.equal(inbox.all.length, 0);
  await Promise.all([a.close(), b.close()]);
});

test("a peer that knows nothing of it gets each ESP packet by itself", async (open) => {
  const a = open(espOptions(V4));
  inboxOf(a);
  const peer = Deno.listenDatagram({ transport: "udp", hostname: "127.0.1.7", port: 0 });
  const { port } = peer.addr as Deno.NetAddr;
  const path = { ownAddress: V4, ownPort: a.nattPort!, peerAddress: SECOND, peerPort: port };
  const sent = sendEsp(a, path);
  const got: Uint8Array[] = [];
  // A lost packet would be waited for without end.
  const patience = setTimeout(() => peer.close(), 5000);
  for await (const [packet] of peer) if (got.push(packet) === sent.length) break;
  clearTimeout(patience);
  assert.deepEqual(got, sent);
  peer.close();
  await a.close();
});

for (const [family, own, peer] of [["IPv4", V4, SECOND], ["IPv6", at("::1"), at("::1")]] as const) {
  test(`ICMP errors over ${family} are told with both ends, and harm no other datagram`, async (open) => {
    const gone = open({ ownAddresses: [peer], ikePort: 0 });
    const a = open({ ownAddresses: [own], ikePort: 0 });
    const b = open({ ownAddresses: [peer], ikePort: 0 });
    const inbox = inboxOf(b);
    const path = way(a, own, gone, peer);
    const good = way(a, own, b, peer);
    const told: string[] = [];
    a.sendErrors!.tell = (words) => told.push(words);
    inboxOf(a);
    await gone.close();
    const count = 50;
    for (let i = 0; i < count; i++) {
      a.send(Uint8Array.of(1), path);
      a.flush();
      a.send(Uint8Array.of(2), good);
      a.flush();
    }
    await inbox.reach(count);
    for (let i = 0; i < 100 && a.sendErrors!.figures().length === 0; i++) await pause(10);
    await pause(50);
    assert.deepEqual([a.counters.sent, a.counters.sendErrors], [2 * count, 0]);
    const cause = `${
      family === "IPv4" ? "ICMP" : "ICMPv6"
    } port unreachable: nothing listens there`;
    const [figures, ...others] = a.sendErrors!.figures();
    assert.deepEqual([figures!.cause, others, a.sendErrors!.unsentIke], [cause, [], 0]);
    // The system limits the rate of its ICMP messages, though not on loopback.
    assert.ok(figures!.count > 0 && figures!.count <= count);
    const to = family === "IPv4" ? `127.0.1.7:${gone.ikePort}` : `[::1]:${gone.ikePort}`;
    const words = `${
      family === "IPv4" ? "127.0.1.7" : "::1"
    } says of a datagram to ${to}: ${cause}`;
    assert.deepEqual([told, figures!.example], [[words], words]);
    assert.deepEqual(a.sendErrors!.lastOf(path), { words, isIcmp: true });
    assert.equal(a.sendErrors!.lastOf(good), undefined);
    assert.equal(a.counters.received, 0);
    await Promise.all([a.close(), b.close()]);
  });
}
