/**
 * Prepares this host for a test: removes what earlier tests left, adds the addresses of the test to their
 * interface, and at the end removes again what was added. The addresses of other tests that still run stay.
 * @module
 */
import { type IpAddress, type IpPrefix, isLinkLocal, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { ROUTE_COMMAND, routeCommand } from "@/base/route_command.ts";
import {
  AddressJournal,
  type AddressReading,
  type AddressRecord,
} from "@/datapath/address_journal.ts";
import { type AddressPlan, ownAddressesOf } from "@/datapath/address_plan.ts";
import { guardFlush } from "@/datapath/flush_guard.ts";
import { answerNeighbours } from "@/datapath/neighbour_responder.ts";
import { loadShim } from "@/native/load.ts";
import { ip, ipBatch, ipShow } from "@/datapath/ip_command.ts";

/** Addresses that were added. */
export interface PreparedAddresses {
  /** Removes what was added. */
  undo(): Promise<void>;
}

/** Routing table of the tunnels. */
const TUNNEL_TABLE = "330";
/**
 * Routing protocol and metric by which the local routes of tests are known. The metric keeps them apart from
 * those that the kernel adds for addresses, so that neither replaces the other.
 */
const LOCAL_PROTOCOL = "234";
const LOCAL_METRIC = "330";
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
  const route = plan.staticroute ? routeWords(plan.staticroute) : undefined;
  const own = ownAddressesOf(plan, (first) => isRoutable(first, plan));
  const { bindifname: device } = plan;
  const found = await linkOf(device);
  if (flush !== "force") await guardFlush(device);
  const undo = new Undo();
  const journal = new AddressJournal({
    device,
    linkAddress: found.address,
    addresses: own.addresses.map(textOf),
    localRoutes: own.localRoutes.map(textOf),
  });
  undo.add(() => Promise.resolve(journal.close()));
  try {
    // The journals are read after the interface, so that what another test adds meanwhile is not removed.
    const others = journal.others();
    await removeLeftovers(others, say);
    const link = without(found, others.dead);
    await flushLink(link, others, say);
    if (device !== "lo") await flushLink(await linkOf("lo"), others, say);
    await ipBatch(
      [...LO_ADDRESSES.map((a) => `addr replace ${a} dev lo`), "link set lo up"],
      { what: "flush lo" },
    );
    await addAddresses({ own, link, journal }, undo);
    const responder = answerNeighbours(device, own.localRoutes, say);
    if (responder) undo.add(() => responder.close());
    await flushTunnels(others, say);
    if (route) await addRoute(route, say, undo);
  } catch (e) {
    await undo.all();
    throw e;
  }
  return { undo: () => undo.all() };
}

/**
 * Whether local routes make addresses reachable. The kernel answers ARP for them; neighbour solicitations of
 * IPv6 it does not answer, and it lets only native sockets send from them. Link-local addresses are those of
 * their interface.
 */
function isRoutable(first: IpAddress, { transport }: AddressPlan): boolean {
  if (first.length === 4) return true;
  return transport !== "portable" && loadShim().symbols !== undefined && !isLinkLocal(first);
}

