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
  /** Whether a socket of the system belongs to this process, by its inode. */
  readonly #own = new Map<string, boolean>();

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
    this.result.catch(() => {}); // The caller that waits for it gets the error.
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

  /**
   * Receive queue and drops of each of its sockets at its port (proc_net_udp: columns 5 and 13). Sockets of
   * other processes may have the same port at other addresses, and are ignored.
   */
  async #sockets(): Promise<[queued: number, drops: number][]> {
    const port = `:${this.port.toString(16).toUpperCase().padStart(4, "0")}`;
    const table = await Deno.readTextFile("/proc/net/udp");
    return table.split("\n").slice(1).map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[1]?.endsWith(port) && this.#isOwn(columns[9]!))
      .map((columns) => [parseInt(columns[4]!.split(":")[1]!, 16), Number(columns.at(-1))]);
  }

  #isOwn(inode: string): boolean {
    let own = this.#own.get(inode);
    if (own === undefined) {
      own = descriptorsOf(this.#child.pid).includes(`socket:[${inode}]`);
      this.#own.set(inode, own);
    }
    return own;
  }

  /** Waits until at most `octets` wait in its socket. @throws Error when it does not read for 60 s. */
  async readsDownTo(octets: number): Promise<void> {
    const endMs = performance.now() + 60_000;
    while (await this.queuedOctets() > octets) {
      if (performance.now() > endMs) throw new Error("The gateway has not read for 60 s.");
      await delay(2);
    }
  }

  /** Asks it to end gracefully, and returns its result. @throws Error if it does not end within 60 s. */
  async ended(): Promise<Result> {
    this.stop();
    return await within(60_000, this.result);
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

/** The targets of a process's descriptors, as the kernel names them; none after it has ended. */
function descriptorsOf(pid: number): string[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => {
      try {
        return Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      } catch {
        return ""; // The descriptor was closed meanwhile.
      }
    });
  } catch {
    return [];
  }
}

/**
 * Live and half-open SAs, and all that are listed, of the test whose API is at `port`.
 * @throws Error when it does not answer within 10 s.
 */
export async function askSummary(
  port: number,
): Promise<{ live: number; halfOpen: number; total: number }> {
  const client = new TestClient(`127.0.0.1:${port}`);
  try {
    const summary = await within(10_000, client.call("GetSummary"));
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

/** The result of `awaited`. @throws Error if it takes longer than `ms` milliseconds. */
export async function within<T>(ms: number, awaited: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Nothing came within ${ms} ms.`)), ms);
  });
  return await Promise.race([awaited, late]).finally(() => clearTimeout(timer));
}

/** Resolves after `ms` milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
