/**
 * A gateway of our program under floods while it has tunnels: garbage, changed and repeated messages of these
 * tunnels, and IKE_SA_INIT requests of thousands of strangers, with and without cookies. Its tunnels must
 * stay established and be answered, half-open SAs and memory must stay bounded, every datagram must be
 * counted, and a new client must be accepted. It needs no root; all traffic is on loopback.
 *
 *   deno task test:flood [--count 1000000] [--transport both] [--seed 1] [--only bounds]
 *
 * `--count` datagrams are sent for each transport, with cookies and again without. `bounds` are the floods of
 * `flood_bounds.ts`, which each aim at one resource. The last line is "N passed, N failed".
 * @module
 */
import { parseArgs } from "node:util";
import { SeededRandom } from "@/base/random.ts";
import { loadShim } from "@/native/load.ts";
import { readDatagrams } from "@/base/capture_reader.ts";
import { askSummary, delay, End, freePort, until } from "./ends.ts";
import { floodBounds } from "./flood_bounds.ts";
import { Garbage, type Kind, KINDS } from "./garbage.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    count: { type: "string", default: "1000000" },
    transport: { type: "string", default: "both" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
  },
});
const count = Number(values.count);
const seed = Number(values.seed);
const TUNNELS = 100;
/** Number of sockets, as IKE_SA_INIT requests of strangers come from as many addresses and ports. */
const SOURCES = 64;
/** The limit of half-open SAs whatever `numberoftunnels` is (engine/run/config_of.ts). */
const HALF_OPEN_MAX = 10_000;
const COOKIES_FROM = 50;
/** The most requests of strangers that are sent to a gateway without cookies. */
const STRANGERS_MAX = 15_000;
/** Octets that may wait in the gateway's socket, so that the flood is as fast as the gateway. */
const QUEUED_MAX = 60_000;
const BURST = 32;
const GROWTH_MAX_MIB = 200;

let passed = 0;
let failed = 0;

function check(name: string, holds: boolean, detail = ""): void {
  if (holds) passed++;
  else failed++;
  console.log(`${holds ? "ok    " : "FAILED"} ${name}${holds || !detail ? "" : `: ${detail}`}`);
}

/** What was counted of one flood. */
interface Seen {
  readonly sent: number;
  readonly halfOpenMax: number;
  readonly liveMin: number;
  readonly seconds: number;
}