/** The commands that remove what was added, the last of them first. */
class Undo {
  #steps: (() => Promise<unknown>)[] = [];

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
  /** The link layer address. */
  readonly address: string;
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

/** A link without the addresses of killed tests, which were removed since it was read. */
function without(link: Link, dead: readonly AddressRecord[]): Link {
  const gone = new Set(
    dead.filter(({ linkAddress }) => linkAddress === link.address)
      .flatMap((record) => addressesIn([record], link.ifname)),
  );
  const isLeft = ({ local, prefixlen }: Link["addr_info"][number]) =>
    !gone.has(`${local}/${prefixlen}`);
  return { ...link, addr_info: link.addr_info.filter(isLeft) };
}

async function flushLink(
  link: Link,
  { living }: AddressReading,
  say: (line: string) => void,
): Promise<void> {
  const name = link.ifname;
  const kept = new Set([...name === "lo" ? LO_ADDRESSES : [], ...addressesIn(living, name)]);
  const old = addressesOf(link).filter((a) => !kept.has(a));
  if (old.length === 0) return;
  for (const address of old) say(`removing ${address} from ${name}`);
  // The last address is removed first, as the kernel removes the other addresses of a subnet with its first.
  await ipBatch(deletionLines(old.reverse(), living, name), { what: `flush ${name}` });
}

function addressesIn(records: readonly AddressRecord[], device: string): string[] {
  return records.filter((record) => record.device === device).flatMap((r) => r.addresses);
}

function localRoutesIn(records: readonly AddressRecord[], device: string): string[] {
  return records.filter((record) => record.device === device).flatMap((r) => r.localRoutes);
}

/**
 * The commands that delete addresses and leave those of other tests. With the first address of a subnet the
 * kernel removes the others, and with the last one of an interface its routes. Therefore the addresses of
 * other tests get a subnet of their own meanwhile, and are added again.
 */
function deletionLines(
  deleted: readonly string[],
  living: readonly AddressRecord[],
  device: string,
): string[] {
  if (deleted.length === 0) return [];
  const others = addressesIn(living, device);
  const alone = others.filter((a) => !a.includes(":") && !a.endsWith("/32"))
    .map((a) => a.replace(/\/\d+$/, "/32"));
  return [
    ...alone.map((a) => addLine(a, device)),
    ...deleted.map((a) => `addr del ${a} dev ${device}`),
    ...others.map((a) => addLine(a, device)),
    ...alone.map((a) => `addr del ${a} dev ${device}`),
  ];
}

/** A local route of a test, its destination as `address/bits`. */
interface LocalRoute {
  readonly dst: string;
  readonly dev: string;
}

/** The local routes of all tests of this namespace, those of killed ones too. */
async function localRoutes(): Promise<LocalRoute[]> {
  const found: LocalRoute[] = [];
  for (const [family, bits] of [["-4", 32], ["-6", 128]] as const) {
    const ask = [family, "route", "show", "table", "local", "proto", LOCAL_PROTOCOL];
    for (const { dst, dev } of await ipShow<LocalRoute>(ask)) {
      found.push({ dst: dst.includes("/") ? dst : `${dst}/${bits}`, dev });
    }
  }
  return found;
}

/** Removes what killed tests left: local routes, and addresses on any interface. */
async function removeLeftovers(
  { living, dead, forgetDead }: AddressReading,
  say: (line: string) => void,
): Promise<void> {
  const lines: string[] = [];
  for (const { pid, device, linkAddress, addresses } of dead) {
    const [link] = await ipShow<Link>(["addr", "show", "dev", device]);
    if (link?.address !== linkAddress) continue; // The interface was removed together with its namespace.
    say(`removing what process ${pid} left on ${device}`);
    const used = new Set(addressesIn(living, device));
    lines.push(...deletionLines(addresses.filter((a) => !used.has(a)), living, device));
  }
  const usedRoutes = new Set(
    living.flatMap(({ device, localRoutes }) => localRoutes.map((to) => `${to} ${device}`)),
  );
  for (const { dst, dev } of await localRoutes()) {
    if (!usedRoutes.has(`${dst} ${dev}`)) lines.push(localRouteLine("del", dst, dev));
  }
  await ipBatch(lines, { what: "remove leftovers", quiet: true });
  forgetDead();
}

/** What {@linkcode addAddresses} adds, the interface, and the journals of other tests. */
interface Adding {
  readonly own: {
    readonly addresses: readonly IpPrefix[];
    readonly localRoutes: readonly IpPrefix[];
  };
  readonly link: Link;
  readonly journal: AddressJournal;
}

async function addAddresses({ own, link, journal }: Adding, undo: Undo): Promise<void> {
  const name = link.ifname;
  const addresses = own.addresses.map(textOf);
  const localRoutes = own.localRoutes.map(textOf);
  // Addresses that were there before stay, and so do those that lo always has.
  const before = new Set([...addressesOf(link), ...(name === "lo" ? LO_ADDRESSES : [])]);
  const [kept, added] = [true, false].map((was) => addresses.filter((a) => before.has(a) === was));
  undo.add(async () => {
    const { living } = journal.others();
    const used = new Set([...addressesIn(living, name), ...localRoutesIn(living, name)]);
    const unused = (all: readonly string[]) => all.filter((one) => !used.has(one));
    const lines = [
      ...unused(localRoutes).map((to) => localRouteLine("del", to, name)),
      ...deletionLines(unused(added!).reverse(), living, name),
      ...kept!.map((a) => addLine(a, name)),
    ];
    await ipBatch(lines, { what: "remove addresses", quiet: true });
  });
  await ipBatch(addresses.map((a) => addLine(a, name)), { what: `add addresses to ${name}` });
  await ip(["link", "set", name, "up"], { what: `bring ${name} up` });
  const lines = localRoutes.map((to) => localRouteLine("replace", to, name));
  await ipBatch(lines, { what: `make tunnel addresses local to ${name}` });
}

function addLine(prefix: string, name: string): string {
  // Without duplicate address detection an IPv6 address can be used at once.
  const now = prefix.includes(":") ? " nodad" : "";
  return `addr replace ${prefix} dev ${name}${now}`;
}

function localRouteLine(verb: "replace" | "del", prefix: string, name: string): string {
  const marks = `metric ${LOCAL_METRIC} proto ${LOCAL_PROTOCOL}`;
  return `route ${verb} local ${prefix} dev ${name} ${marks}`;
}

function textOf({ address, bits }: IpPrefix): string {
  return `${showAddress(address)}/${bits}`;
}

async function flushTunnels(
  { living }: AddressReading,
  say: (line: string) => void,
): Promise<void> {
  const [other] = living;
  if (other) {
    return say(
      `process ${other.pid} runs another test here: XFRM states, policies and table ` +
        `${TUNNEL_TABLE} stay as they are`,
    );
  }
  say(`removing all XFRM states and policies, and routes of table ${TUNNEL_TABLE}`);
  await ip(["xfrm", "state", "flush"], { what: "flush XFRM states" });
  await ip(["xfrm", "policy", "flush"], { what: "flush XFRM policies" });
  for (const family of ["-4", "-6"]) {
    // A table that never had a route does not exist, which is the same as an empty one.
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
