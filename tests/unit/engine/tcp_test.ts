/** Tests clients and gateways in TCP (RFC 9329) by real connections on loopback. */
import assert from "node:assert/strict";
import { endsKey, type IpAddress, type Path } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { EventHub, type RunEvent } from "@/engine/show/event_hub.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import { RunResult } from "@/engine/show/view.ts";
import type { IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { loadShim } from "@/native/load.ts";
import type { Setup } from "@/setup/setup.ts";
import { openTcp } from "@/transport/open.ts";
import type { TcpTransport } from "@/transport/tcp_native.ts";
import { clientPlan, CONFIG, gatewayPlan } from "./rig.ts";
import { until } from "./two_runs.ts";

const GATEWAY = Uint8Array.of(127, 0, 0, 1);
const NATT = { ownPort: 4500, peerPort: 4500, forced: false, keepaliveMs: 0 };
const crypto = portableBackend();
const hasShim = loadShim().symbols !== undefined;

function address(index: number): IpAddress {
  return Uint8Array.of(127, 0, 3, 1 + index);
}

function env(): IkeEnv {
  const { randomOctets } = crypto;
  return { crypto, random: randomOctets, childrenBySpi: new Map(), broken: new Set() };
}

interface Pair {
  readonly client: TestRun;
  readonly gateway: TestRun;
  readonly near: TcpTransport;
  readonly far: TcpTransport;
  readonly notes: string[];
  readonly sent: { readonly octets: Uint8Array; readonly path: Path }[];
}

/** How long strangers may stay at a gateway of these tests, in milliseconds. */
const STRANGER_MS = 1_500;

/** Starts both roles; `relay` returns the port in front of the gateway's. */
async function pair(
  tunnels: number,
  config: Partial<IkeConfig>,
  relay: (port: number) => Promise<number> = (port) => Promise.resolve(port),
): Promise<Pair> {
  const ownAddresses = Array.from({ length: tunnels }, (_, i) => address(i));
  const near = openTcp(
    { ownAddresses: [GATEWAY], port: 0, listens: true, strangerMs: STRANGER_MS },
    "native",
  );
  const far = openTcp({ ownAddresses, port: 0, listens: false }, "native");
  const notes: string[] = [];
  const sent: Pair["sent"] = [];
  const events = new EventHub();
  events.attach({
    filter: { level: 4, keyword: "" },
    write: (event: RunEvent) => void notes.push(event.msg),
  });
  const common = { setup: {} as Setup, setupFileName: "" };
  const whole = { ...CONFIG, natt: NATT, ...config };
  const gateway = new TestRun({
    ...common,
    config: whole,
    transport: near,
    events: new EventHub(),
    env: env(),
    plan: gatewayPlan({ tunnels, ownAddress: GATEWAY, ownPort: near.ikePort }),
  });
  const client = new TestRun({
    ...common,
    config: whole,
    transport: far,
    events,
    env: env(),
    plan: clientPlan({
      tunnels,
      ownAddress: address(0),
      ownPort: 0,
      peerAddress: GATEWAY,
      tcp: true,
      triesMax: 1,
      peerPort: await relay(near.ikePort),
    }),
    hooks: {
      datagram: ({ sent: isSent, octets, path }) => void (isSent && sent.push({ octets, path })),
    },
  });
  return { client, gateway, near, far, notes, sent };
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `in TCP: ${name}${hasShim ? "" : " (left out: the shim is not built)"}`,
    ignore: !hasShim,
    fn,
  });
}

function liveSas({ loop }: TestRun): IkeSa[] {
  return [...loop.endpoint.bySpi.values()].filter(({ phase }) => phase === "established");
}

