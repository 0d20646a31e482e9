import assert from "node:assert/strict";
import { parseAddress, type Path, showPath } from "@/base/address.ts";
import type { Datagram, Transport } from "@/transport/transport.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";

const V4 = parseAddress("127.0.0.1")!,
  SECOND = parseAddress("127.0.1.7")!,
  V6 = parseAddress("::1")!;

/** Waits for `count` messages. */
function take(transport: Transport, count: number): Promise<Datagram[]> {
  return new Promise((resolve, reject) => {
    const all: Datagram[] = [];
    transport.listen({
      datagrams(batch) {
        all.push(...batch.map((d) => ({ ...d, octets: d.octets.slice() })));
        if (all.length === count) resolve(all);
      },
      failed: reject,
    });
  });
}

function way(
  from: Transport,
  ownAddress: Uint8Array,
  to: Transport,
  peerAddress: Uint8Array,
): Path {
  return { ownAddress, ownPort: from.ikePort, peerAddress, peerPort: to.ikePort };
}

for (const [name, own, peer] of [["IPv4", V4, SECOND], ["IPv6", V6, V6]] as const) {
  Deno.test(`portable UDP carries messages over ${name} and tells both ends`, async () => {
    const a = openPortableUdp({ ownAddresses: [own], ikePort: 0 });
    const b = openPortableUdp({ ownAddresses: [peer], ikePort: 0 });
    const arrival = take(b, 1);
    a.listen({ datagrams() {}, failed() {} });
    a.send(new Uint8Array(1500).fill(7), way(a, own, b, peer));
    const [datagram] = await arrival;
    assert.equal(datagram!.octets.length, 1500);
    assert.equal(showPath(datagram!.path), showPath(way(b, peer, a, own)));
    assert.equal(datagram!.encapsulated, false);
    await Promise.all([a.close(), b.close()]);
    assert.equal(a.counters.sent, 1);
  });
}

Deno.test("the NAT-T port puts the marker on and takes it off; keepalives and ESP are counted", async () => {
  const a = openPortableUdp({ ownAddresses: [V4], ikePort: 0, nattPort: 0 });
  const b = openPortableUdp({ ownAddresses: [V4], ikePort: 0, nattPort: 0 });
  const arrival = take(b, 1);
  a.listen({ datagrams() {}, failed() {} });
  const raw = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to = { transport: "udp", hostname: "127.0.0.1", port: b.nattPort! } as const;
  await raw.send(Uint8Array.of(0xff), to);
  await raw.send(Uint8Array.of(0, 0, 1, 2, 0, 0, 0, 1), to);
  await raw.send(Uint8Array.of(0, 0), to);
  const path = { ownAddress: V4, ownPort: a.nattPort!, peerAddress: V4, peerPort: b.nattPort! };
  a.send(Uint8Array.of(1, 2, 3), path);
  const [datagram] = await arrival;
  assert.deepEqual([...datagram!.octets], [1, 2, 3]);
  assert.equal(datagram!.encapsulated, true);
  assert.deepEqual([b.counters.keepalives, b.counters.esp, b.counters.received], [1, 1, 4]);
  raw.close();
  await Promise.all([a.close(), b.close()]);
});

Deno.test("port 0 takes one port for all addresses", async () => {
  const a = openPortableUdp({ ownAddresses: [V4, SECOND], ikePort: 0 });
  assert.ok(a.ikePort > 0);
  await a.close();
});

Deno.test("a port in use names address, process and option", async () => {
  const a = openPortableUdp({ ownAddresses: [V4], ikePort: 0 });
  assert.throws(
    () => openPortableUdp({ ownAddresses: [V4], ikePort: a.ikePort }),
    new RegExp(`127.0.0.1:${a.ikePort}: process ${Deno.pid} \\(.+\\) has it; set ownport`),
  );
  assert.throws(
    () => openPortableUdp({ ownAddresses: [V4], ikePort: 0, nattPort: a.ikePort }),
    /set ownnattport/,
  );
  await a.close();
});

Deno.test("an address nobody has says who could add it", () => {
  const elsewhere = parseAddress("192.0.2.1")!;
  assert.throws(
    () => openPortableUdp({ ownAddresses: [elsewhere], ikePort: 0 }),
    /192\.0\.2\.1:0: no interface has the address.*bindifname/,
  );
});
