/**
 * Prepares this host for a test: removes what an earlier test left, adds the tunnel addresses to their
 * interface, and at the end removes again what was added.
 * @module
 */
import { addressPlus, type IpAddress, type IpPrefix, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { ROUTE_COMMAND, routeCommand } from "@/base/route_command.ts";
import { guardFlush } from "@/datapath/flush_guard.ts";
import { ip, ipBatch, ipShow } from "@/datapath/ip_command.ts";

/** The part of a setup that is needed here. */
export interface AddressPlan {
  readonly role: "client" | "gateway";
  readonly bindifname: string;
  readonly bindifaddr: IpPrefix | null;
  readonly startclntaddr: IpPrefix | null;
  readonly numberoftunnels: number;
  /** Whether a tunnel of a client, or the gateway, has as many addresses as the two options say. */
  readonly mobike: boolean;
  readonly mobikeaddrpertunnel: number;
  readonly mobikeaddrpergw: number;
  readonly staticroute: string;
}

/** Addresses that were added. */
export interface PreparedAddresses {
  /** Removes what was added. */
  undo(): Promise<void>;
}

/** Routing table of the tunnels. */
const TUNNEL_TABLE = "330";
/** The addresses of lo after a flush; the second only where the machine has IPv6. */
const LO_ADDRESSES = ["127.0.0.1/32", ...(hasIpv6() ? ["::1/128"] : [])];

function hasIpv6(): boolean {
  try {
    return Deno.readTextFileSync("/proc/sys/net/ipv6/conf/lo/disable_ipv6").trim() === "0";
  } catch {
    return false;
  }
}

/**
 * Flushes what an earlier test left and adds the addresses, unless `flush` is false. Each removal is
 * announced by `say` first. If it fails half-way, what it has added is removed again.
 * @throws {SetupError} if the flush guard refuses, or the system does.
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
  const { bindifname } = plan;
  const link = await linkOf(bindifname);
  const route = plan.staticroute ? routeWords(plan.staticroute) : undefined;
  if (flush !== "force") await guardFlush(bindifname);
  const undo = new Undo();
  try {
    await flushLink(link, say);
    if (bindifname !== "lo") await flushLink(await linkOf("lo"), say);
    await ipBatch(
      [...LO_ADDRESSES.map((a) => `addr replace ${a} dev lo`), "link set lo up"],
      { what: "flush lo" },
    );
    await addAddresses(plan, link, undo);
    await flushTunnels(say);
    if (route) await addRoute(route, say, undo);
  } catch (e) {
    await undo.all();
    throw e;
  }
  return undo.prepared;
}

/** The commands that remove what was added, the last of them first. */
class Undo {
  #steps: (() => Promise<unknown>)[] = [];
  readonly prepared: PreparedAddresses = { undo: () => this.all() };

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  async all(): Promise<void> {
    for (const step of this.#steps.reverse()) await step();
    this.#steps = [];
  }
}

interface Link {
  readonly ifname: string;
  readonly addr_info: readonly { local: string; prefixlen: number; scope: string }[];
}

async function linkOf(name: string): Promise<Link> {
  const [link] = await ipShow<Link>(["addr", "show", "dev", name]);
  if (link) return link;
  throw new SetupError(`Cannot use bindifname ${name}: there is no such interface`);
}

/** All addresses of a link except its link-local ones (fe80::), without which the link has no IPv6. */
function addressesOf(link: Link): string[] {
  return link.addr_info.filter((a) => a.scope !== "link").map((a) => `${a.local}/${a.prefixlen}`);
}

async function flushLink(link: Link, say: (line: string) => void): Promise<void> {
  const name = link.ifname;
  const kept = name === "lo" ? LO_ADDRESSES : [];
  const old = addressesOf(link).filter((a) => !kept.includes(a));
  for (const address of old) say(`removing ${address} from ${name}`);
  // The last address is removed first, as the kernel removes the other addresses of a subnet with its first.
  const lines = old.reverse().map((a) => `addr del ${a} dev ${name}`);
  await ipBatch(lines, { what: `flush ${name}` });
}

async function addAddresses(plan: AddressPlan, link: Link, undo: Undo): Promise<void> {
  const name = plan.bindifname;
  const own = tunnelAddresses(plan);
  // Addresses that were there before stay, and so do those that lo always has.
  const before = new Set([...addressesOf(link), ...(name === "lo" ? LO_ADDRESSES : [])]);
  const [kept, added] = [true, false].map((was) =>
    own.filter((a) => before.has(textOf(a)) === was)
  );
  undo.add(async () => {
    const lines = added!.map((a) => `addr del ${textOf(a)} dev ${name}`).reverse();
    await ipBatch(lines, { what: "remove addresses", quiet: true });
    // The kernel has removed the other addresses of a subnet with its first.
    await ipBatch(kept!.map((a) => addLine(a, name)), { what: "keep addresses", quiet: true });
  });
  await ipBatch(own.map((a) => addLine(a, name)), { what: `add addresses to ${name}` });
  await ip(["link", "set", name, "up"], { what: `bring ${name} up` });
}

function addLine(prefix: IpPrefix, name: string): string {
  // Without duplicate address detection an IPv6 address can be used at once.
  const now = prefix.address.length === 16 ? " nodad" : "";
  return `addr replace ${textOf(prefix)} dev ${name}${now}`;
}

/** The own addresses in their order: those of the tunnels, then `bindifaddr`. */
function tunnelAddresses(plan: AddressPlan): IpPrefix[] {
  const { role, startclntaddr, numberoftunnels, bindifaddr, mobike } = plan;
  const own: IpPrefix[] = [];
  const isClient = role === "client";
  if (isClient && startclntaddr) {
    const each = mobike ? plan.mobikeaddrpertunnel : 1;
    own.push(...following(startclntaddr, numberoftunnels * each, (i) => Math.floor(i / each)));
  }
  if (bindifaddr) {
    own.push(...following(bindifaddr, mobike && !isClient ? plan.mobikeaddrpergw : 1, () => 0));
  }
  return own;
}

/** `count` addresses from the first on, each with its prefix length. */
function following(
  first: IpPrefix,
  count: number,
  tunnelOf: (index: number) => number,
): IpPrefix[] {
  return Array.from({ length: count }, (_, i) => {
    const address: IpAddress | undefined = addressPlus(first.address, i);
    if (address) return { ...first, address };
    throw new SetupError(`Cannot give tunnel ${tunnelOf(i)} an address: there is none left`);
  });
}

function textOf({ address, bits }: IpPrefix): string {
  return `${showAddress(address)}/${bits}`;
}

async function flushTunnels(say: (line: string) => void): Promise<void> {
  say(`removing all XFRM states and policies, and routes of table ${TUNNEL_TABLE}`);
  await ip(["xfrm", "state", "flush"], { what: "flush XFRM states" });
  await ip(["xfrm", "policy", "flush"], { what: "flush XFRM policies" });
  for (const family of ["-4", "-6"]) {
    // A table that never had a route does not exist, which is as good as an empty one.
    const call = { what: "flush routes", quiet: true };
    await ip([family, "route", "flush", "table", TUNNEL_TABLE], call);
  }
}

/** @throws {SetupError} where the command is not one about a route or a rule. */
function routeWords(command: string): readonly string[] {
  const { words, found } = routeCommand(command);
  if (words) return words;
  throw new SetupError(`Cannot run staticroute: expected ${ROUTE_COMMAND}, found ${found}`);
}

/**
 * Runs the command of `staticroute`. A route or rule that it adds is removed at the end; one that it deletes
 * is not restored.
 */
async function addRoute(
  words: readonly string[],
  say: (line: string) => void,
  undo: Undo,
): Promise<void> {
  const command = `ip ${words.join(" ")}`;
  say(`running ${command}`);
  await ip(words, { what: `run staticroute (${command})` });
  const verb = words.findIndex((word) => /^(?:add|replace|append|prepend)$/.test(word));
  if (verb < 1) return;
  undo.add(() => ip(words.with(verb, "del"), { what: "remove the static route", quiet: true }));
}
