/**
 * A soak: a gateway and a client of ours, two processes on loopback, whose tunnels live seconds and
 * are rekeyed by both ends. Every ten seconds a line says what lives, how many rekeys there were, and
 * how much memory both ends have. It passes when no tunnel was lost, the memory of both ends is flat,
 * and both ends' results agree. Needs no root.
 *
 *   deno task soak [--seconds 600] [--tunnels 1000] [--rekeys N] [--transport T] [--crypto C]
 *
 * `--rekeys` is the least number of rekeys, IKE SAs and CHILD_SAs together: 50,000 in ten minutes of
 * a thousand tunnels, and in proportion, unless it is given. MYIKEV2 names another program than the
 * sources of this checkout, such as `dist/myikev2`. Exit status 0 when all held.
 * @module
 */
import { parseArgs } from "node:util";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "600" },
    tunnels: { type: "string", default: "1000" },
    rekeys: { type: "string" },
    transport: { type: "string", default: "auto" },
    crypto: { type: "string", default: "auto" },
  },
});
const seconds = Number(values.seconds);
const tunnels = Number(values.tunnels);
const rekeysMin = Number(values.rekeys ?? Math.floor(seconds * tunnels / 12));
const SAMPLE_MS = 10_000;
/** Memory that grows by so much from the second third of the run to the last is no longer flat. */
const GROWTH_MAX = 1.1;
const PROGRAM = Deno.env.get("MYIKEV2")?.split(" ") ??
  [Deno.execPath(), "run", "-A", new URL("../../main.ts", import.meta.url).pathname];

/** What a setup of this run says beside its addresses: the ends rekey at different ages. */
function setup(role: string, addresses: string, ikeSec: number, childSec: number): string {
  return `
role: ${role}
numberoftunnels: ${tunnels}
setupinterval: 5ms
bindifname: lo
${addresses}
ownnattport: 0
apilistenport: 0
loglevel: 4
cryptobackend: ${values.crypto}
transport: ${values.transport}
ikeconf:
  psk: soak
  myid: "tunnel-&d.soak"
  dhgrpid: 31
  ikeencyptalg: aes-gcm-16:128
  ikelifetime: ${ikeSec}s
  margintime: 6s
  dpdinterval: 7s
  retraninterval: 2s
  maxretran: 10
  childlist: {encalg: aes-gcm-16:128, lifetime: ${childSec}s}
`;
}

/** The part of the JSON result that is looked at. */
interface Result {
  readonly result: string;
  readonly error: string | null;
  readonly tunnels: {
    readonly established: number;
    readonly failed: number;
    readonly lost: number;
  };
  readonly rekeys: { readonly ike: number; readonly child: number };
  readonly retransmissions: number;
  readonly transport: string;
  readonly cryptoBackend: string;
}

/** One process of `myikev2 test`. */
class End {
  readonly result: Promise<Result>;
  readonly memoryMiB: number[] = [];
  /** Events of its log so far: an SA rekeyed, by whichever end; a tunnel lost. */
  rekeys = 0;
  losses = 0;
  #log: Deno.FsFile | undefined;
  readonly #file: string;
  readonly #child: Deno.ChildProcess;

  private constructor(file: string) {
    this.#file = file;
    const args = [...PROGRAM.slice(1), "test", file, "--flush=false", "--json"];
    this.#child = new Deno.Command(PROGRAM[0]!, {
      args: [...args, "--lf", `${file}.log`],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.result = new Response(this.#child.stdout).text().then((text) => JSON.parse(text));
  }

  static async start(directory: string, name: string, text: string): Promise<End> {
    const file = `${directory}/${name}.yaml`;
    await Deno.writeTextFile(file, text);
    return new End(file);
  }

  /** Reads on in its log: what it said since the last call, in counts. */
  async readLog(): Promise<void> {
    const file = this.#log ??= await Deno.open(`${this.#file}.log`);
    const text = await new Response(rest(file)).text();
    this.rekeys += text.match(/ rekeyed: /g)?.length ?? 0;
    this.losses += text.match(/ lost: /g)?.length ?? 0;
  }

  /** Resident memory now. @throws Error when the process is gone. */
  async sample(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    const mib = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    this.memoryMiB.push(mib);
    return mib;
  }

  stop(): void {
    this.#child.kill("SIGINT");
  }
}

/** What is left of a file now; the file stays open. */
function rest(file: Deno.FsFile): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const octets = new Uint8Array(65_536);
      const count = await file.read(octets);
      if (count === null) controller.close();
      else controller.enqueue(octets.subarray(0, count));
    },
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function freePort(): Promise<number> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return await Promise.resolve(port);
}

