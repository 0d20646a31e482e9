/** IKE and ESP in TCP (RFC 9329) between two transports, and attacks of strangers on one. */
import assert from "node:assert/strict";
import { concat } from "@/base/bytes.ts";
import { showAddress } from "@/base/address.ts";
import type { Path } from "@/base/address.ts";
import { loadShim } from "@/native/load.ts";
import { kernelLacksFrames } from "@/native/tcp.ts";
import { JoinedTransport } from "@/transport/joined.ts";
import { openTcp, openUdp } from "@/transport/open.ts";
import { frameOf, STREAM_PREFIX } from "@/transport/tcp_frames.ts";
import type { TcpTransport } from "@/transport/tcp_native.ts";
import type { Datagram, LostConnection, TcpOptions } from "@/transport/transport.ts";
import { at, pause } from "./_variants.ts";

const HERE = at("127.0.0.1");
const CLIENT = at("127.0.2.9");
const hasShim = loadShim().symbols !== undefined;

/** One end of connections, and everything that it has received. */
class End {
  readonly transport: TcpTransport;
  readonly messages: { octets: Uint8Array; path: Path }[] = [];
  readonly packets: Uint8Array[] = [];
  readonly lost: LostConnection[] = [];
  readonly failures: unknown[] = [];

  constructor(options: Partial<TcpOptions>, hear: (d: Datagram) => void = () => {}) {
    this.transport = openTcp({
      ownAddresses: [HERE],
      port: 0,
      listens: true,
      ownEsp: true,
      ...options,
    }, "native");
    this.transport.esp.receiver = {
      packet: (buffer, at, octets) => void this.packets.push(buffer.slice(at, at + octets)),
      batchEnds: () => {},
    };
    this.transport.listen({
      datagrams: (batch) => {
        for (const datagram of batch) {
          this.messages.push({ octets: datagram.octets.slice(), path: datagram.path });
          hear(datagram);
        }
        this.transport.flush();
      },
      failed: (error) => this.failures.push(error),
      lost: (ends) => this.lost.push(...ends),
    });
  }

  get counts() {
    return this.transport.connections.counters;
  }

  /** A connection of this end to another. */
  to(other: End): Path {
    return this.transport.connections.open({
      ownAddress: CLIENT,
      ownPort: 0,
      peerAddress: HERE,
      peerPort: other.transport.ikePort,
      tcp: true,
    });
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return;
    await pause(10);
  }
  throw new Error(`never: ${what}`);
}

function test(name: string, run: (ends: (o: Partial<TcpOptions>) => End) => Promise<void>): void {
  Deno.test({
    name: `TCP: ${name}${hasShim ? "" : " (left out: the shim is not built)"}`,
    ignore: !hasShim,
    fn: async () => {
      const opened: End[] = [];
      try {
        await run((options) => {
          const end = new End(options);
          opened.push(end);
          return end;
        });
        for (const { failures } of opened) assert.deepEqual(failures, []);
      } finally {
        for (const { transport } of opened) await transport.close();
      }
    },
  });
}

/** A stranger's connection, by the runtime's own sockets. */
async function dial(gateway: End): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: showAddress(HERE), port: gateway.transport.ikePort });
}

/** Everything until the other end closes. */
async function untilClosed(conn: Deno.TcpConn): Promise<number> {
  let octets = 0;
  for (const buffer = new Uint8Array(4096);;) {
    const got = await conn.read(buffer).catch(() => null);
    if (got === null) return octets;
    octets += got;
  }
}

const CLIENT_ONLY = { listens: false, port: 0 };
const message = (octets: number) => Uint8Array.from({ length: octets }, (_, i) => i * 7 & 255 | 1);

