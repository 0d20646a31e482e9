import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { showAddress, showPath } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { callersChanged } from "@/native/iterations.ts";
import { at, inboxOf, loopbacks, pause, VARIANTS, way } from "./_variants.ts";

const V4 = at("127.0.0.1");
const SECOND = at("127.0.1.7");
const V6 = at("::1");
/** So many that no transport would open a socket for each, if it can do otherwise. */
const MANY = 100;

/** An IKE header and three octets, with an initiator's SPI whose first octets are all `first`. */
function message(first: number): Uint8Array {
  const octets = new Uint8Array(31).fill(first, 0, 6).fill(1, 6, 8).fill(5, 28);
  octets[17] = 0x20;
  new DataView(octets.buffer, octets.byteOffset).setUint32(24, octets.length);
  return octets;
}

for (const { name, open } of VARIANTS) {
  for (const [family, own, peer] of [["IPv4", V4, SECOND], ["IPv6", V6, V6]] as const) {
    Deno.test(`${name}: messages go over ${family}, and both ends are told`, async () => {
      const a = open({ ownAddresses: [own], ikePort: 0 });
      const b = open({ ownAddresses: [peer], ikePort: 0 });
      const inbox = inboxOf(b);
      inboxOf(a);
      a.send(new Uint8Array(1500).fill(7), way(a, own, b, peer));
      a.flush();
      const [datagram] = await inbox.reach(1);
      assert.deepEqual(datagram!.octets, new Uint8Array(1500).fill(7));
      assert.equal(showPath(datagram!.path), showPath(way(b, peer, a, own)));
      assert.equal(datagram!.encapsulated, false);
      await Promise.all([a.close(), b.close()]);
      assert.equal(a.counters.sent, 1);
      assert.equal(b.counters.received, 1);
    });
  }

  Deno.test(`${name}: while datagrams wait, others of the process have their turns`, async () => {
    const a = open({ ownAddresses: [V4], ikePort: 0 });
    const b = open({ ownAddresses: [V4], ikePort: 0 });
    inboxOf(a);
    for (let i = 0; i < 64; i++) a.send(message(i + 1), way(a, V4, b, V4));
    a.flush();
    await pause(100);
    let iterations = 0;
    let isOver = false;
    const count = () => {
      iterations++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    // Each datagram is a millisecond of work, and all of them wait in the socket.
    const at: number[] = [];
    const inbox = inboxOf(b, () => {
      at.push(iterations);
      for (const untilMs = performance.now() + 1; performance.now() < untilMs;);
    });
    callersChanged(1); // The API is called meanwhile.
    await inbox.reach(64);
    callersChanged(-1);
    isOver = true;
    const runs = new Map<number, number>();
    for (const iteration of at) runs.set(iteration, (runs.get(iteration) ?? 0) + 1);
    assert.ok(Math.max(...runs.values()) <= 16, "datagrams without a turn of others in between");
    assert.ok(at.at(-1)! - at[0]! >= 12, `${at.at(-1)! - at[0]!} iterations in all`);
    await Promise.all([a.close(), b.close()]);
  });

  Deno.test(`${name}: the NAT-T port puts the marker on and takes it off; keepalives and ESP are counted`, async () => {
    const a = open({ ownAddresses: [V4], ikePort: 0, nattPort: 0 });
    const b = open({ ownAddresses: [V4], ikePort: 0, nattPort: 0 });
    const inbox = inboxOf(b);
    inboxOf(a);
    const raw = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const to = { transport: "udp", hostname: "127.0.0.1", port: b.nattPort! } as const;
    await raw.send(Uint8Array.of(0xff), to);
    await raw.send(Uint8Array.of(0, 0, 1, 2, 0, 0, 0, 1), to);
    await raw.send(Uint8Array.of(0, 0), to);
    await raw.send(Uint8Array.of(), to);
    const path = { ownAddress: V4, ownPort: a.nattPort!, peerAddress: V4, peerPort: b.nattPort! };
    a.keepalive(path);
    a.flush();
    a.keepalive({ ...path, ownPort: a.ikePort });
    assert.deepEqual([a.counters.keepalivesSent, a.counters.sendErrors], [1, 1]);
    a.send(Uint8Array.of(1, 2, 3), path);
    a.flush();
    const [datagram] = await inbox.reach(1);
    assert.deepEqual([...datagram!.octets], [1, 2, 3]);
    assert.equal(datagram!.encapsulated, true);
    assert.equal(datagram!.path.ownPort, b.nattPort);
    assert.deepEqual([b.counters.keepalives, b.counters.esp, b.counters.received], [2, 1, 6]);
    raw.close();
    await Promise.all([a.close(), b.close()]);
  });

  Deno.test(`${name}: four zero octets at the IKE port are a marker, or the first of an SPI`, async () => {
    const b = open({ ownAddresses: [V4], ikePort: 0 });
    const inbox = inboxOf(b);
    const raw = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const to = { transport: "udp", hostname: "127.0.0.1", port: b.ikePort } as const;
    const marked = [...new Uint8Array(4), ...message(7)];
    await raw.send(Uint8Array.from(marked), to);
    await raw.send(message(0), to);
    // Neither Length fits: it goes on as it is, for the endpoint to drop.
    await raw.send(Uint8Array.of(0, 0, 0, 0, 9, 8), to);
    const arrived = await inbox.reach(3);
    assert.deepEqual(arrived.map(({ octets, encapsulated }) => [octets, encapsulated]), [
      [message(7), true],
      [message(0), false],
      [Uint8Array.of(0, 0, 0, 0, 9, 8), false],
    ]);
    raw.close();
    await b.close();
  });

  Deno.test(`${name}: answers leave from the own address that was asked`, async () => {
    const asked = loopbacks(2, MANY);
    const b = open({ ownAddresses: [...asked, V6], ikePort: 0 });
    const a = open({ ownAddresses: [V4, V6], ikePort: 0 });
    const answers = inboxOf(a);
    inboxOf(b, ({ octets, path }) => {
      b.send(octets, path);
      b.flush();
    });
    for (const [i, peer] of asked.entries()) {
      a.send(Uint8Array.of(i, 1), way(a, V4, b, peer));
      a.flush();
      // The portable transport's receive buffer is small.
      if (i % 20 === 19) await pause(2);
    }
    a.send(Uint8Array.of(MANY, 1), way(a, V6, b, V6));
    a.flush();
    for (const { octets, path } of await answers.reach(MANY + 1)) {
      const expected = octets[0]! === MANY ? V6 : asked[octets[0]!]!;
      assert.equal(showAddress(path.peerAddress), showAddress(expected));
      assert.equal(path.peerPort, b.ikePort);
      assert.equal(path.ownAddress.length, expected.length);
    }
    await Promise.all([a.close(), b.close()]);
  });

  Deno.test(`${name}: port 0 takes one port for all addresses`, async () => {
    const a = open({ ownAddresses: [V4, SECOND, V6], ikePort: 0, nattPort: 0 });
    assert.ok(a.ikePort > 0);
    assert.ok(a.nattPort! > 0);
    assert.notEqual(a.ikePort, a.nattPort);
    await a.close();
  });

  Deno.test(`${name}: two tests share a port where their addresses differ`, async () => {
    const a = open({ ownAddresses: [V4, V6], ikePort: 0 });
    const b = open({ ownAddresses: [SECOND, at("127.0.1.8")], ikePort: a.ikePort });
    const inbox = inboxOf(b);
    const mine = inboxOf(a);
    a.send(Uint8Array.of(1), way(a, V4, b, SECOND));
    a.flush();
    await inbox.reach(1);
    assert.equal(mine.all.length, 0);
    await Promise.all([a.close(), b.close()]);
  });

  Deno.test(`${name}: a port in use names address, process and option`, async () => {
    const a = open({ ownAddresses: [V4], ikePort: 0 });
    const refusal = (option: string) => (e: unknown) => {
      assert.ok(e instanceof SetupError);
      const who = `process ${Deno.pid} \\(.+\\)`;
      assert.match(e.message, new RegExp(`127.0.0.1:${a.ikePort}: ${who} has it; set ${option} `));
      return true;
    };
    assert.throws(() => open({ ownAddresses: [V4], ikePort: a.ikePort }), refusal("ownport"));
    assert.throws(
      () => open({ ownAddresses: [V4], ikePort: 0, nattPort: a.ikePort }),
      refusal("ownnattport"),
    );
    await a.close();
  });

  Deno.test(`${name}: an address nobody has says who could add it`, () => {
    for (const others of [[], loopbacks(3, MANY)]) {
      assert.throws(
        () => open({ ownAddresses: [...others, at("192.0.2.1")], ikePort: 0 }),
        /192\.0\.2\.1:\d+: no interface has the address.*bindifname/,
      );
    }
  });

  Deno.test(`${name}: datagrams of any size arrive whole and in order`, async () => {
    const a = open({ ownAddresses: [V4], ikePort: 0 });
    const b = open({ ownAddresses: [SECOND], ikePort: 0 });
    const inbox = inboxOf(b);
    inboxOf(a);
    const sizes = [1, 28, 1472, 1473, 9000, 65_507];
    for (const [i, size] of sizes.entries()) {
      a.send(new Uint8Array(size).fill(i + 1), way(a, V4, b, SECOND));
      a.flush();
      await inbox.reach(i + 1);
    }
    for (const [i, { octets }] of inbox.all.entries()) {
      assert.equal(octets.length, sizes[i]);
      assert.ok(octets.every((octet) => octet === i + 1));
    }
    await Promise.all([a.close(), b.close()]);
  });

  Deno.test(`${name}: what the system refuses is counted and harms no other datagram`, async () => {
    const a = open({ ownAddresses: [V4], ikePort: 0 });
    const b = open({ ownAddresses: [SECOND], ikePort: 0 });
    const inbox = inboxOf(b);
    inboxOf(a);
    const good = way(a, V4, b, SECOND);
    a.send(Uint8Array.of(1), good);
    a.send(Uint8Array.of(2), { ...good, peerPort: 0 });
    a.send(new Uint8Array(65_536), good);
    a.send(Uint8Array.of(3), { ...good, ownAddress: at("127.0.9.9") });
    a.send(Uint8Array.of(4), { ...good, ownPort: a.ikePort ^ 1 });
    a.send(Uint8Array.of(5), good);
    a.flush();
    const arrived = await inbox.reach(2);
    assert.deepEqual(arrived.map((d) => d.octets[0]).sort(), [1, 5]);
    await Promise.all([a.close(), b.close()]);
    assert.deepEqual([a.counters.sent, a.counters.sendErrors], [2, 4]);
    const { sendErrors } = a;
    assert.equal(sendErrors!.unsentIke, 4);
    assert.equal(sendErrors!.figures().reduce((sum, { count }) => sum + count, 0), 4);
    const why = sendErrors!.lastOf({ ...good, ownPort: a.ikePort ^ 1 });
    assert.match(why!.words, /^Cannot send to 127\.0\.1\.7:\d+ from .*: no socket is at the own/);
    assert.match(sendErrors!.lastOf(good)!.words, /octets are more than|Message too long/);
  });

  Deno.test(`${name}: what the system refuses is told with both ends, the cause, and once`, async () => {
    const a = open({ ownAddresses: [V4], ikePort: 0 });
    inboxOf(a);
    const told: string[] = [];
    a.sendErrors!.tell = (words) => told.push(words);
    // A socket at loopback sends nothing to any other network.
    const path = {
      ownAddress: V4,
      ownPort: a.ikePort,
      peerAddress: at("192.0.2.1"),
      peerPort: 500,
    };
    for (let i = 0; i < 3; i++) {
      a.send(Uint8Array.of(1), path);
      a.flush();
    }
    await pause(20);
    await a.close();
    const cause = "(Invalid argument: .*\\(EINVAL\\)|Network is unreachable: .*\\(ENETUNREACH\\))";
    const words = `Cannot send to 192\\.0\\.2\\.1:500 from 127\\.0\\.0\\.1:${a.ikePort}: ${cause}`;
    assert.equal(told.length, 1);
    assert.match(told[0]!, new RegExp(`^${words}$`));
    const [figures, ...others] = a.sendErrors!.figures();
    assert.deepEqual([figures!.count, figures!.example, others], [3, told[0], []]);
    assert.match(figures!.cause, new RegExp(`^${cause}$`));
    assert.deepEqual(a.sendErrors!.lastOf(path), { words: told[0], isIcmp: false });
    assert.equal(a.sendErrors!.unsentIke, 3);
  });

  Deno.test(`${name}: a peer that is gone leaves the socket good`, async () => {
    const gone = open({ ownAddresses: [SECOND], ikePort: 0 });
    const a = open({ ownAddresses: [V4], ikePort: 0 });
    const inbox = inboxOf(a);
    const path = way(a, V4, gone, SECOND);
    await gone.close();
    a.send(Uint8Array.of(1), path);
    a.flush();
    await pause(20);
    const b = open({ ownAddresses: [SECOND], ikePort: 0 });
    b.send(Uint8Array.of(2), way(b, SECOND, a, V4));
    b.flush();
    await inbox.reach(1);
    assert.deepEqual(inbox.failures, []);
    await Promise.all([a.close(), b.close()]);
  });

  Deno.test(`${name}: the end sends what waits, says nothing, and may be asked for twice`, async () => {
    const a = open({ ownAddresses: [V4], ikePort: 0 });
    const b = open({ ownAddresses: [SECOND], ikePort: 0 });
    const inbox = inboxOf(b);
    const mine = inboxOf(a);
    const path = way(a, V4, b, SECOND);
    a.send(Uint8Array.of(1), path);
    await Promise.all([a.close(), a.close()]);
    a.send(Uint8Array.of(2), path);
    a.flush();
    await inbox.reach(1);
    assert.deepEqual(mine.failures, []);
    assert.deepEqual([a.counters.sent, a.counters.sendErrors], [1, 1]);
    // The port is free again.
    await open({ ownAddresses: [V4], ikePort: a.ikePort }).close();
    await b.close();
  });

  Deno.test(`${name}: a transport that nobody listens to can be closed`, async () => {
    const a = open({ ownAddresses: [V4], ikePort: 0 });
    a.send(Uint8Array.of(1), way(a, V4, a, V4));
    await a.close();
  });
}
