/**
 * The hosts of the tests of exported recipes: five network namespaces on one bridge, of which each is a host
 * of the lab, and one for the engine that runs them.
 * @module
 */
import { must, run, type Said } from "../control/lab.ts";

/** A part of all names of this run. */
const TAG = `e${Deno.pid}`;
const ROOT = new URL("../..", import.meta.url).pathname;

/** The last octet of the addresses of a host: a gateway, four clients, and that of the engine. */
const LAST = { gw: 5, lab1: 1, lab2: 2, lab3: 3, lab4: 4, ctl: 100 } as const;
/** The name of a host. */
export type Host = keyof typeof LAST;
const NAMES = Object.keys(LAST) as Host[];
/** The hosts of the clients, and all hosts of the lab. */
export const CLIENTS = ["lab1", "lab2", "lab3", "lab4"] as const satisfies Host[];
export const HOSTS = ["gw", ...CLIENTS] as const;
/** The beginning of the addresses at eth0, by which the engine reaches the hosts, and of those at eth1. */
const MANAGEMENT = "10.241.0";
const DATA = "10.242.0";

/** The address by which the engine reaches a host. */
export function addressOf(host: Host): string {
  return `${MANAGEMENT}.${LAST[host]}`;
}

/** The address of a host in the network of the tests. */
export function dataAddressOf(host: Host): string {
  return `${DATA}.${LAST[host]}`;
}

/** The executable, which MYIKEV2 names. */
export const MYIKEV2 = Deno.env.get("MYIKEV2") ?? `${ROOT}dist/myikev2`;

/** The hosts and that of the engine. */
export class Lab {
  readonly directory = Deno.makeTempDirSync({ prefix: `engines-${TAG}-` });
  readonly #children: Deno.ChildProcess[] = [];

  path(name: string): string {
    return `${this.directory}/${name}`;
  }

  write(name: string, text: string, mode = 0o600): string {
    Deno.writeTextFileSync(this.path(name), text, { mode });
    return this.path(name);
  }

  /** Makes the namespaces; the bridge is in that of the engine. */
  async open(): Promise<void> {
    for (const host of NAMES) {
      await must(["ip", "netns", "add", host + TAG]);
      await must(["ip", "-n", host + TAG, "link", "set", "lo", "up"]);
    }
    for (const [device, network] of [["eth0", MANAGEMENT], ["eth1", DATA]] as const) {
      await this.#link(device, network);
    }
  }

  /** Joins all hosts by a bridge in the namespace of the engine, which is a host of that network too. */
  async #link(device: string, network: string): Promise<void> {
    const bridge = ["ip", "-n", `ctl${TAG}`];
    await must([...bridge, "link", "add", device, "type", "bridge"]);
    await must([...bridge, "link", "set", device, "up"]);
    for (const host of NAMES) {
      const own = ["ip", "-n", host + TAG];
      if (host !== "ctl") {
        const port = `${device}-${host}`;
        const there = ["peer", "name", device, "netns", host + TAG];
        await must([...bridge, "link", "add", "name", port, "type", "veth", ...there]);
        await must([...bridge, "link", "set", port, "master", device, "up"]);
        await must([...own, "link", "set", device, "up"]);
      }
      await must([...own, "addr", "add", `${network}.${LAST[host]}/16`, "dev", device]);
    }
  }

  /** A command in the network of a host, which also has its name. */
  inside(host: Host, command: readonly string[]): string[] {
    const script = 'hostname "$0"; exec "$@"';
    const named = ["unshare", "--uts", "sh", "-c", script, host, ...command];
    return ["nsenter", `--net=/run/netns/${host}${TAG}`, ...named];
  }

  /** Starts a program on a host; it is ended with the lab. */
  start(host: Host, command: readonly string[], env: Record<string, string> = {}): void {
    const [program, ...args] = this.inside(host, command);
    const options = { args, env, stdin: "null", stdout: "null", stderr: "null" } as const;
    this.#children.push(new Deno.Command(program!, options).spawn());
  }

  /** Runs a command on a host to its end. */
  run(host: Host, command: readonly string[], env: Record<string, string> = {}): Promise<Said> {
    const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return run(this.inside(host, ["env", ...words, ...command]), this.directory);
  }

  /** The processes in the network of a host. */
  async processes(host: Host): Promise<number[]> {
    return (await must(["ip", "netns", "pids", host + TAG])).split(/\s+/).filter(Boolean).map(
      Number,
    );
  }

  /** Kills every process in the network of a host, as a loss of power would. */
  async kill(host: Host): Promise<void> {
    for (const pid of await this.processes(host)) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch { /* It has ended meanwhile. */ }
    }
  }

  async close(): Promise<void> {
    for (const host of NAMES) await this.kill(host).catch(() => {});
    await Promise.all(this.#children.map((child) => child.status));
    for (const host of NAMES) await run(["ip", "netns", "del", host + TAG]);
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** Waits until a command succeeds. */
export async function untilDone(attempt: () => Promise<Said>, sec = 30): Promise<boolean> {
  const deadline = Date.now() + sec * 1000;
  while (Date.now() < deadline) {
    if ((await attempt()).code === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return false;
}