test("IKE and ESP go both ways by one connection, in order and whole", async (open) => {
  const gateway = open({});
  const client = open(CLIENT_ONLY);
  const path = client.to(gateway);
  assert.ok(path.tcp && path.ownPort > 0);
  // Before there is a connection IKE waits, and ESP is dropped.
  client.transport.send(message(300), path);
  client.transport.esp.send(message(90), path, 0);
  client.transport.flush();
  await until("the first message", () => gateway.messages.length === 1);
  assert.deepEqual(gateway.messages[0]!.octets, message(300));
  const back = gateway.messages[0]!.path;
  assert.deepEqual(back, {
    ownAddress: HERE,
    ownPort: gateway.transport.ikePort,
    peerAddress: CLIENT,
    peerPort: path.ownPort,
    tcp: true,
  });
  for (let i = 0; i < 50; i++) {
    client.transport.esp.send(message(100 + i), path, 0);
    if (i % 10 === 0) client.transport.send(message(1000 + i), path);
    gateway.transport.esp.send(message(60 + i), back, 0);
  }
  gateway.transport.send(message(65_529), back);
  client.transport.flush();
  gateway.transport.flush();
  await until("all", () => gateway.packets.length === 50 && client.packets.length === 50);
  await until("the longest", () => client.messages.length === 1);
  assert.deepEqual(gateway.packets, Array.from({ length: 50 }, (_, i) => message(100 + i)));
  assert.deepEqual(client.packets, Array.from({ length: 50 }, (_, i) => message(60 + i)));
  assert.deepEqual(gateway.messages.map((m) => m.octets.length), [
    300,
    1000,
    1010,
    1020,
    1030,
    1040,
  ]);
  assert.deepEqual(client.messages[0]!.octets, message(65_529));
  assert.equal(client.counts.espDropped, 1);
  assert.deepEqual([client.counts.opened, gateway.counts.accepted], [1, 1]);
});

test("what is released goes once it is sent, and its end is no loss", async (open) => {
  const gateway = open({});
  const client = open(CLIENT_ONLY);
  const path = client.to(gateway);
  client.transport.send(message(40), path);
  await until("the first message", () => gateway.messages.length === 1);
  client.transport.send(message(40_000), path);
  client.transport.connections.release(path);
  client.transport.flush();
  await until("the message", () => gateway.messages.length === 2);
  await until(
    "the end",
    () => client.transport.connectionCount + gateway.transport.connectionCount === 0,
  );
  await until("word of the end", () => gateway.lost.length > 0);
  assert.deepEqual(client.lost, []);
  assert.deepEqual(gateway.lost.map(({ why }) => why), ["the peer closed it"]);
  client.transport.send(message(40), path);
  assert.equal(client.transport.counters.sendErrors, 1);
});

test("what was never connected goes at once when it is released", async (open) => {
  const client = open(CLIENT_ONLY);
  const peerAddress = at("127.0.0.2");
  const path = client.transport.connections.open({
    ownAddress: CLIENT,
    ownPort: 0,
    peerAddress,
    peerPort: 9,
    tcp: true,
  });
  client.transport.send(message(40), path);
  client.transport.connections.release(path);
  client.transport.flush();
  assert.equal(client.transport.connectionCount, 0);
  await pause(30);
  assert.deepEqual(client.lost, []);
});

test("a connection that nobody takes is told as lost", async (open) => {
  const gateway = open({});
  const client = open(CLIENT_ONLY);
  const port = gateway.transport.ikePort;
  await gateway.transport.close();
  const path = client.transport.connections.open({
    ownAddress: CLIENT,
    ownPort: 0,
    peerAddress: HERE,
    peerPort: port,
  });
  client.transport.send(message(40), path);
  await until("the loss", () => client.lost.length === 1);
  assert.deepEqual(client.lost, [{ path, why: "ECONNREFUSED" }]);
});

test("the own port is taken where it is free, and another where it is not", async (open) => {
  const gateway = open({});
  const client = open(CLIENT_ONLY);
  const first = client.to(gateway);
  const wished = { ...first };
  const second = client.transport.connections.open(wished);
  assert.notEqual(second.ownPort, first.ownPort);
  client.transport.send(message(40), second);
  client.transport.flush();
  await until("a message", () => gateway.messages.length === 1);
  assert.equal(gateway.messages[0]!.path.peerPort, second.ownPort);
});

test("a full connection drops ESP, counted, and never IKE", async (open) => {
  const gateway = open({});
  const conn = await dial(gateway);
  await conn.write(concat(STREAM_PREFIX, frameOf(message(40), 4)));
  await until("a message", () => gateway.messages.length === 1);
  const { path } = gateway.messages[0]!;
  for (let i = 0; i < 20_000 && gateway.counts.espDropped === 0; i++) {
    gateway.transport.esp.send(message(1400), path, 0);
    gateway.transport.flush();
  }
  assert.ok(gateway.counts.espDropped > 0);
  gateway.transport.send(message(777), path);
  gateway.transport.flush();
  // When it reads again, the message arrives completely, after complete packets.
  let last = 0;
  const buffer = new Uint8Array(1 << 16);
  let rest: Uint8Array = new Uint8Array(0);
  while (last !== 783) {
    const got = await conn.read(buffer);
    assert.ok(got);
    rest = concat(rest, buffer.subarray(0, got));
    for (;;) {
      const length = rest.length < 2 ? 0 : rest[0]! << 8 | rest[1]!;
      if (length === 0 || rest.length < length) break;
      assert.ok(length === 1402 || length === 783, `a frame of ${length}`);
      last = length;
      rest = rest.slice(length);
    }
  }
  conn.close();
});

