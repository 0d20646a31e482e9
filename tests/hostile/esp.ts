/**
 * ESP in the process under attack: replays, forgeries, unknown SPIs, cut packets, spoofed inner addresses
 * and what else there is, from strangers and from a peer who has keys. Each kind must be dropped and
 * counted under its cause, nothing of it come out; and good traffic must go on while it lasts, as the
 * ratio of what comes out of what was sent with the flood and without, in turn within one run. Needs no root; all traffic
 * is on loopback.
 *
 *   deno task test:flood:esp [--count 2000] [--good 10000] [--bad 20000] [--rounds 5] [--seed 1]
 *
 * `--count` packets of each kind, `--good` and `--bad` packets per second. Ends with a line
 * "N passed, N failed".
 * @module
 */
import { parseArgs } from "node:util";
import { parseAddress, type Path } from "@/base/address.ts";
import { SeededRandom } from "@/base/random.ts";
import type { UserlandDrops } from "@/datapath/userland_counters.ts";
import { openUdp } from "@/transport/open.ts";
import { delay } from "./ends.ts";
import { EspGarbage, KIND_NAMES, KINDS, type Made } from "./esp_garbage.ts";
import type { Counted } from "./esp_gateway.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    count: { type: "string", default: "2000" },
    good: { type: "string", default: "10000" },
    bad: { type: "string", default: "20000" },
    rounds: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
  },
});
const count = Number(values.count);
const rounds = Number(values.rounds);
/** Number of packets between two checks of how many were received. */
const BURST = 64;
/** Number of good packets before all bad ones, so that the replay window has moved on. */
const WARM_UP = 4096;
const ROUND_MS = 2000;
const TICK_MS = 4;
/** The part of the good traffic that must remain during the flood. */
const RATIO_MIN = 0.9;

let passed = 0;
let failed = 0;

function check(name: string, holds: boolean, detail = ""): void {
  if (holds) passed++;
  else failed++;
  console.log(`${holds ? "ok    " : "FAILED"} ${name}${holds || !detail ? "" : `: ${detail}`}`);
}

/** The gateway's process. */
class Gateway {
  readonly #child: Deno.ChildProcess;
  readonly #ask: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;
  port = 0;

  private constructor() {
    const program = new URL("esp_gateway.ts", import.meta.url).pathname;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--unstable-net", "--no-check", program],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#ask = this.#child.stdin.getWriter();
    this.#lines = linesOf(this.#child.stdout);
  }