/** The mean of the last third over that of the second: the first is the run's warming up. */
function growth(samples: readonly number[]): number {
  const third = Math.floor(samples.length / 3);
  const mean = (part: readonly number[]) => part.reduce((sum, x) => sum + x, 0) / part.length;
  if (third < 2) return 1;
  return mean(samples.slice(2 * third)) / mean(samples.slice(third, 2 * third));
}

async function watch(gateway: End, client: End): Promise<Result> {
  console.log("   time   rekeys   lost   gateway MiB   client MiB");
  const began = performance.now();
  let over = false;
  const result = client.result.finally(() => over = true);
  for (let next = SAMPLE_MS; !over; next += SAMPLE_MS) {
    await Promise.race([result, delay(began + next - performance.now())]);
    if (over || performance.now() - began > seconds * 1000) break;
    await Promise.all([gateway.readLog(), client.readLog()]);
    const [a, b] = [await gateway.sample(), await client.sample()];
    const cells = [
      `${(next / 1000).toFixed(0)} s`.padStart(7),
      String(client.rekeys).padStart(8),
      String(client.losses + gateway.losses).padStart(6),
      a.toFixed(1).padStart(13),
      b.toFixed(1).padStart(12),
    ];
    console.log(cells.join(" "));
  }
  return await result;
}

const directory = await Deno.makeTempDir({ prefix: "soak-" });
const port = await freePort();
const gateway = await End.start(
  directory,
  "gateway",
  setup("gateway", `bindifaddr: 127.0.0.1/8\nownport: ${port}`, 28, 18),
);
await delay(3_000);
const client = await End.start(
  directory,
  "client",
  setup(
    "client",
    `startclntaddr: 127.1.0.1/8\npeeraddr: 127.0.0.1\npeerport: ${port}\nownport: 0\n` +
      `runningtime: ${seconds}s`,
    24,
    15,
  ),
);
const ours = await watch(gateway, client);
gateway.stop();
const theirs = await gateway.result;
await Deno.remove(directory, { recursive: true });

const rekeys = ours.rekeys.ike + ours.rekeys.child;
const [gatewayGrowth, clientGrowth] = [growth(gateway.memoryMiB), growth(client.memoryMiB)];
const percent = (ratio: number) => `${((ratio - 1) * 100).toFixed(1)} %`;
console.log(
  `${tunnels} tunnels, ${seconds} s, ${ours.transport} transport, ${ours.cryptoBackend} crypto: ` +
    `${ours.rekeys.ike} IKE SAs and ${ours.rekeys.child} CHILD_SAs rekeyed, ${rekeys} together; ` +
    `${ours.tunnels.lost} and ${theirs.tunnels.lost} tunnels lost; ` +
    `${ours.retransmissions} and ${theirs.retransmissions} retransmissions; memory from the second ` +
    `third to the last: gateway ${percent(gatewayGrowth)}, client ${percent(clientGrowth)}`,
);
const checks: [string, boolean][] = [
  [`client: ${ours.result}${ours.error ? `, ${ours.error}` : ""}`, ours.result === "passed"],
  [
    `gateway: ${theirs.result}${theirs.error ? `, ${theirs.error}` : ""}`,
    theirs.result === "passed",
  ],
  [`all ${tunnels} tunnels came up`, ours.tunnels.established === tunnels],
  ["none was lost, at either end", ours.tunnels.lost + theirs.tunnels.lost === 0],
  [`${rekeys} of ${rekeysMin} rekeys`, rekeys >= rekeysMin],
  ["the gateway's memory is flat", gatewayGrowth <= GROWTH_MAX],
  ["the client's memory is flat", clientGrowth <= GROWTH_MAX],
];
for (const [name, held] of checks) console.log(`${held ? "ok    " : "FAILED"} ${name}`);
Deno.exit(checks.every(([, held]) => held) ? 0 : 1);