test("a stranger that reads nothing loses its connection before much waits for it", async (open) => {
  const gateway = open({});
  const conn = await dial(gateway);
  await conn.write(concat(STREAM_PREFIX, frameOf(message(40), 4)));
  await until("a message", () => gateway.messages.length === 1);
  const { path } = gateway.messages[0]!;
  let most = 0;
  for (let i = 0; i < 2_000 && gateway.transport.connectionCount > 0; i++) {
    gateway.transport.send(message(3_000), path);
    gateway.transport.flush();
    most = Math.max(most, gateway.transport.strangersHeld);
  }
  await until("the loss", () => gateway.lost.length === 1);
  assert.ok(most > 0 && most <= 128 * 1024, `${most} octets waited`);
  assert.deepEqual([gateway.counts.hoarding, gateway.transport.strangersHeld], [1, 0]);
  conn.close();
});

test("what waits for all strangers is bounded: the greediest goes, and who reads stays", async (open) => {
  const gateway = open({ strangersHeldMax: 200_000 });
  const good = await dial(gateway);
  await good.write(concat(STREAM_PREFIX, frameOf(message(40), 4)));
  const greedy: Deno.TcpConn[] = [];
  for (let i = 0; i < 10; i++) {
    const conn = await dial(gateway);
    // A frame that is never completed.
    await conn.write(concat(STREAM_PREFIX, frameOf(message(50_000), 4).subarray(0, 45_000)));
    greedy.push(conn);
  }
  await until("the losses", () => gateway.counts.hoarding === 6);
  assert.ok(gateway.transport.strangersHeld <= 200_000);
  assert.equal(gateway.transport.connectionCount, 5);
  gateway.transport.send(message(500), gateway.messages[0]!.path);
  gateway.transport.flush();
  assert.ok(await good.read(new Uint8Array(600)));
  for (const conn of [good, ...greedy]) conn.close();
});

test("a peer that never reads IKE loses its connection, not our memory", async (open) => {
  const gateway = open({});
  const conn = await dial(gateway);
  await conn.write(concat(STREAM_PREFIX, frameOf(message(40), 4)));
  await until("a message", () => gateway.messages.length === 1);
  const { path } = gateway.messages[0]!;
  gateway.transport.connections.keep(path);
  for (let i = 0; i < 2_000 && gateway.transport.connectionCount > 0; i++) {
    gateway.transport.send(message(60_000), path);
    gateway.transport.flush();
  }
  await until("the loss", () => gateway.lost.length === 1);
  assert.equal(gateway.lost[0]!.why, "the peer reads nothing");
  conn.close();
});

for (
  const [name, octets] of [
    ["no prefix", new TextEncoder().encode("GET / HTTP/1.1\r\n")],
    ["a length of 0", concat(STREAM_PREFIX, Uint8Array.of(0, 0))],
    ["a length of 1", concat(STREAM_PREFIX, frameOf(message(40), 4), Uint8Array.of(0, 1))],
  ] as const
) {
  test(`a stream with ${name} is closed and counted`, async (open) => {
    const gateway = open({});
    const conn = await dial(gateway);
    await conn.write(octets);
    assert.equal(await untilClosed(conn), 0);
    conn.close();
    assert.equal(gateway.counts.badStreams, 1);
    assert.equal(gateway.transport.connectionCount, 0);
    assert.equal(gateway.messages.length, name === "a length of 1" ? 1 : 0);
  });
}

test("keepalives are passed over, and so is what is nothing", async (open) => {
  const gateway = open({});
  const conn = await dial(gateway);
  const keepalive = frameOf(Uint8Array.of(0xff), 0);
  const nothing = frameOf(message(3), 0);
  await conn.write(concat(STREAM_PREFIX, keepalive, nothing, frameOf(message(40), 4)));
  await until("the message", () => gateway.messages.length === 1);
  assert.deepEqual([gateway.transport.counters.keepalives, gateway.counts.badFrames], [1, 1]);
  conn.close();
});

