import assert from "node:assert/strict";
import { parseAddress, type Path } from "@/base/address.ts";
import { toHex } from "@/base/bytes.ts";
import { PcapFile } from "@/report/pcap.ts";
import { readDatagrams, readIpPackets } from "@/base/capture_reader.ts";

const EPOCH_MS = 1_700_000_000_123.456;

/** The path of a datagram between these addresses. */
function path(own: string, peer: string): Path {
  return {
    ownAddress: parseAddress(own)!,
    ownPort: 4500,
    peerAddress: parseAddress(peer)!,
    peerPort: 61_234,
  };
}

/** The octets of a capture file. */
async function captured(write: (file: PcapFile) => void): Promise<Uint8Array> {
  const name = await Deno.makeTempFile();
  try {
    const file = new PcapFile(name);
    write(file);
    file.close();
    assert.equal(Deno.statSync(name).mode! & 0o777, 0o600);
    return await Deno.readFile(name);
  } finally {
    await Deno.remove(name);
  }
}

/** One's complement sum of 16-bit words (RFC 1071), which is 0xffff for data with a correct checksum. */
function sum(...parts: Uint8Array[]): number {
  const octets = parts.flatMap((part) => [...part, ...(part.length % 2 ? [0] : [])]);
  let total = 0;
  for (let i = 0; i < octets.length; i += 2) total += octets[i]! * 256 + octets[i + 1]!;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

for (
  const [family, own, peer] of [
    ["IPv4", "192.0.2.1", "198.51.100.200"],
    ["IPv6", "2001:db8::1", "2001:db8:ffff::abcd"],
  ] as const
) {
  Deno.test(`a capture has the datagrams of both directions with their addresses and ports, ${family}`, async () => {
    const sent = new Uint8Array(37).fill(0xab);
    const received = new Uint8Array(28).fill(0xcd);
    const file = await captured((file) => {
      file.add(true, sent, path(own, peer), EPOCH_MS);
      file.add(false, received, path(own, peer), EPOCH_MS);
    });
    const [first, second] = readDatagrams(file);
    assert.deepEqual(first, {
      source: parseAddress(own)!,
      sourcePort: 4500,
      destination: parseAddress(peer)!,
      destinationPort: 61_234,
      payload: sent,
    });
    assert.deepEqual(
      [second!.source, second!.sourcePort, second!.destinationPort, toHex(second!.payload)],
      [parseAddress(peer)!, 61_234, 4500, toHex(received)],
    );
  });

  Deno.test(`the checksums of ${family} and UDP headers are correct, also for odd lengths`, async () => {
    const payloads = [0, 1, 2, 45, 1280].map((n) => new Uint8Array(n).fill(0xee));
    const packets = readIpPackets(
      await captured((file) => {
        for (const payload of payloads) file.add(true, payload, path(own, peer), EPOCH_MS);
      }),
    );
    assert.equal(packets.length, payloads.length);
    for (const packet of packets) {
      const v4 = family === "IPv4";
      const udp = packet.subarray(v4 ? 20 : 40);
      const addresses = packet.subarray(v4 ? 12 : 8, v4 ? 20 : 40);
      if (v4) assert.equal(sum(packet.subarray(0, 20)), 0xffff);
      const pseudo = Uint8Array.of(0, 17, udp.length >> 8, udp.length & 0xff);
      assert.equal(sum(addresses, pseudo, udp), 0xffff);
      assert.notDeepEqual([...udp.subarray(6, 8)], [0, 0]);
    }
  });
}

Deno.test("a frame has its time in microseconds", async () => {
  const file = await captured((f) =>
    f.add(true, Uint8Array.of(1), path("127.0.0.1", "127.0.0.2"), EPOCH_MS)
  );
  const view = new DataView(file.buffer, file.byteOffset);
  assert.equal(view.getUint32(24), 1_700_000_000);
  assert.ok(Math.abs(view.getUint32(28) - 123_456) <= 1, `${view.getUint32(28)}`);
});

Deno.test("a capture can be read while the test runs", async () => {
  const name = await Deno.makeTempFile();
  const file = new PcapFile(name);
  const payload = new Uint8Array(60_000);
  for (let i = 0; i < 2; i++) file.add(true, payload, path("127.0.0.1", "127.0.0.2"), EPOCH_MS);
  assert.equal(readDatagrams(await Deno.readFile(name)).length, 2);
  file.close();
  await Deno.remove(name);
});
