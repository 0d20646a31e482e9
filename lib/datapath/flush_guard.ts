/**
 * Prevents a flush by accident of the interface by which this machine is reached, and of lo where other
 * programs need it.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import { ipShow } from "@/datapath/ip_command.ts";

/** The routing table of tunnels; a default route in it was left by an earlier test. */
const TUNNEL_TABLE = "330";

/** Checks that flushing `bindifname` and lo cuts nobody off. @throws {SetupError} if it would. */
export async function guardFlush(bindifname: string): Promise<void> {
  const why = await whyNot(bindifname);
  if (!why) return;
  throw new SetupError(
    `Cannot flush: ${why}. Run the test in a network namespace of its own, leave addresses as ` +
      "they are with --flush=false, or mean it with --flush=force",
  );
}

async function whyNot(bindifname: string): Promise<string | undefined> {
  if ((await defaultRouteDevices()).has(bindifname)) {
    return `bindifname ${bindifname} carries the default route`;
  }
  for (const address of sshAddresses()) {
    if (holds(bindifname, address)) return `bindifname ${bindifname} carries this SSH session`;
  }
  if (await isOwnNamespace()) return undefined;
  return "lo would be flushed, and this is the machine's own network";
}

interface Route {
  readonly type?: string;
  readonly dev?: string;
  readonly table?: string;
  readonly nexthops?: readonly { readonly dev?: string }[];
}

async function defaultRouteDevices(): Promise<Set<string>> {
  const devices = new Set<string>();
  for (const family of ["-4", "-6"]) {
    const routes = await ipShow<Route>([family, "route", "show", "table", "all", "default"]);
    for (const { type, table, dev, nexthops = [] } of routes) {
      // An unreachable default route names lo, but leads nowhere.
      if (type !== undefined && type !== "unicast" || table === TUNNEL_TABLE) continue;
      for (const name of [dev, ...nexthops.map((hop) => hop.dev)]) if (name) devices.add(name);
    }
  }
  return devices;
}

/**
 * Local addresses of the SSH sessions in which this process or one of its ancestors runs; sudo hides the
 * variable.
 */
function sshAddresses(): Set<string> {
  const addresses = new Set<string>();
  const add = (connection: string | undefined) => {
    const address = connection?.trim().split(/\s+/)[2];
    if (address) addresses.add(address.replace(/%.*$/, ""));
  };
  add(Deno.env.get("SSH_CONNECTION"));
  for (let pid = parentOf("self"); pid > 1; pid = parentOf(String(pid))) {
    const variables = read(`/proc/${pid}/environ`).split("\0");
    add(variables.find((v) => v.startsWith("SSH_CONNECTION="))?.slice("SSH_CONNECTION=".length));
  }
  return addresses;
}

/** The parent of a process; 0 if it cannot be read. */
function parentOf(pid: string): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

function holds(name: string, address: string): boolean {
  return Deno.networkInterfaces().some((i) =>
    i.name === name && i.address.replace(/%.*$/, "") === address
  );
}

/**
 * Whether this process is in a network namespace of its own: one that has a name (`ip netns add`), or a
 * different one from that of process 1, if that may be read.
 */
async function isOwnNamespace(): Promise<boolean> {
  const own = await namespaceOf("/proc/self/ns/net");
  if (own === undefined) return false;
  const first = await namespaceOf("/proc/1/ns/net");
  if (first !== undefined && first !== own) return true;
  for (const directory of ["/run/netns", "/var/run/netns"]) {
    try {
      for await (const { name } of Deno.readDir(directory)) {
        const { ino } = await Deno.stat(`${directory}/${name}`);
        if (ino === own) return true;
      }
    } catch {
      // There are no named namespaces.
    }
  }
  return false;
}

/** The number in a link such as `net:[4026531833]`. */
async function namespaceOf(path: string): Promise<number | undefined> {
  try {
    return Number(/\[(\d+)\]/.exec(await Deno.readLink(path))?.[1]);
  } catch {
    return undefined;
  }
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
