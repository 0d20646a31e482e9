/**
 * Measures how fast messages of 300 octets go over loopback and come back, on each transport, with both
 * ends in this process. One message at a time shows what the waiting costs, and 64 at a time what a
 * datagram costs.
 *
 * Run: deno run -A tests/bench/udp_bench.ts
 * @module
 */
import { cpuUsage } from "node:process";
import { parseAddress, type Path } from "@/base/address.ts";
import { loadShim } from "@/native/load.ts";
import { openUdp } from "@/transport/open.ts";
import type { Transport } from "@/transport/transport.ts";

const OCTETS = 300;
const RUN_MS = 1500;
const WARM_UP_MS = 300;
const WINDOWS = [1, 64];
/** Numbers of own addresses, since each tunnel of a client may have an address of its own. */
const OWN_ADDRESSES = [1, 200];

interface Figures {
  /** Messages per second. A message and its echo are counted as two. */
  readonly rate: number;
  /** CPU time of the whole process per message, in µs. It is for sending and for receiving. */
  readonly cpuUs: number;
  /** Messages whose echo did not arrive before the end. */
  readonly lost: number;
}

const own = (i: number) => parseAddress(`127.0.5.${i + 1}`)!;
const PEER = parseAddress("127.0.6.1")!;
const shim = loadShim();
const names = ["portable", ...shim.symbols ? ["native"] as const : []] as const;
if (!shim.symbols) console.log(`native left out: ${shim.reason}`);

for (const addresses of OWN_ADDRESSES) {
  for (const window of WINDOWS) {
    console.log(`\n${window} at a time, own addresses: ${addresses}`);
    const all: Figures[] = [];
    for (const name of names) {
      const figures = await measure(name, window, addresses);
      all.push(figures);
      const { rate, cpuUs, lost } = figures;
      console.log(
        `  ${name.padEnd(9)}${rate.toFixed(0).padStart(8)} messages/s` +
          `${cpuUs.toFixed(2).padStart(8)} µs CPU each` + (lost ? `, ${lost} lost` : ""),
      );
    }
    const [portable, native] = all;
    if (!native) continue;
    console.log(
      `  native against portable: ${(native.rate / portable!.rate).toFixed(1)} × the rate, ` +
        `${(native.cpuUs / portable!.cpuUs).toFixed(2)} × the CPU`,
    );
  }
}

/** Sends messages from `a`, which `b` echoes, for a while; then stops and counts. */
async function measure(
  name: "portable" | "native",
  window: number,
  addresses: number,
): Promise<Figures> {
  const ownAddresses = Array.from({ length: addresses }, (_, i) => own(i));
  const a = openUdp({ ownAddresses, ikePort: 0 }, name);
  const b = openUdp({ ownAddresses: [PEER], ikePort: 0 }, name);
  const message = new Uint8Array(OCTETS).fill(1);
  let isRunning = true;
  let echoes = 0;
  let underWay = 0;
  echo(b, () => true);
  echo(a, () => (echoes++, isRunning || (underWay--, false)));
  for (let i = 0; i < window; i++, underWay++) {
    const path: Path = {
      ownAddress: own(i % addresses),
      ownPort: a.ikePort,
      peerAddress: PEER,
      peerPort: b.ikePort,
    };
    a.send(message, path);
  }
  a.flush();
  await pause(WARM_UP_MS);
  const cpuAtStart = cpuUsage();
  const start = performance.now();
  const echoesAtStart = echoes;
  await pause(RUN_MS);
  const ms = performance.now() - start;
  const { user, system } = cpuUsage(cpuAtStart);
  const messages = 2 * (echoes - echoesAtStart);
  isRunning = false;
  await pause(50);
  await Promise.all([a.close(), b.close()]);
  return { rate: messages / ms * 1000, cpuUs: (user + system) / messages, lost: underWay };
}

/** Sends each message back to its sender if `mayEcho` returns true for it. */
function echo(transport: Transport, mayEcho: () => boolean): void {
  transport.listen({
    datagrams(batch) {
      for (const { octets, path } of batch) if (mayEcho()) transport.send(octets, path);
      transport.flush();
    },
    failed: (error) => {
      throw error;
    },
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
