/**
 * The processes of a flood: `myikev2 test` as gateway and as client on loopback, which are asked by their API
 * and inspected in /proc. MYIKEV2 names another program than the sources of this checkout.
 * @module
 */
import { TestClient } from "@/api/client.ts";

const PROGRAM = Deno.env.get("MYIKEV2")?.split(" ") ??
  [Deno.execPath(), "run", "-A", new URL("../../main.ts", import.meta.url).pathname];

/** The part of the JSON result that is checked. */
export interface Result {
  readonly result: string;
  readonly error: string | null;
  readonly tunnels: {
    readonly established: number;
    readonly failed: number;
    readonly lost: number;
  };
  readonly strangers: readonly {
    readonly cause: string;
    readonly count: number;
    readonly example: string;
  }[];
  readonly cookies: { readonly asked: number; readonly automatic: number };
  readonly connections: Readonly<Record<string, number>> | null;
  readonly drops: Readonly<Record<string, number>>;
  readonly datagrams: { readonly sent: number; readonly received: number };
  readonly retransmissions: number;
  readonly deletesUnanswered: number | null;
}

/** How an end is run. */
export interface EndOptions {
  readonly transport: string;
  /** The gateway's UDP port. */
  readonly port: number;
  readonly apiPort: number;
  /** `dhgrpid`; absent: 31. */
  readonly groups?: string;
}

/** One process of `myikev2 test`. */
export class End {
  readonly result: Promise<Result>;
  readonly pcap: string;
  readonly log: string;
  readonly port: number;
  readonly apiPort: number;
  readonly #child: Deno.ChildProcess;

  private constructor(file: string, { port, apiPort }: EndOptions) {
    this.pcap = `${file}.pcap`;
    this.log = `${file}.log`;
    this.port = port;
    this.apiPort = apiPort;
    // Only the traffic of a client is small enough for a capture.
    const capture = file.includes("client") ? ["--pcap", this.pcap] : [];
    const args = [...PROGRAM.slice(1), "test", file, "--flush=false", "--json", ...capture];
    this.#child = new Deno.Command(PROGRAM[0]!, {
      args: [...args, "--lf", this.log],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.result = new Response(this.#child.stdout).text().then((text) => JSON.parse(text));
  }

  /** Starts it and waits until its API answers. */
  static async start(
    directory: string,
    name: string,
    options: EndOptions,
    top: string,
    ike = "",
  ): Promise<End> {
    const file = `${directory}/${name}.yaml`;
    await Deno.writeTextFile(
      file,
      `role: ${name === "gateway" ? "gateway" : "client"}
bindifname: lo
ownnattport: 0
apilistenport: ${options.apiPort}
transport: ${options.transport}
${top}
ikeconf:
  psk: flood
  myid: "${name}-&d.flood"
  dhgrpid: ${options.groups ?? "31"}
  ikeencyptalg: aes-gcm-16:128
  retraninterval: 1s
  maxretran: 10
  childlist: {encalg: aes-gcm-16:128}
  ${ike}
`,
    );
    const end = new End(file, options);
    await until(
      `the API of the ${name}`,
      () => askSummary(options.apiPort).then(() => true),
      20_000,
    );
    return end;
  }

  /** Resident memory at present. */
  async memoryMiB(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  }

  /** Octets that wait in its socket, as the kernel counts them. */
  async queuedOctets(): Promise<number> {
    return (await this.#sockets()).reduce((sum, [queued]) => sum + queued, 0);
  }

  /** Number of datagrams that its socket has lost. */
  async kernelDrops(): Promise<number> {
    return (await this.#sockets()).reduce((sum, [, drops]) => sum + drops, 0);
  }

  /** Receive queue and drops of each socket at its port (columns 5 and 13 of /proc/net/udp). */
  async #sockets(): Promise<[queued: number, drops: number][]> {
    const port = `:${this.port.toString(16).toUpperCase().padStart(4, "0")}`;
    const table = await Deno.readTextFile("/proc/net/udp");
    return table.split("\n").slice(1).map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[1]?.endsWith(port))
      .map((columns) => [parseInt(columns[4]!.split(":")[1]!, 16), Number(columns.at(-1))]);
  }

  /** Asks it to end gracefully. */
  stop(): void {
    this.#child.kill("SIGINT");
  }

  /** Kills it. */
  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

/** Live and half-open SAs, and all that are listed, of the test whose API is at `port`. */
export async function askSummary(
  port: number,
): Promise<{ live: number; halfOpen: number; total: number }> {
  const client = new TestClient(`127.0.0.1:${port}`);
  try {
    const summary = await client.call("GetSummary");
    const halfOpen = Number(summary.Ikesa_state_init) + Number(summary.Ikesa_state_created);
    return { live: Number(summary.Live_count), halfOpen, total: Number(summary.Ikesa_total) };
  } finally {
    client.close();
  }
}

/** A port that is free now. */
export function freePort(kind: "udp" | "tcp"): Promise<number> {
  const at = { hostname: "127.0.0.1", port: 0 };
  const socket = kind === "udp"
    ? Deno.listenDatagram({ transport: "udp", ...at })
    : Deno.listen(at);
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return Promise.resolve(port);
}

/** Waits until `holds`; a call that throws counts as false. @throws Error naming `what`. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!await holds().catch(() => false)) {
    if (performance.now() > endMs) throw new Error(`Nothing within ${timeoutMs} ms: ${what}`);
    await delay(50);
  }
}

/** Resolves after `ms` milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