test("30 tunnels, each in a connection of its own, nothing sent twice, all closed", async () => {
  const tunnels = 30;
  const { client, gateway, near, far, sent } = await pair(tunnels, {});
  gateway.start();
  client.start();
  await until(() => client.figures().established === tunnels);
  await until(() => gateway.figures().established === tunnels);
  assert.equal(near.connectionCount, tunnels);
  assert.equal(new Set(sent.map(({ path }) => endsKey(path))).size, tunnels);
  for (const sa of [...liveSas(client), ...liveSas(gateway)]) {
    assert.equal(sa.path.tcp, true);
    assert.deepEqual([sa.peer.natDetected, sa.peer.natOwn, sa.peer.natPeer], [true, false, false]);
  }
  // A peer that has authenticated is no stranger.
  await new Promise((resolve) => setTimeout(resolve, STRANGER_MS + 100));
  assert.deepEqual([near.connectionCount, near.connections.counters.idle], [tunnels, 0]);
  client.stop(true);
  const ours = await client.finalResult;
  await until(() => near.connectionCount === 0);
  assert.equal(far.connectionCount, 0);
  gateway.stop(true);
  const theirs = await gateway.finalResult;
  for (const { result, figures } of [ours, theirs]) {
    assert.equal(result, RunResult.PASSED);
    assert.deepEqual([figures.retransmissions, figures.failed, figures.lost], [0, 0, 0]);
  }
  assert.equal(sent.length, 3 * tunnels);
  assert.deepEqual(
    [near.connections.counters.accepted, near.connectionCount, far.connectionCount],
    [
      tunnels,
      0,
      0,
    ],
  );
});

test("the connection of an SA is closed at its end, and others stay open", async () => {
  const { client, gateway, near, far } = await pair(3, {});
  gateway.start();
  client.start();
  await until(() => client.figures().established === 3 && gateway.figures().established === 3);
  const [sa] = liveSas(gateway);
  gateway.loop.turn(() => gateway.loop.command(sa!, { kind: "close", closeCode: 1 }));
  await until(() => far.connectionCount === 2 && near.connectionCount === 2);
  await new Promise((resolve) => setTimeout(resolve, STRANGER_MS + 100));
  assert.deepEqual([far.connectionCount, near.connectionCount], [2, 2]);
  for (const run of [client, gateway]) {
    run.stop(true);
    await run.finalResult;
  }
});

test("requests without an answer on a lost connection are sent on the next one, and the SA continues", async () => {
  const relay = new Relay();
  // The relay is a NAT to both: keepalives would be due, and the NAT-T ports (RFC 9329 §6.5, §6.6).
  const natt = { ...NATT, keepaliveMs: 1 };
  const before = (port: number) => relay.open(port);
  const { client, gateway, near, far, notes, sent } = await pair(1, { natt }, before);
  gateway.start();
  client.start();
  await until(() => client.figures().established === 1);
  const [first] = liveSas(gateway).map(({ path }) => path);
  assert.ok(liveSas(client)[0]!.peer.natOwn && liveSas(gateway)[0]!.peer.natPeer);
  relay.cut();
  // A liveness check shows the gateway the present connection of the tunnel (RFC 9329 §6.1).
  await until(() => liveSas(gateway).some(({ path }) => path.peerPort !== first!.peerPort));
  assert.equal(relay.taken, 2);
  assert.ok(
    notes.some((note) => /The connection .* in TCP is lost: the peer closed it/.test(note)),
  );
  const [sa] = liveSas(client);
  assert.deepEqual([sa!.connectionLost, sa!.phase], [false, "established"]);
  // The gateway's own requests find the new connection, and so do the client's.
  const theirs = liveSas(gateway)[0]!;
  gateway.loop.turn(() => gateway.loop.command(theirs, { kind: "liveness_check" }));
  await until(() => theirs.window.request === undefined && theirs.lastLivenessMs !== undefined);
  const rekeyed = await client.rekeys.ikeSa(sa!.spiI);
  assert.equal(rekeyed.kind, "done");
  // Again, while two IKE SAs may be there: one connection serves both.
  relay.cut();
  await until(() => relay.taken === 3);
  await until(() =>
    liveSas(client).every(({ connectionLost, window: { request } }) => !connectionLost && !request)
  );
  client.stop(true);
  const { result, figures } = await client.finalResult;
  assert.deepEqual([result, figures.lost, figures.deletesUnanswered], [RunResult.PASSED, 0, 0]);
  gateway.stop(true);
  await gateway.finalResult;
  assert.ok(sent.length > 5);
  assert.equal(far.counters.keepalivesSent, 0);
  assert.equal(near.connectionCount, 0);
  await relay.close();
});