test("strangers have a time, however slowly they speak", async (open) => {
  const gateway = open({ strangerMs: 300 });
  const slow = await dial(gateway);
  const good = await dial(gateway);
  await good.write(concat(STREAM_PREFIX, frameOf(message(40), 4)));
  await until("the message", () => gateway.messages.length === 1);
  gateway.transport.connections.keep(gateway.messages[0]!.path);
  let closed = false;
  const end = untilClosed(slow).then(() => closed = true);
  for (const octet of concat(STREAM_PREFIX, frameOf(message(400), 4))) {
    if (closed) break;
    await slow.write(Uint8Array.of(octet)).catch(() => {});
    await pause(5);
  }
  await end;
  slow.close();
  assert.equal(gateway.counts.idle, 1);
  assert.equal(gateway.transport.connectionCount, 1, "the one that somebody vouched for stays");
  gateway.transport.connections.release(gateway.messages[0]!.path);
  await untilClosed(good);
  good.close();
  assert.equal(gateway.counts.idle, 2);
});

test("of many strangers the oldest go, and who is known stays", async (open) => {
  const gateway = open({ strangersMax: 8 });
  const good = await dial(gateway);
  await good.write(concat(STREAM_PREFIX, frameOf(message(40), 4)));
  await until("the message", () => gateway.messages.length === 1);
  gateway.transport.connections.keep(gateway.messages[0]!.path);
  const flood: Deno.TcpConn[] = [];
  for (let i = 0; i < 100; i++) flood.push(await dial(gateway));
  await until("all taken", () => gateway.counts.accepted === 101);
  assert.equal(gateway.counts.crowdedOut, 92);
  assert.equal(gateway.transport.connectionCount, 9);
  const late = await dial(gateway);
  await late.write(concat(STREAM_PREFIX, frameOf(message(50), 4)));
  await good.write(frameOf(message(60), 4));
  await until("both heard", () => gateway.messages.length === 3);
  for (const conn of [...flood, late, good]) conn.close();
});

Deno.test({
  name: "TCP and UDP at one gateway: each path has its own way",
  ignore: !hasShim,
  fn: async () => {
    const udp = openUdp({ ownAddresses: [HERE], ikePort: 0, nattPort: 0 }, "native");
    const gateway = new JoinedTransport(
      udp,
      openTcp({ ownAddresses: [HERE], port: 0, listens: true }, "native"),
    );
    const heard: Path[] = [];
    gateway.listen({
      datagrams: (batch) => {
        for (const { octets, path } of batch) {
          heard.push(path);
          gateway.send(octets.slice(), path);
        }
        gateway.flush();
      },
      failed: (error) => assert.fail(String(error)),
    });
    const client = new End(CLIENT_ONLY);
    const peerPort = gateway.connections!.port;
    const ends = { ownAddress: CLIENT, ownPort: 0, peerAddress: HERE };
    const tcp = client.transport.connections.open({ ...ends, peerPort });
    client.transport.send(message(40), tcp);
    client.transport.flush();
    await until("the answer in TCP", () => client.messages.length === 1);
    const conn = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    await conn.send(message(41), {
      transport: "udp",
      hostname: "127.0.0.1",
      port: gateway.ikePort,
    });
    assert.deepEqual((await conn.receive())[0], message(41));
    assert.deepEqual(heard.map((path) => path.tcp), [true, undefined]);
    assert.deepEqual([gateway.counters.sent, gateway.counters.received], [2, 2]);
    conn.close();
    await client.transport.close();
    await gateway.close();
  },
});

Deno.test({
  name: "TCP: a kernel without ESP in TCP is refused by name, where it has the data path",
  ignore: !hasShim || kernelLacksFrames(loadShim().symbols!) === undefined,
  fn: () => {
    const options = { ownAddresses: [HERE], port: 0, listens: true, kernelEsp: true };
    assert.throws(
      () => openTcp(options, "native"),
      /it has no ESP in TCP \(CONFIG_INET_ESPINTCP\)/,
    );
  },
});

Deno.test("TCP: the portable transport refuses it in words", () => {
  assert.throws(
    () => openTcp({ ownAddresses: [HERE], port: 0, listens: true }, "portable"),
    /Cannot use tcpencap by the portable transport/,
  );
});
