/**
 * A soak test. A gateway and a client of this program run in two processes on loopback. Their SAs have
 * lifetimes of seconds, and both ends rekey them. Every ten seconds a line shows the number of rekeys,
 * the number of lost tunnels, and the memory of both ends. The soak passes when all tunnels were
 * established, none was lost, there were enough rekeys, the memory of both ends does not grow, and both
 * ends have passed. It needs no root.
 *
 *   deno task soak [--seconds 600] [--tunnels 1000] [--rekeys N] [--transport T] [--crypto C]
 *
 * `--rekeys` is the least number of rekeys of IKE SAs and CHILD_SAs together. Its default is 50,000 for
 * ten minutes with a thousand tunnels, and in proportion for other values. MYIKEV2 may name the program
 * to run in place of the sources of this checkout, such as `dist/myikev2`. The exit status is 0 if the
 * soak passes, and 1 if it fails.
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
/** The largest ratio of the mean memory in the last third of a run to that in the second third. */
const GROWTH_MAX = 1.1;
const PROGRAM = Deno.env.get("MYIKEV2")?.split(" ") ??
  [Deno.execPath(), "run", "-A", new URL("../../main.ts", import.meta.url).pathname];

/** The setup file of one end. The lifetimes of the ends differ, so that both ends rekey. */
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

/** The part of the JSON result that the soak reads. */
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
  /** Rekeyed SAs in the log of this end so far, whichever end has rekeyed them. */
  rekeys = 0;
  /** Lost tunnels in the log of this end so far. */
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

  /** Counts the events in the part of the log that was written since the last call. */
  async readLog(): Promise<void> {
    const file = this.#log ??= await Deno.open(`${this.#file}.log`);
    const text = await new Response(unreadPart(file)).text();
    this.rekeys += text.match(/ rekeyed: /g)?.length ?? 0;
    this.losses += text.match(/ lost: /g)?.length ?? 0;
  }

  /** Notes the resident memory, in MiB, and returns it. @throws Error when the process has ended. */
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

/** The part of a file that has not been read yet. The file stays open. */
function unreadPart(file: Deno.FsFile): ReadableStream<Uint8Array> {
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

/**
 * The ratio of the mean of the last third to that of the second third. The first third is left out, as
 * memory still grows in it.
 */
function growth(samples: readonly number[]): number {
  const third = Math.floor(samples.length / 3);
  const mean = (part: readonly number[]) => part.reduce((sum, x) => sum + x, 0) / part.length;
  if (third < 2) return 1;
  return mean(samples.slice(2 * third)) / mean(samples.slice(third, 2 * third));
}

/** Prints a line of figures every ten seconds, and returns the result of the client. */
async function watch(gateway: End, client: End): Promise<Result> {
  console.log("   time   rekeys   lost   gateway MiB   client MiB");
  const began = performance.now();
  let hasEnded = false;
  const result = client.result.finally(() => hasEnded = true);
  for (let next = SAMPLE_MS; !hasEnded; next += SAMPLE_MS) {
    await Promise.race([result, delay(began + next - performance.now())]);
    if (hasEnded || performance.now() - began > seconds * 1000) break;
    await Promise.all([gateway.readLog(), client.readLog()]);
    const gatewayMiB = await gateway.sample();
    const clientMiB = await client.sample();
    const cells = [
      `${(next / 1000).toFixed(0)} s`.padStart(7),
      String(client.rekeys).padStart(8),
      String(client.losses + gateway.losses).padStart(6),
      gatewayMiB.toFixed(1).padStart(13),
      clientMiB.toFixed(1).padStart(12),
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
const clientResult = await watch(gateway, client);
gateway.stop();
const gatewayResult = await gateway.result;
await Deno.remove(directory, { recursive: true });

const rekeys = clientResult.rekeys.ike + clientResult.rekeys.child;
const [gatewayGrowth, clientGrowth] = [growth(gateway.memoryMiB), growth(client.memoryMiB)];
const percent = (ratio: number) => `${((ratio - 1) * 100).toFixed(1)} %`;
console.log(
  `${tunnels} tunnels, ${seconds} s, ${clientResult.transport} transport, ` +
    `${clientResult.cryptoBackend} crypto: ${clientResult.rekeys.ike} IKE SAs and ` +
    `${clientResult.rekeys.child} CHILD_SAs rekeyed, ${rekeys} together; ` +
    `${clientResult.tunnels.lost} and ${gatewayResult.tunnels.lost} tunnels lost; ` +
    `${clientResult.retransmissions} and ${gatewayResult.retransmissions} retransmissions; ` +
    `memory from the second third to the last: gateway ${percent(gatewayGrowth)}, ` +
    `client ${percent(clientGrowth)}`,
);
const outcomeOf = ({ result, error }: Result) => error ? `${result}, ${error}` : result;
const checks: [string, boolean][] = [
  [`client: ${outcomeOf(clientResult)}`, clientResult.result === "passed"],
  [`gateway: ${outcomeOf(gatewayResult)}`, gatewayResult.result === "passed"],
  [`all ${tunnels} tunnels were established`, clientResult.tunnels.established === tunnels],
  [
    "no tunnel was lost, at either end",
    clientResult.tunnels.lost + gatewayResult.tunnels.lost === 0,
  ],
  [`${rekeys} rekeys, of at least ${rekeysMin}`, rekeys >= rekeysMin],
  ["the gateway's memory does not grow", gatewayGrowth <= GROWTH_MAX],
  ["the client's memory does not grow", clientGrowth <= GROWTH_MAX],
];
for (const [name, held] of checks) console.log(`${held ? "ok    " : "FAILED"} ${name}`);
Deno.exit(checks.every(([, held]) => held) ? 0 : 1);
