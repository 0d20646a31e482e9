import assert from "node:assert/strict";
import { parseAddress, type Path } from "@/base/address.ts";
import { toHex } from "@/base/bytes.ts";
import { CaptureFile, type CaptureOptions } from "@/report/capture_file.ts";
import type { RecordedDatagram } from "@/engine/run/hooks.ts";
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

/** A datagram on this path; of no tunnel that is known, unless `more` says so. */
function datagram(
  sent: boolean,
  octets: Uint8Array,
  way: Path,
  more: Partial<RecordedDatagram> = {},
): RecordedDatagram {
  return { sent, octets, path: way, epochMs: EPOCH_MS, tunnel: undefined, ...more };
}

/** The octets of a capture file. */
async function captured(
  write: (file: CaptureFile) => void,
  options: CaptureOptions = {},
): Promise<Uint8Array> {
  const name = await Deno.makeTempFile();
  try {
    const file = new CaptureFile(name, options);
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
      file.add(datagram(true, sent, path(own, peer)));
      file.add(datagram(false, received, path(own, peer)));
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
        for (const payload of payloads) file.add(datagram(true, payload, path(own, peer)));
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
  const way = path("127.0.0.1", "127.0.0.2");
  const file = await captured((f) => f.add(datagram(true, Uint8Array.of(1), way)));
  const view = new DataView(file.buffer, file.byteOffset);
  // Behind the blocks of the section and of the interface, each with its length.
  const at = view.getUint32(4) + view.getUint32(view.getUint32(4) + 4);
  const microseconds = view.getUint32(at + 12) * 2 ** 32 + view.getUint32(at + 16);
  assert.ok(Math.abs(microseconds - 1_700_000_000_123_456) <= 1, `${microseconds}`);
});

/** What is added to the SPIs of tests, which must not look like a non-ESP marker. */
const SPI_BASE = 0x1100000000000000n;

/** An IKE message of a header alone: its SPIs, and whether the original initiator has sent it. */
function message(spiI: bigint, spiR: bigint, ofInitiator: boolean, marked = false): Uint8Array {
  const octets = new Uint8Array(28);
  const view = new DataView(octets.buffer);
  view.setBigUint64(0, SPI_BASE + spiI);
  view.setBigUint64(8, spiR === 0n ? 0n : SPI_BASE + spiR);
  octets.set([33, 0x20, 34, ofInitiator ? 8 : 0], 16);
  view.setUint32(24, 28);
  return marked ? Uint8Array.from([0, 0, 0, 0, ...octets]) : octets;
}

Deno.test("a capture of one tunnel has its messages from the first on, and no others", async () => {
  const [own, other] = [path("127.0.0.1", "127.0.0.2"), path("127.0.0.1", "127.0.0.3")];
  const keepalive = Uint8Array.of(0xff);
  const file = await captured((f) => {
    // A gateway knows the tunnel of a first request only when it answers it.
    f.add(datagram(false, message(1n, 0n, true), own));
    f.add(datagram(false, message(2n, 0n, true), other));
    f.add(datagram(true, message(2n, 8n, false), other, { tunnel: 4 }));
    f.add(datagram(true, message(1n, 9n, false), own, { tunnel: 3 }));
    f.add(datagram(false, message(1n, 9n, true, true), own, { tunnel: 3 }));
    f.add(datagram(false, keepalive, own));
    f.add(datagram(false, keepalive, other));
    // The IKE SA is gone, and the last message comes once more.
    f.add(datagram(false, message(1n, 9n, true), own));
    f.add(datagram(false, message(2n, 8n, true), other));
  }, { tunnel: 3 });
  const found = readDatagrams(file).map(({ payload }) => toHex(payload.subarray(0, 8)));
  const first = "1100000000000001";
  assert.deepEqual(found, [first, first, "0000000011000000", "ff", first]);
});

Deno.test("requests that no IKE SA answers are dropped by a filter when too many wait", async () => {
  const way = path("127.0.0.1", "127.0.0.2");
  const file = await captured((f) => {
    for (let i = 1n; i <= 1_000n; i++) f.add(datagram(false, message(i, 0n, true), way));
    for (const spiI of [1n, 1_000n]) {
      f.add(datagram(true, message(spiI, 7n, false), way, { tunnel: 0 }));
    }
  }, { tunnel: 0 });
  assert.equal(readDatagrams(file).length, 3);
});

Deno.test("a capture that is full is renamed to .prev, and both parts can be read", async () => {
  const directory = await Deno.makeTempDir();
  const name = `${directory}/c`;
  const file = new CaptureFile(name, { octetsMax: 1_000 });
  const way = path("127.0.0.1", "127.0.0.2");
  for (let i = 0; i < 30; i++) file.add(datagram(true, new Uint8Array(100).fill(i), way));
  file.close();
  const parts = [`${name}.prev`, name].map((part) => Deno.readFileSync(part));
  for (const part of parts) assert.ok(part.length <= 1_000, `${part.length} octets`);
  const counts = parts.map((part) => readDatagrams(part).map(({ payload }) => payload[0]!));
  assert.equal(counts.flat().at(-1), 29);
  // The newest datagrams are there without a gap.
  assert.ok(counts.flat().every((n, i, all) => i === 0 || n === all[i - 1]! + 1));
  await Deno.remove(directory, { recursive: true });
});

const hasTshark = await new Deno.Command("tshark", { args: ["-v"], stdout: "null", stderr: "null" })
  .output().then(({ success }) => success, () => false);

Deno.test({
  name: `tshark reads direction, tunnel and program${hasTshark ? "" : " (left out: no tshark)"}`,
  ignore: !hasTshark,
  fn: async () => {
    const directory = await Deno.makeTempDir();
    const name = `${directory}/c`;
    const way = path("127.0.0.1", "127.0.0.2");
    const file = new CaptureFile(name);
    file.add(datagram(true, message(1n, 0n, true), way, { tunnel: 3 }));
    file.add(datagram(false, message(1n, 9n, false), way));
    file.close();
    const fields = ["frame.packet_flags_direction", "frame.comment", "frame.time_epoch", "ip.src"];
    const columns = fields.flatMap((field) => ["-e", field]);
    const { stdout, stderr } = await new Deno.Command("tshark", {
      args: ["-r", name, "-T", "fields", "-E", "separator=|", ...columns],
    }).output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    assert.deepEqual(lines.map((line) => line.split("|").toSpliced(2, 1)), [
      ["0x00000002", "tunnel 3", "127.0.0.1"],
      ["0x00000001", "", "127.0.0.2"],
    ], new TextDecoder().decode(stderr));
    assert.match(lines[0]!, /\|1700000000\.12345[56]/);
    await Deno.remove(directory, { recursive: true });
  },
});

Deno.test("a capture can be read while the test runs", async () => {
  const name = await Deno.makeTempFile();
  const file = new CaptureFile(name);
  const payload = new Uint8Array(60_000);
  for (let i = 0; i < 2; i++) file.add(datagram(true, payload, path("127.0.0.1", "127.0.0.2")));
  assert.equal(readDatagrams(await Deno.readFile(name)).length, 2);
  file.close();
  await Deno.remove(name);
});