  static async start(): Promise<Gateway> {
    const gateway = new Gateway();
    gateway.port = Number((await gateway.#lines.next()).value);
    return gateway;
  }

  async counted(): Promise<Counted> {
    await this.#ask.write(Uint8Array.of(10));
    return JSON.parse((await this.#lines.next()).value as string);
  }

  async stop(): Promise<void> {
    await this.#ask.close();
    await this.#child.status;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

const peerAddress = parseAddress("127.0.0.1")!;
const ownAddress = parseAddress("127.9.0.1")!;
const gateway = await Gateway.start();
const transport = openUdp(
  { ownAddresses: [ownAddress], ikePort: 0, nattPort: 0, ownEsp: true },
  "auto",
);
const path: Path = {
  ownAddress,
  ownPort: transport.nattPort!,
  peerAddress,
  peerPort: gateway.port,
};
const garbage = new EspGarbage(new SeededRandom(Number(values.seed)));

function send({ packet, trafficClass }: Made): void {
  transport.esp!.send(packet, path, trafficClass);
}

/** Sends `total` packets at the rate of the gateway; returns what it counted when all had arrived. */
async function sendAll(total: number, make: () => Made): Promise<Counted> {
  let told = await gateway.counted();
  const wanted = told.arrived + total;
  const endMs = performance.now() + 60_000;
  for (let left = total; left > 0; left -= BURST) {
    for (let i = 0; i < Math.min(BURST, left); i++) send(make());
    transport.esp!.flush();
    while (told.arrived + told.lost < wanted - left && performance.now() < endMs) {
      told = await gateway.counted();
    }
  }
  while (told.arrived < wanted && performance.now() < endMs) told = await gateway.counted();
  return told;
}

/** Sends each kind alone and checks its counter. */
async function countKinds(): Promise<void> {
  const warm = await sendAll(WARM_UP, () => garbage.good());
  check(`${WARM_UP} good packets come out`, warm.delivered === WARM_UP, `${warm.delivered}`);
  for (const kind of KIND_NAMES) {
    const before = await gateway.counted();
    const after = await sendAll(count, () => garbage.make(kind));
    const seen = Object.fromEntries(
      Object.entries(after.drops)
        .map(([cause, n]) => [cause, n - before.drops[cause as keyof UserlandDrops]])
        .filter(([, n]) => n !== 0),
    );
    const wanted = { [KINDS[kind]]: count };
    const out = after.delivered - before.delivered;
    const isSo = out === 0 && JSON.stringify(seen) === JSON.stringify(wanted);
    const name = `${count} × ${kind}: dropped, and counted as ${KINDS[kind]}`;
    check(name, isSo, `${out} came out, counted ${JSON.stringify(seen)}`);
  }
  const good = await sendAll(100, () => garbage.good());
  check("good packets come out as before", good.delivered === WARM_UP + 100);
}

/** The numbers of good and bad packets in a second. */
interface Rates {
  readonly sent: number;
  readonly cameOut: number;
  readonly bad: number;
}

/** Sends at these rates for a while. */
async function round(goodRate: number, badRate: number): Promise<Rates> {
  const random = new SeededRandom(Number(values.seed));
  // The packets are made before, so that the flood costs its sender little.
  const floodOf = Math.ceil(badRate * ROUND_MS / 1000);
  const flood = Array.from({ length: floodOf }, () => garbage.make(random.pick(KIND_NAMES)));
  const before = await gateway.counted();
  const beganMs = performance.now();
  let good = 0;
  let bad = 0;
  for (let ms = 0; ms < ROUND_MS; ms = performance.now() - beganMs) {
    const goodDue = goodRate * ms / 1000;
    const badDue = Math.min(badRate * ms / 1000, flood.length);
    // Good and bad packets alternate, so that neither delays the other.
    for (; good < goodDue; good++) {
      send(garbage.good());
      for (const until = badDue * good / goodDue; bad < until; bad++) send(flood[bad]!);
    }
    transport.esp!.flush();
    await delay(TICK_MS);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  let after = await gateway.counted();
  for (let was = -1; was !== after.arrived; after = await gateway.counted()) {
    was = after.arrived;
    await delay(50);
  }
  const came = after.delivered - before.delivered;
  const others = after.arrived - before.arrived - came;
  return { sent: good / seconds, cameOut: came / seconds, bad: others / seconds };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Compares rounds with and without the flood, in turn. */
async function compareRates(): Promise<void> {
  const goodRate = Number(values.good);
  const badRate = Number(values.bad);
  const calm: Rates[] = [];
  const flooded: Rates[] = [];
  for (let i = 0; i < rounds; i++) {
    calm.push(await round(goodRate, 0));
    flooded.push(await round(goodRate, badRate));
  }
  const of = (name: keyof Rates, list: readonly Rates[]) =>
    median(list.map((rates) => rates[name]));
  const say = (list: readonly Rates[]) =>
    `${of("cameOut", list).toFixed(0)} of ${of("sent", list).toFixed(0)} good packets/s came out ` +
    `beside ${of("bad", list).toFixed(0)} bad ones/s`;
  console.log(`       medians of ${rounds}: ${say(calm)}`);
  console.log(`       medians of ${rounds}: ${say(flooded)}`);
  // As both ends may share few processors, a slower sender during the flood is no loss.
  const share = (list: readonly Rates[]) => median(list.map(({ sent, cameOut }) => cameOut / sent));
  const ratio = share(flooded) / share(calm);
  const name = `${(100 * ratio).toFixed(1)} % of good traffic goes on, at least ${
    100 * RATIO_MIN
  } %`;
  check(name, ratio >= RATIO_MIN);
}

try {
  await countKinds();
  await compareRates();
} finally {
  await gateway.stop();
  await transport.close();
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed > 0 ? 1 : 0);
