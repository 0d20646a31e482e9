/**
 * The lab of the interop rows: two network namespaces that are joined by a veth pair, one for us and one for
 * the peer, and the processes in them. Names contain the number of this process, so that several runs are
 * possible at a time; {@linkcode Lab.close} removes everything, and a later run removes what a killed one
 * left.
 * @module
 */

/** The outcome of a finished command. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One end of the veth pair. */
export interface Site {
  readonly namespace: string;
  readonly interface: string;
  /** The first own address, without its prefix length. */
  readonly address4: string;
  readonly address6: string;
  /** The first of {@linkcode MANY} consecutive further IPv4 addresses. */
  readonly many4: string;
}

/** Number of further addresses of each end, which rows with many tunnels use. */
export const MANY = 128;

/** The lines for `ip -batch` that add the IPv4 addresses of an end. */
function addAddresses4({ address4, many4, interface: device }: Site): string[] {
  const net = many4.replace(/\d+$/, "");
  const many = Array.from({ length: MANY }, (_, i) => `${net}${i + 1}`);
  return [address4, ...many].map((one) => `addr add ${one}/${PREFIX_BITS} dev ${device}`);
}

/** Matches the name of a namespace or a scratch directory. */
const NAME = /^ikit(\d+)[a-z]+(?:-|$)/;
const PREFIX_BITS = 16;

/** The longest time of a command, so that one that waits in vain does not stop all others. */
const COMMAND_LIMIT_MS = 180_000;

/**
 * Runs a command to its end; its exit status is no exception. @throws Error if it has not ended within
 * {@linkcode COMMAND_LIMIT_MS}, after which it is killed.
 */
export async function run(command: string, args: string[], stdin?: string): Promise<Finished> {
  const child = new Deno.Command(command, {
    args,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    tryKill(child, "SIGKILL");
  }, COMMAND_LIMIT_MS);
  const { code, ...said } = await child.output();
  clearTimeout(timer);
  const [stdout, stderr] = [said.stdout, said.stderr].map((octets) =>
    new TextDecoder().decode(octets)
  ) as [string, string];
  if (late) {
    throw new Error(`${command} ${args.join(" ")}: not ended in time: ${stderr || stdout}`);
  }
  return { code, stdout, stderr };
}

/** Runs a command that must succeed. @throws Error with its output. */
export async function mustRun(command: string, args: string[], stdin?: string): Promise<string> {
  const done = await run(command, args, stdin);
  if (done.code === 0) return done.stdout;
  const said = (done.stderr || done.stdout).trim();
  throw new Error(`${command} ${args.join(" ")} ended with ${done.code}: ${said}`);
}

/** Waits until `probe` returns something, and calls it every 25 ms. @throws Error naming `what`. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() >= endMs) throw new Error(`Nothing within ${timeoutMs} ms: ${what}`);
    await delay(25);
  }
}

/** Resolves after `ms` milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Two namespaces, a scratch directory, and the processes in them. */
export class Lab {
  readonly #processes = new Set<Deno.ChildProcess>();
  #closed = false;

  private constructor(
    readonly directory: string,
    readonly ours: Site,
    readonly theirs: Site,
  ) {}

  /** Makes both ends. `lane` (one letter) distinguishes the labs of one process. It needs root. */
  static async open(lane: string): Promise<Lab> {
    const tag = `ikit${Deno.pid}${lane}`;
    const site = (suffix: string, last: number): Site => ({
      namespace: tag + suffix,
      interface: tag + suffix,
      address4: `10.77.0.${last}`,
      address6: `fd77::${last}`,
      many4: `10.77.${last}.1`,
    });
    const directory = await Deno.makeTempDir({ prefix: `${tag}-` });
    const lab = new Lab(directory, site("o", 2), site("s", 1));
    try {
      await lab.#join();
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  async #join(): Promise<void> {
    const { ours, theirs } = this;
    await mustRun("ip", ["netns", "add", ours.namespace]);
    await mustRun("ip", ["netns", "add", theirs.namespace]);
    const veth = ["link", "add", ours.interface, "netns", ours.namespace, "type", "veth"];
    const peer = ["peer", "name", theirs.interface, "netns", theirs.namespace];
    await mustRun("ip", [...veth, ...peer]);
    await this.#address(ours);
    await this.#address(theirs);
  }

  async #address(site: Site): Promise<void> {
    const { namespace, interface: device } = site;
    const off = ["all", "default", device].map((i) => `net.ipv6.conf.${i}.accept_dad=0`);
    await mustRun("ip", ["netns", "exec", namespace, "sysctl", "-qw", ...off]);
    const lines = [`link set lo up`, `link set ${device} up`, ...addAddresses4(site)];
    lines.push(`addr add ${site.address6}/64 dev ${device} nodad`);
    await mustRun("ip", ["-n", namespace, "-batch", "-"], lines.join("\n") + "\n");
  }