test("a response that is lost with its connection is sent on the next one, and the gateway follows", async () => {
  const relay = new Relay();
  const { client, gateway } = await pair(1, {}, (port) => relay.open(port));
  gateway.start();
  client.start();
  await until(() => client.figures().established === 1);
  const [ours] = liveSas(client);
  const [theirs] = liveSas(gateway);
  const first = theirs!.path;
  relay.answers = 0;
  const answered = theirs!.window.nextPeerId;
  client.loop.turn(() => client.loop.command(ours!, { kind: "liveness_check" }));
  await until(() => theirs!.window.nextPeerId === answered + 1);
  assert.ok(ours!.window.request, "its response is lost");
  relay.answers = Infinity;
  relay.cut();
  // The repeated request is answered, and does not move the SA; the next request does.
  await until(() => ours!.window.request === undefined && theirs!.path.peerPort !== first.peerPort);
  assert.equal(theirs!.window.nextPeerId, answered + 2);
  assert.equal(client.figures().retransmissions, 1);
  for (const run of [client, gateway]) {
    run.stop(true);
    assert.equal((await run.finalResult).figures.lost, 0);
  }
  await relay.close();
});

test("cookies are demanded and returned in TCP as well", async () => {
  const { client, gateway, sent } = await pair(3, { cookieThreshold: 0 });
  gateway.start();
  client.start();
  await until(() => client.figures().established === 3);
  assert.equal(sent.length, 9);
  for (const run of [client, gateway]) {
    run.stop(true);
    assert.equal((await run.finalResult).figures.retransmissions, 0);
  }
});

test("a gateway that starts later is reached by attempts at the intervals of retransmissions", async () => {
  const relay = new Relay();
  const patient = { retransmitIntervalMs: 100, retransmitBackoff: 1.5, transmissionsMax: 8 };
  const { client, gateway, far } = await pair(1, patient, (port) => relay.open(port, 3));
  const beganMs = performance.now();
  gateway.start();
  client.start();
  await until(() => client.figures().established === 1);
  assert.equal(far.connections.counters.opened, 4);
  // Pauses of 100, 150 and 225 ms: they grow like those between transmissions.
  assert.ok(performance.now() - beganMs >= 470, "it was tried again too soon");
  client.stop(true);
  await client.finalResult;
  gateway.stop(true);
  await gateway.finalResult;
  await relay.close();
});

test("without a gateway the tunnel fails after the time of all transmissions", async () => {
  const relay = new Relay();
  const patient = { retransmitIntervalMs: 200, retransmitBackoff: 1, transmissionsMax: 5 };
  const { client, gateway, far } = await pair(1, patient, (port) => relay.open(port, Infinity));
  client.start();
  const { result, figures, summary } = await client.finalResult;
  assert.equal(result, RunResult.FAILED);
  assert.deepEqual(figures.failures.map(({ cause }) => cause), ["NO_ANSWER"]);
  assert.match(summary.lastErrMsg, /No answer to IKE_SA_INIT within 1 s in TCP to /);
  assert.ok(far.connections.counters.opened >= 2 && far.connections.counters.opened <= 6);
  gateway.start();
  gateway.stop(false);
  await gateway.finalResult;
  await relay.close();
});

test("a request is sent once on an open connection, however long there is no answer", async () => {
  const relay = new Relay();
  relay.answers = 0;
  const patient = { retransmitIntervalMs: 40, retransmitBackoff: 1, transmissionsMax: 6 };
  const { client, gateway, sent } = await pair(1, patient, (port) => relay.open(port));
  gateway.start();
  client.start();
  const { figures } = await client.finalResult;
  assert.deepEqual(figures.failures.map(({ cause }) => cause), ["NO_ANSWER"]);
  assert.deepEqual([sent.length, figures.retransmissions, relay.taken], [1, 0, 1]);
  gateway.stop(false);
  await gateway.finalResult;
  await relay.close();
});

