/**
 * The start of a test on this host: what an earlier test left is flushed, the tunnel addresses are
 * put on their interface, and at the end what was added is taken away again. A guard keeps the
 * machine reachable: some interfaces are flushed only by force.
 * @module
 */
import { addressPlus, type IpPrefix, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";

/** What is needed of a setup. */
export interface AddressPlan {
  readonly role: "client" | "gateway";
  readonly bindifname: string;
  readonly bindifaddr: IpPrefix | null;
  readonly startclntaddr: IpPrefix | null;
  readonly numberoftunnels: number;
  readonly staticroute: string;
}

/** Addresses that are in place. */
export interface PreparedAddresses {
  /** Takes away what was added. */
  undo(): Promise<void>;
}

/** Routing table of the tunnels. */
const TUNNEL_TABLE = "330";
/** What stays on lo. */
const LO_ADDRESSES = ["127.0.0.1/8", "::1/128"];

/**
 * Flushes and adds, unless `flush` is false; each thing removed is told to `say` before.
 * @throws {SetupError} where the guard refuses, or the system does.
 */
export async function prepareAddresses(
  plan: AddressPlan,
  flush: boolean | "force",
  say: (line: string) => void,
): Promise<PreparedAddresses> {
  if (flush === false) {
    if (plan.staticroute) say("--flush=false: staticroute is not run");
    return { undo: () => Promise.resolve() };
  }
  if (flush !== "force") await guard(plan.bindifname);
  const own = tunnelAddresses(plan);
  await flushInterface(plan.bindifname, say);
  if (plan.bindifname !== "lo") await flushLo(say);
  await flushTunnels(say);
  await ipBatch(own.map((a) => `addr replace ${a} dev ${plan.bindifname}`), "add addresses");
  await ipBatch([`link set ${plan.bindifname} up`], "bring the interface up");
  if (plan.staticroute) await runRoute(plan.staticroute, say);
  return {
    undo: async () => {
      const deletes = own.map((a) => `addr del ${a} dev ${plan.bindifname}`);
      await ipBatch(deletes, "remove addresses", true);
    },
  };
}

/** In their order: of every tunnel, then `bindifaddr`. */
function tunnelAddresses(plan: AddressPlan): string[] {
  const { role, startclntaddr, numberoftunnels, bindifaddr } = plan;
  const own: string[] = [];
  if (role === "client" && startclntaddr) {
    for (let i = 0; i < numberoftunnels; i++) {
      const address = addressPlus(startclntaddr.address, i)!;
      own.push(`${showAddress(address)}/${startclntaddr.bits}`);
    }
  }
  if (bindifaddr) own.push(`${showAddress(bindifaddr.address)}/${bindifaddr.bits}`);
  return own;
}

/** @throws {SetupError} where flushing would cut somebody off. */
async function guard(bindifname: string): Promise<void> {
  const refuse = (why: string) => {
    throw new SetupError(
      `Cannot flush: ${why}. Run the test in a network namespace of its own, leave addresses as ` +
        "they are with --flush=false, or mean it with --flush=force",
    );
  };
  for (const family of ["-4", "-6"]) {
    const routes = await ipJson([family, "route", "show", "default"]) as { dev?: string }[];
    if (routes.some((r) => r.dev === bindifname)) {
      refuse(`bindifname ${bindifname} carries the default route`);
    }
  }
  const ssh = Deno.env.get("SSH_CONNECTION")?.split(" ")[2];
  if (ssh) {
    const here = Deno.networkInterfaces().filter((i) => i.address === ssh).map((i) => i.name);
    if (here.includes(bindifname)) refuse(`bindifname ${bindifname} carries this SSH session`);
  }
  if (!await inOwnNamespace()) refuse("lo would be flushed, and this is the machine's own network");
}

/**
 * Whether this process is in a network namespace that was made for something: one that has a name
 * (`ip netns add`), or another than that of process 1, where that may be looked at.
 */
async function inOwnNamespace(): Promise<boolean> {
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
      // No named namespaces here.
    }
  }
  return false;
}

/** The number in `net:[4026531833]`. */
async function namespaceOf(path: string): Promise<number | undefined> {
  try {
    return Number(/\[(\d+)\]/.exec(await Deno.readLink(path))?.[1]);
  } catch {
    return undefined;
  }
}

async function flushInterface(name: string, say: (line: string) => void): Promise<void> {
  const [link] = await ipJson(["addr", "show", "dev", name]) as Link[];
  if (!link) throw new SetupError(`Cannot use bindifname ${name}: there is no such interface`);
  const kept = name === "lo" ? LO_ADDRESSES : [];
  const global = link.addr_info.filter((a) => a.scope !== "link")
    .map((a) => `${a.local}/${a.prefixlen}`).filter((a) => !kept.includes(a));
  for (const address of global) say(`removing ${address} from ${name}`);
  await ipBatch(global.map((a) => `addr del ${a} dev ${name}`), `flush ${name}`);
}

interface Link {
  readonly addr_info: readonly { local: string; prefixlen: number; scope: string }[];
}

async function flushLo(say: (line: string) => void): Promise<void> {
  await flushInterface("lo", say);
  await ipBatch(
    [...LO_ADDRESSES.map((a) => `addr replace ${a} dev lo`), "link set lo up"],
    "flush lo",
  );
}

async function flushTunnels(say: (line: string) => void): Promise<void> {
  say(`removing all XFRM states and policies, and routes of table ${TUNNEL_TABLE}`);
  await ip(["xfrm", "state", "flush"], "flush XFRM states");
  await ip(["xfrm", "policy", "flush"], "flush XFRM policies");
  for (const family of ["-4", "-6"]) {
    // A table that never had a route is not there, and that is as good as empty.
    await ip([family, "route", "flush", "table", TUNNEL_TABLE], "flush routes", "", true);
  }
}

/** `staticroute` is an `ip route …` command; nothing else is run. */
async function runRoute(command: string, say: (line: string) => void): Promise<void> {
  const words = command.trim().split(/\s+/);
  if (words[0] !== "ip") {
    throw new SetupError(`Cannot run staticroute: expected an ip command, found ${words[0]}`);
  }
  say(`running ${command}`);
  await ip(words.slice(1), `run staticroute (${command})`);
}

async function ipBatch(lines: readonly string[], what: string, quiet = false): Promise<void> {
  if (lines.length === 0) return;
  const force = quiet ? ["-force"] : [];
  await ip([...force, "-batch", "-"], what, lines.join("\n") + "\n", quiet);
}

async function ipJson(args: readonly string[]): Promise<unknown[]> {
  const text = await ip(["-j", ...args], `ask for ${args.join(" ")}`, "", true);
  return text.trim() ? JSON.parse(text) : [];
}

/** Runs `ip`; its output. @throws {SetupError} where it fails, unless `quiet`. */
async function ip(
  args: readonly string[],
  what: string,
  input = "",
  quiet = false,
): Promise<string> {
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command("ip", {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch {
    throw new SetupError(
      `Cannot ${what}: the program ip (iproute2) is not there; --flush=false does without it`,
    );
  }
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  if (success || quiet) return decoder.decode(stdout);
  const why = decoder.decode(stderr).trim().split("\n")[0]!;
  const hint = /not permitted|denied/i.test(why)
    ? "; it needs CAP_NET_ADMIN (or root), and --flush=false does without it"
    : "";
  throw new SetupError(`Cannot ${what}: ${why}${hint}`);
}