  /**
   * Restores the first IPv4 addresses of an end, in their order. The kernel removes all addresses of a prefix
   * together with the first one.
   */
  async restoreAddresses4(site: Site): Promise<void> {
    const { namespace, interface: device } = site;
    const lines = [`addr flush dev ${device}`, ...addAddresses4(site)];
    await mustRun("ip", ["-4", "-n", namespace, "-batch", "-"], lines.join("\n") + "\n");
  }

  /** Runs a command in the namespace of `site` to its end. */
  exec(site: Site, command: string, args: string[], stdin?: string): Promise<Finished> {
    return run("ip", ["netns", "exec", site.namespace, command, ...args], stdin);
  }

  /** Starts a long-lived command in the namespace of `site`; {@linkcode close} ends it at the latest. */
  spawn(
    site: Site,
    command: string[],
    options: { env?: Record<string, string>; cwd?: string } = {},
  ): Deno.ChildProcess {
    const child = new Deno.Command("ip", {
      args: ["netns", "exec", site.namespace, ...command],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...options,
    }).spawn();
    this.#processes.add(child);
    child.status.finally(() => this.#processes.delete(child));
    return child;
  }

  /** Whether a UDP socket is bound to `port` in the namespace of the process `pid`. */
  async udpBound(pid: number, port: number): Promise<boolean> {
    const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
    for (const table of ["udp", "udp6"]) {
      const text = await Deno.readTextFile(`/proc/${pid}/net/${table}`).catch(() => "");
      const locals = text.split("\n").slice(1).map((line) => line.trim().split(/\s+/)[1] ?? "");
      if (locals.some((local) => local.endsWith(suffix))) return true;
    }
    return false;
  }

  /** Number of UDP datagrams that sockets in the namespace of `site` have received so far. */
  async udpReceived(site: Site): Promise<number> {
    const table = (await this.exec(site, "cat", ["/proc/net/snmp"])).stdout;
    const [names, values] = table.split("\n").filter((line) => line.startsWith("Udp: "))
      .map((line) => line.split(" "));
    return Number(values![names!.indexOf("InDatagrams")]);
  }

  /** Sends one UDP datagram from the first address of `site`. */
  async datagram(site: Site, to: string, octets: Uint8Array): Promise<void> {
    const escaped = [...octets].map((o) => `\\x${o.toString(16).padStart(2, "0")}`).join("");
    const script = `printf '%b' '${escaped}' | dd bs=65535 iflag=fullblock status=none > ` +
      `/dev/udp/${to}/500`;
    const done = await this.exec(site, "bash", ["-c", script]);
    if (done.code !== 0) throw new Error(`Cannot send a datagram to ${to}: ${done.stderr}`);
  }

  /** Ends every process and removes namespaces and files. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const child of this.#processes) await endProcess(child, 2_000);
    for (const site of [this.ours, this.theirs]) await removeNamespace(site.namespace);
    await Deno.remove(this.directory, { recursive: true }).catch(() => {});
  }
}

/** Ends a process by SIGTERM, and by SIGKILL if it has not ended after `graceMs`. */
export async function endProcess(child: Deno.ChildProcess, graceMs: number): Promise<void> {
  const timer = setTimeout(() => tryKill(child, "SIGKILL"), graceMs);
  tryKill(child, "SIGTERM");
  await child.status;
  clearTimeout(timer);
}

function tryKill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It ended by itself.
  }
}

async function removeNamespace(namespace: string): Promise<void> {
  const pids = await run("ip", ["netns", "pids", namespace]);
  for (const pid of pids.stdout.split("\n").filter((line) => line !== "")) {
    await run("kill", ["-KILL", pid]);
  }
  await run("ip", ["netns", "del", namespace]);
}

/** Removes the namespaces and directories of runs whose process is gone. */
export async function sweepLeftovers(): Promise<void> {
  const listed = await run("ip", ["netns", "list"]);
  for (const line of listed.stdout.split("\n")) {
    const name = line.split(" ")[0]!;
    if (await isLeftover(name)) await removeNamespace(name);
  }
  const scratch = Deno.env.get("TMPDIR") ?? "/tmp";
  for await (const { name } of Deno.readDir(scratch)) {
    if (await isLeftover(name)) await Deno.remove(`${scratch}/${name}`, { recursive: true });
  }
}

async function isLeftover(name: string): Promise<boolean> {
  const pid = NAME.exec(name)?.[1];
  return pid !== undefined && !await Deno.stat(`/proc/${pid}`).then(() => true, () => false);
}
