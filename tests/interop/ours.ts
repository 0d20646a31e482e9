/**
 * Our end of a row: the setup file, one process of `myikev2 test`, its JSON result and its key files. The
 * process is this Deno with `main.ts`, or the command that the environment variable MYIKEV2 names, such as
 * `dist/myikev2`.
 * @module
 */
import { stringify } from "yaml";
import type { IncomingJson, TrafficJson } from "@/engine/show/flow_table.ts";
import type { PingResultJson } from "@/engine/show/ping_table.ts";
import { endProcess, type Lab, type Site, until } from "./harness.ts";
import { type Keylog, readKeylog } from "./keylog.ts";

/** A setup file as nested records with the option names of the file. */
export interface Setup {
  readonly [option: string]: SetupValue;
}

/** What a setup file may hold. */
export type SetupValue = string | number | boolean | readonly SetupValue[] | Setup;

/** The part of the JSON result that rows check. */
export interface TestResult {
  readonly result: string;
  readonly tunnels: {
    readonly configured: number;
    readonly established: number;
    readonly failed: number;
    readonly lost: number;
  };
  readonly retransmissions: number;
  /** Set-ups by the Vendor IDs of the peer. */
  readonly vendorIds: Readonly<Record<string, number>>;
  /** Milliseconds of CPU time per tunnel; null without one. */
  readonly cpuMsPerTunnel: number | null;
  /** How the peer throttled. */
  readonly throttled: readonly { readonly cause: string; readonly example: string }[];
  readonly keepalives: { readonly sent: number; readonly received: number };
  readonly rekeys: { readonly ike: number; readonly child: number };
  /** SAs by the names of their key exchange methods. */
  readonly keyExchanges: {
    readonly ike: Readonly<Record<string, number>>;
    readonly child: Readonly<Record<string, number>>;
  };
  readonly moves: { readonly done: number; readonly failed: { readonly count: number } };
  readonly reauthentications: number;
  readonly resumptions: {
    readonly tickets: number;
    readonly done: number;
    readonly refused: readonly CauseCount[];
  };
  readonly flaps: { readonly down: number; readonly up: number };
  readonly ping?: PingResultJson;
  readonly traffic?: TrafficJson | null;
  readonly trafficIn?: IncomingJson | null;
  readonly packets?: { readonly drops: Readonly<Record<string, number>> } | null;
  readonly impairment?: readonly {
    readonly matched: number;
    readonly lost: number;
    readonly crossed: number;
  }[];
  readonly failures: readonly CauseCount[];
  /** For a gateway, the peers that did not authenticate. */
  readonly strangers: readonly CauseCount[];
}

/** The number of failed tunnels, or strangers, with one cause. */
interface CauseCount {
  readonly cause: string;
  readonly count: number;
  readonly example: string;
}

/** The project's directory. */
export const ROOT = new URL("../..", import.meta.url).pathname;
const IKE_PORT = 500;

/** Adds `over` to `base`, section by section. */
export function merge(base: Setup, over: Setup): Setup {
  const merged: Record<string, SetupValue> = { ...base };
  for (const [option, value] of Object.entries(over)) {
    const below = merged[option];
    merged[option] = isSection(below) && isSection(value) ? merge(below, value) : value;
  }
  return merged;
}

function isSection(value: SetupValue | undefined): value is Setup {
  return typeof value === "object" && !Array.isArray(value);
}

/** One running `myikev2 test`. */
export class Ours {
  #result: TestResult | undefined;
  #exitCode: number | undefined;
  #stdout = "";
  #stderr = "";

  readonly #reading: Promise<void>[];