test("long messages are not fragmented in TCP, even with enablefragment", async () => {
  const { client, gateway, sent } = await pair(1, { fragmentOctets: 64 });
  gateway.start();
  client.start();
  await until(() => client.figures().established === 1);
  assert.ok(liveSas(client)[0]!.peer.fragmentation);
  assert.equal(sent.length, 2);
  // 53: SKF. A fragment's header is 28 octets behind the marker.
  assert.ok(sent.every(({ octets }) => octets[4 + 16] !== 53));
  client.stop(true);
  await client.finalResult;
  gateway.stop(true);
  await gateway.finalResult;
});

test("a tunnel without a CHILD_SA in IKE_AUTH gets its first one by the same connection", async () => {
  const { client, gateway, near, sent } = await pair(3, { childless: "allow" });
  gateway.start();
  client.start();
  await until(() => client.figures().established === 3 && gateway.figures().established === 3);
  assert.equal(sent.length, 9, "IKE_SA_INIT, IKE_AUTH and CREATE_CHILD_SA of each tunnel, once");
  assert.equal(near.connectionCount, 3);
  assert.deepEqual(liveSas(gateway).map(({ children }) => children.length), [1, 1, 1]);
  for (const run of [client, gateway]) {
    run.stop(true);
    const { figures } = await run.finalResult;
    assert.deepEqual([figures.retransmissions, figures.failed, figures.lost], [0, 0, 0]);
  }
});

test("a peer that has authenticated without a CHILD_SA is no stranger, and keeps its connection", async () => {
  const relay = new Relay();
  const { client, gateway, near } = await pair(1, { childless: "allow" }, (port) => {
    relay.answers = 1; // IKE_SA_INIT is answered, and IKE_AUTH is not.
    return relay.open(port);
  });
  gateway.start();
  client.start();
  await until(() => liveSas(gateway).length === 1);
  await new Promise((resolve) => setTimeout(resolve, STRANGER_MS + 200));
  assert.deepEqual([near.connectionCount, near.connections.counters.idle], [1, 0]);
  relay.answers = Infinity;
  relay.cut();
  await until(() => client.figures().established === 1 && gateway.figures().established === 1);
  for (const run of [client, gateway]) {
    run.stop(true);
    assert.equal((await run.finalResult).figures.lost, 0);
  }
  await relay.close();
});

/** A relay before the gateway, whose connections can be cut, or closed at once. */
class Relay {
  taken = 0;
  /** How many pieces of the gateway it still passes on. */
  answers = Infinity;
  #listener: Deno.TcpListener | undefined;
  #conns: Deno.TcpConn[] = [];
  #work: Promise<void>[] = [];

  open(port: number, refuses = 0): Promise<number> {
    const listener = this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#work.push(this.#serve(listener, port, refuses));
    return Promise.resolve((listener.addr as Deno.NetAddr).port);
  }

  async #serve(listener: Deno.TcpListener, port: number, refuses: number): Promise<void> {
    for await (const near of listener) {
      if (++this.taken <= refuses) {
        near.close();
        continue;
      }
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#conns.push(near, far);
      this.#work.push(copy(near, far, () => true), copy(far, near, () => this.answers-- > 0));
    }
  }

  cut(): void {
    for (const conn of this.#conns.splice(0)) closeQuietly(conn);
  }

  async close(): Promise<void> {
    this.#listener?.close();
    this.cut();
    await Promise.allSettled(this.#work);
  }
}

async function copy(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  passes: () => boolean,
): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    for (let got; (got = await from.read(buffer)) !== null;) {
      if (passes()) await to.write(buffer.slice(0, got));
    }
  } catch {
    // The connection was cut.
  }
  closeQuietly(from);
  closeQuietly(to);
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It was closed already.
  }
}
