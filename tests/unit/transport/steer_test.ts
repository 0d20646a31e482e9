/** The kernel distributes datagrams among the sockets of workers by the SPI that is ours. */
import assert from "node:assert/strict";
import { shardOfWord } from "@/base/shard.ts";
import { loadShim } from "@/native/load.ts";
import { closeSharedUdp, openNativeUdp, openSharedUdp } from "@/transport/udp_native.ts";
import type { Transport, UdpOptions } from "@/transport/transport.ts";
import { at, pause } from "./_variants.ts";

const OF = 3;
const OPTIONS: UdpOptions = { ownAddresses: [at("127.0.3.1")], ikePort: 0, nattPort: 0 };
const FLAG_INITIATOR = 0x08;

const ignore = !loadShim().symbols;

/** The header of an IKE message, with random SPIs where none is given. */
function message(
  { spiI, spiR, flags }: { spiI?: bigint; spiR?: bigint; flags: number },
): Uint8Array {
  const octets = new Uint8Array(28);
  const view = new DataView(octets.buffer);
  crypto.getRandomValues(octets.subarray(0, 16));
  if (spiI !== undefined) view.setBigUint64(0, spiI);
  if (spiR !== undefined) view.setBigUint64(8, spiR);
  octets[19] = flags;
  return octets;
}

function marked(octets: Uint8Array): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, ...octets);
}

/** Sends each payload to a port of three workers; returns which of them got it, by their numbers. */
async function whoGets(payloads: readonly Uint8Array[], natt: boolean): Promise<number[]> {
  const opened = openSharedUdp({ ...OPTIONS, ownEsp: true }, OF);
  const { ikePort, nattPort } = opened[0]!;
  const transports: Transport[] = opened.map((one) =>
    openNativeUdp({ ...OPTIONS, ownEsp: true, ikePort, nattPort }, one)
  );
  const got: { worker: number; octets: string }[] = [];
  for (const [worker, transport] of transports.entries()) {
    const take = (octets: Uint8Array) => got.push({ worker, octets: octets.toHex() });
    transport.esp!.receiver = {
      packet: (arena, from, length) => take(arena.subarray(from, from + length)),
      batchEnds: () => {},
    };
    transport.listen({
      datagrams: (batch) => batch.forEach(({ octets }) => take(octets)),
      failed: (e) => assert.fail(String(e)),
    });
  }
  const sender = Deno.listenDatagram({ transport: "udp", hostname: "127.0.3.2", port: 0 });
  try {
    const port = natt ? nattPort! : ikePort;
    for (const octets of payloads) {
      await sender.send(octets, { transport: "udp", hostname: "127.0.3.1", port });
    }
    for (let tries = 0; got.length < payloads.length && tries < 500; tries++) await pause(10);
    return payloads.map((octets) => {
      const hex = octets.toHex();
      return got.find((one) => hex.endsWith(one.octets))?.worker ?? -1;
    });
  } finally {
    sender.close();
    await Promise.all(transports.map((transport) => transport.close()));
  }
}

/** An SPIi that begins with four zeros would look like a non-ESP marker at the IKE port. */
const HIGH = 5n << 40n;
const SPIS = [
  HIGH + 1n,
  HIGH + 2n,
  HIGH + 3n,
  HIGH + 0xffff_ffffn,
  0x1234_5678_9abc_def0n,
  0xffff_ffff_ffff_ffffn,
  77n << 32n,
];
const workerOf = (spi: bigint) => shardOfWord(Number(spi & 0xffff_ffffn), OF);

for (const natt of [false, true]) {
  const port = natt ? "NAT-T" : "IKE";
  const wrapped = natt ? marked : (octets: Uint8Array) => octets;

  Deno.test({
    name: `steering at the ${port} port: the SPI that is ours says the worker`,
    ignore,
    async fn() {
      const own = SPIS.map((spiR) => message({ spiR, flags: FLAG_INITIATOR }));
      const ours = SPIS.map((spiI) => message({ spiI, flags: 0x20 }));
      const workers = await whoGets([...own, ...ours].map(wrapped), natt);
      assert.deepEqual(workers, [...SPIS, ...SPIS].map(workerOf));
    },
  });

  Deno.test({
    name: `steering at the ${port} port: an IKE_SA_INIT request goes by SPIi, to all workers`,
    ignore,
    async fn() {
      const first = Array.from(
        { length: 60 },
        () => message({ spiR: 0n, flags: FLAG_INITIATOR }),
      );
      const workers = await whoGets([...first, ...first].map(wrapped), natt);
      assert.deepEqual(workers.slice(60), workers.slice(0, 60), "a repetition goes where it went");
      for (let worker = 0; worker < OF; worker++) {
        const share = workers.slice(0, 60).filter((one) => one === worker).length;
        assert.ok(share > 5 && share < 40, `worker ${worker} got ${share} of 60`);
      }
    },
  });
}

Deno.test({
  name: "steering at the NAT-T port: ESP goes by its SPI",
  ignore,
  async fn() {
    const spis = [256, 257, 258, 0xffff_fffe, 0xffff_ffff];
    const packets = spis.map((spi) => {
      const octets = crypto.getRandomValues(new Uint8Array(40));
      new DataView(octets.buffer).setUint32(0, spi);
      return octets;
    });
    const workers = await whoGets(packets, true);
    assert.deepEqual(workers, spis.map((spi) => shardOfWord(spi, OF)));
  },
});

Deno.test({
  name: "a message with the non-ESP marker at the IKE port is steered like any other",
  ignore,
  async fn() {
    const messages = SPIS.map((spiR) => marked(message({ spiR, flags: FLAG_INITIATOR })));
    assert.deepEqual(await whoGets(messages, false), SPIS.map(workerOf));
  },
});

Deno.test({
  name: "workers do not share a port with another test",
  ignore,
  fn() {
    const opened = openSharedUdp(OPTIONS, 2);
    const { ikePort } = opened[0]!;
    try {
      assert.throws(() => openSharedUdp({ ...OPTIONS, ikePort }, 2), /127\.0\.3\.1:\d+: process/);
    } finally {
      opened.forEach(closeSharedUdp);
    }
  },
});