/** Sends datagrams to a gateway at the rate at which it reads them. */
class Flood {
  readonly #sockets = Array.from(
    { length: SOURCES },
    (_, i) => Deno.listenDatagram({ transport: "udp", hostname: `127.9.0.${1 + i}`, port: 0 }),
  );
  /** Number of datagrams so far. */
  sent = 0;
  #halfOpenMax = 0;
  #liveMin = Infinity;

  constructor(readonly gateway: End, readonly garbage: Garbage, readonly random: SeededRandom) {}

  /** Sends `total` datagrams, evenly of these kinds. */
  async send(total: number, kinds: readonly Kind[]): Promise<Seen> {
    const beganMs = performance.now();
    const before = this.sent;
    this.#halfOpenMax = 0;
    this.#liveMin = Infinity;
    let lookMs = 0;
    for (let left = total; left > 0;) {
      const size = Math.min(BURST, left);
      const sends = Array.from({ length: size }, () => this.#one(this.random.pick(kinds)));
      await Promise.all(sends);
      left -= size;
      await this.gateway.readsDownTo(QUEUED_MAX);
      if (performance.now() - lookMs > 500) {
        await this.#look();
        lookMs = performance.now();
      }
    }
    await this.gateway.readsDownTo(0);
    await this.#look();
    const seconds = (performance.now() - beganMs) / 1000;
    const sent = this.sent - before;
    return { sent, halfOpenMax: this.#halfOpenMax, liveMin: this.#liveMin, seconds };
  }

  async #one(kind: Kind): Promise<void> {
    const to = { transport: "udp", hostname: "127.0.0.1", port: this.gateway.port } as const;
    await this.random.pick(this.#sockets).send(this.garbage.make(kind).slice(), to);
    this.sent++;
  }

  async #look(): Promise<void> {
    const { live, halfOpen } = await askSummary(this.gateway.apiPort);
    this.#halfOpenMax = Math.max(this.#halfOpenMax, halfOpen);
    this.#liveMin = Math.min(this.#liveMin, live);
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}

function report(name: string, seen: Seen, before: number, after: number): void {
  console.log(
    `       ${name}: ${seen.sent} datagrams in ${seen.seconds.toFixed(1)} s ` +
      `(${(seen.sent / seen.seconds).toFixed(0)}/s), half-open at most ${seen.halfOpenMax}, ` +
      `memory ${before.toFixed(0)} MiB before, ${after.toFixed(0)} MiB after`,
  );
}

/** Runs every flood on one transport, with or without cookies. */
async function run(transport: string, cookies: boolean): Promise<void> {
  const name = `${transport}, ${
    cookies ? `cookies from ${COOKIES_FROM} half-open on` : "no cookies"
  }`;
  console.log(`== ${name}`);
  const directory = await Deno.makeTempDir({ prefix: "flood-" });
  const port = await freePort("udp");
  const apiPort = await freePort("tcp");
  const gateway = await End.start(
    directory,
    "gateway",
    { transport, port, apiPort },
    `
bindifaddr: 127.0.0.1/8
ownport: ${port}
numberoftunnels: ${TUNNELS}
`,
    `numoftunneltoenablecookie: ${cookies ? COOKIES_FROM : -1}`,
  );
  const clientApi = await freePort("tcp");
  const client = await End.start(
    directory,
    "client",
    { transport, port, apiPort: clientApi },
    `
startclntaddr: 127.1.0.1/8
peeraddr: 127.0.0.1
peerport: ${port}
ownport: 0
numberoftunnels: ${TUNNELS}
setupinterval: 1ms
`,
    "forcedpd: true\n  dpdinterval: 1s",
  );
  await until("all tunnels", async () => (await askSummary(apiPort)).live === TUNNELS, 30_000);
  await delay(2_500); // so that liveness checks are among the real messages
  const real = readDatagrams(await Deno.readFile(client.pcap)).map((d) => d.payload);
  const random = new SeededRandom(seed);
  const flood = new Flood(gateway, new Garbage(random, real), random);
  try {
    await floods(flood, cookies);
    if (cookies) await newcomer(directory, transport, port);
    await ends(name, { gateway, client, strangers: !cookies, flooded: flood.sent });
  } finally {
    flood.close();
    gateway.kill();
    client.kill();
    await Deno.remove(directory, { recursive: true });
  }
}

async function floods(flood: Flood, cookies: boolean): Promise<void> {
  const { gateway } = flood;
  const half = Math.floor(count / 2);
  const known = KINDS.filter((kind) => kind !== "IKE_SA_INIT of strangers");
  const before = await gateway.memoryMiB();
  const strangers = cookies ? half : Math.min(half, STRANGERS_MAX);
  for (
    const [name, total, kinds] of [
      ["garbage", half, cookies ? known : known.filter((kind) => kind !== "IKE_SA_INIT, changed")],
      ["strangers", strangers, ["IKE_SA_INIT of strangers"]],
    ] as const
  ) {
    const start = await gateway.memoryMiB();
    const seen = await flood.send(total, kinds);
    report(name, seen, start, await gateway.memoryMiB());
    check(
      `${name}: all ${TUNNELS} tunnels are live all the time`,
      seen.liveMin >= TUNNELS,
      `${seen.liveMin}`,
    );
    // A changed request may still be valid, and those in progress when cookies begin are accepted.
    const bound = cookies ? COOKIES_FROM + 100 : HALF_OPEN_MAX;
    check(
      `${name}: half-open SAs are bounded by ${bound}`,
      seen.halfOpenMax <= bound,
      `${seen.halfOpenMax}`,
    );
  }
  const grown = await gateway.memoryMiB() - before;
  check(`memory grew by less than ${GROWTH_MAX_MIB} MiB`, grown < GROWTH_MAX_MIB, `${grown} MiB`);
}

/**
 * During a cookie flood the half-open SAs are full; a client that answers a cookie is accepted all the same.
 */
async function newcomer(directory: string, transport: string, port: number): Promise<void> {
  const apiPort = await freePort("tcp");
  const late = await End.start(
    directory,
    "late",
    { transport, port, apiPort },
    `
startclntaddr: 127.2.0.1/8
peeraddr: 127.0.0.1
peerport: ${port}
ownport: 0
numberoftunnels: 5
`,
  );
  const all = until("five newcomers", async () => (await askSummary(apiPort)).live === 5, 20_000);
  check("five newcomers get in behind the flood", await all.then(() => true, () => false));
  await late.ended().finally(() => late.kill());
}

async function ends(
  name: string,
  { gateway, client, strangers, flooded }: {
    readonly flooded: number;
    readonly gateway: End;
    readonly client: End;
    readonly strangers: boolean;
  },
): Promise<void> {
  const kernelDrops = await gateway.kernelDrops();
  // Every tunnel makes another liveness check, and is answered.
  await delay(2_500);
  const ours = await client.ended();
  const theirs = await gateway.ended();
  check(`${name}: the client passed`, ours.result === "passed", `${ours.result}: ${ours.error}`);
  check("no tunnel was lost at either end", ours.tunnels.lost + theirs.tunnels.lost === 0);
  check("the gateway passed", theirs.result === "passed", `${theirs.result}: ${theirs.error}`);
  check("every Delete was answered", ours.deletesUnanswered === 0, `${ours.deletesUnanswered}`);
  const drops = Object.entries(theirs.drops).sort(([, a], [, b]) => b - a);
  for (const [reason, times] of drops) console.log(`       dropped ${times}: ${reason}`);
  const { sent, received } = theirs.datagrams;
  console.log(
    `       gateway: ${received} datagrams received, ${sent} sent, ${kernelDrops} lost by its full ` +
      `receive buffer; client: ${ours.retransmissions} retransmissions`,
  );
  const lacking = flooded - kernelDrops - received;
  check(
    "every datagram was read, or counted by the kernel",
    lacking <= 0,
    `${lacking} are missing`,
  );
  const reasons = drops.map(([reason]) => reason).join("; ");
  for (const reason of EXPECTED) check(`counted: ${reason}`, reasons.includes(reason), reasons);
  if (strangers && count / 2 > HALF_OPEN_MAX) {
    check("counted: too many half-open SAs", reasons.includes("too many half-open SAs"), reasons);
  }
}

/** Reasons under which every flood of garbage must be counted. */
const EXPECTED = [
  "shorter than an IKE header",
  "a Length that is not the datagram's",
  "an SPI nobody has",
  "no SPI of ours, and no IKE_SA_INIT request",
  "a request outside the window",
  "a wrong ICV",
  "a malformed message that is not authentic",
];

const native = loadShim().symbols !== undefined;
const wanted = values.transport === "both" ? ["portable", "native"] : [values.transport!];
for (const transport of wanted) {
  if (transport === "native" && !native) {
    check(
      "native transport: the shim is not built (deno task shim)",
      Deno.env.get("CI") !== "true",
    );
    continue;
  }
  await floodBounds(transport, check);
  if (values.only === "bounds") continue;
  for (const cookies of [true, false]) await run(transport, cookies);
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