  private constructor(
    private readonly directory: string,
    private readonly child: Deno.ChildProcess,
  ) {
    this.#reading = [
      readAll(child.stdout, (text) => this.#stdout += text),
      readAll(child.stderr, (text) => this.#stderr += text),
    ];
    child.status.then((status) => this.#exitCode = status.code);
  }

  /** Starts a test of `setup` at `site`; of a gateway, waits until it listens. */
  static async start(lab: Lab, site: Site, setup: Setup): Promise<Ours> {
    const directory = await Deno.makeTempDir({ dir: lab.directory, prefix: "ours-" });
    await Deno.mkdir(`${directory}/keys`);
    const file = `${directory}/setup.yaml`;
    await Deno.writeTextFile(file, stringify(setup, { aliasDuplicateObjects: false }));
    const options = ["--flush=false", "--json", "--keylog", `${directory}/keys`];
    options.push("--pcap", `${directory}/wire.pcap`, "--lf", `${directory}/test.log`);
    const child = lab.spawn(site, [...await command(), "test", file, ...options], {
      cwd: directory,
    });
    const ours = new Ours(directory, child);
    if (setup.role === "gateway") await ours.#listening(lab);
    return ours;
  }

  async #listening(lab: Lab): Promise<void> {
    await until("our gateway listening on UDP port 500", 20_000, () => {
      this.mustRun();
      return lab.udpBound(this.child.pid, IKE_PORT);
    });
  }

  /** Checks that the process runs. @throws Error with its output if it has ended. */
  mustRun(): void {
    if (this.#exitCode === undefined) return;
    throw new Error(`Our test ended with ${this.#exitCode}: ${this.said()}`);
  }

  /** The end of its output, for a failed row. */
  said(): string {
    return `${this.#stdout}${this.#stderr}`.trim().split("\n").slice(-25).join("\n");
  }

  /** Everything written to standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for a line of our log. */
  async logs(pattern: RegExp, timeoutMs = 15_000): Promise<void> {
    await until(`${pattern} in our log`, timeoutMs, async () => {
      this.mustRun();
      return pattern.test(await this.log());
    });
  }

  /** The key tables as they are now. */
  keylog(): Promise<Keylog> {
    return readKeylog(`${this.directory}/keys`);
  }

  /** Directory of the key tables. */
  get keyDirectory(): string {
    return `${this.directory}/keys`;
  }

  /** The log file as it is now. */
  log(): Promise<string> {
    return Deno.readTextFile(`${this.directory}/test.log`).catch(() => "");
  }

  /** File of the capture. */
  get pcap(): string {
    return `${this.directory}/wire.pcap`;
  }

  /** Waits until the test ends by itself. @throws Error if it takes longer. */
  async ended(timeoutMs: number): Promise<TestResult> {
    await until("the end of our test", timeoutMs, () => this.#exitCode !== undefined);
    await Promise.all(this.#reading);
    return this.#parse();
  }

  /** Stops the test gracefully, as SIGINT does, and reads its result. */
  async stop(): Promise<TestResult> {
    if (this.#exitCode === undefined) this.child.kill("SIGINT");
    return await this.ended(15_000);
  }

  /** Kills it, so that it cannot clean up. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
  }

  /** Ends it in any state, when its row is over. */
  async abandon(): Promise<void> {
    if (this.#exitCode === undefined) await endProcess(this.child, 3_000);
  }

  #parse(): TestResult {
    if (this.#result) return this.#result;
    const lines = this.#stdout.split("\n").filter((line) => line !== "");
    if (lines.length !== 1) {
      throw new Error(`Standard output must be one line, not ${lines.length}: ${this.said()}`);
    }
    return this.#result = JSON.parse(lines[0]!) as TestResult;
  }

  /** The exit status; undefined while it runs. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }
}

/** The command line of the program; a path in MYIKEV2 is relative to the project's directory. */
export async function command(): Promise<string[]> {
  const words = Deno.env.get("MYIKEV2")?.split(" ");
  if (!words) return [Deno.execPath(), "run", "-A", `${ROOT}main.ts`];
  const program = `${ROOT}${words[0]}`;
  const ours = await Deno.stat(program).then((found) => found.isFile, () => false);
  return [ours ? program : words[0]!, ...words.slice(1)];
}

async function readAll(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
