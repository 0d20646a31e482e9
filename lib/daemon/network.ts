/**
 * The network of an instance: its namespace, its way to the host over the management bridge, and the
 * data interface that is lent to it. Everything has a name that is known before it is made, so that it
 * can be taken away again by whoever finds the name, in whatever state it is.
 * @module
 */
import { type IpAddress, showAddress } from "@/base/address.ts";
import { ip, ipJson, ipTry } from "@/daemon/ip_command.ts";

/** The bridge of all instances of a host. */
export const BRIDGE = "myikev2mgmtbrg";
/** How the management link is called inside a namespace. */
const INSIDE = "myikev2mgmt";
/** The bridge's IPv6 address: next hop of instances with an IPv6 management address. */
const BRIDGE_V6 = "fe80::1";
/** How long what is in a namespace may take to end when it is asked to. */
const TERM_MS = 2_000;
/** How long the kernel may take to remove it then. */
const KILL_MS = 2_000;

/** What an instance has of the network. */
export interface Site {
  readonly namespace: string;
  /** The management link's end on the host. */
  readonly link: string;
  readonly address: IpAddress;
}

/** A flag word of `ip -json link`, an address of `ip -json addr`. */
interface Link {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly addr_info?: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
    readonly dynamic?: boolean;
  }[];
}

/** An interface that was lent, and what has to be on it when it is back. */
export interface LentInterface {
  readonly name: string;
  readonly isUp: boolean;
  /** Bridge or bond it belonged to; empty: none. */
  readonly master: string;
  /** `address/bits`. */
  readonly addresses: readonly string[];
  /** Routes in words of `ip route`, without the device, each with the option of its family. */
  readonly routes: readonly (readonly [family: "-4" | "-6", words: string])[];
}

/** Names of all links of the host. */
export async function linkNames(): Promise<Set<string>> {
  const links = await ipJson<Link>("list the links", ["link", "show"]);
  return new Set(links.map(({ ifname }) => ifname));
}

/** Names of all namespaces of the host. */
export async function namespaceNames(): Promise<Set<string>> {
  const text = await ip("list the network namespaces", ["netns", "list"]);
  return new Set(text.split("\n").map((line) => line.split(" ")[0]!).filter((name) => name !== ""));
}

/** Where namespaces have their names: each is a mount over an empty file. */
const NAMES = "/run/netns";

/** Whether the name leads to a namespace: the file may be there without the mount. */
export async function isNamespace(name: string): Promise<boolean> {
  return await ipTry(["-n", name, "link", "show", "dev", "lo"]);
}

/** What tells a namespace from all others of this boot; 0: it is none. */
export function namespaceInode(name: string): number {
  try {
    return Deno.statSync(`${NAMES}/${name}`).ino ?? 0;
  } catch {
    return 0;
  }
}

/**
 * Makes the name lead to its namespace again, by a process that is in it. Where a daemon had mounts of
 * its own (`ip netns exec`, a service's sandbox), the names it gave went with them.
 */
export async function renameNamespace(name: string, inode: number): Promise<void> {
  if (await isNamespace(name)) return;
  const pid = processWithNamespace(inode);
  if (pid === undefined) return;
  await Deno.remove(`${NAMES}/${name}`).catch(() => {});
  await ip(`give ${name} its name back`, ["netns", "attach", name, String(pid)]);
}

/** A process that is in the network namespace of this number; undefined where none is. */
export function processWithNamespace(inode: number): number | undefined {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Deno.readLinkSync(`/proc/${name}/ns/net`) === `net:[${inode}]`) return Number(name);
    } catch {
      // It ended in between, or may not be looked at.
    }
  }
  return undefined;
}

/** Addresses that are reached over the bridge, in words. */
export async function bridgedAddresses(): Promise<string[]> {
  if (!(await linkNames()).has(BRIDGE)) return [];
  const show = (family: string) =>
    ipJson<{ dst: string }>(`look at ${BRIDGE}`, [family, "route", "show", "dev", BRIDGE]);
  const routes = [...await show("-4"), ...await show("-6")];
  return routes.map(({ dst }) => dst).filter((dst) => dst !== "default" && !dst.includes("/"));
}

/** Makes the bridge, where it is not there yet, and gives it its addresses. */
export async function makeBridge(address: IpAddress): Promise<void> {
  const what = `make the management bridge ${BRIDGE}`;
  if (!(await linkNames()).has(BRIDGE)) {
    await ip(what, ["link", "add", "name", BRIDGE, "type", "bridge"]);
  }
  await ip(what, ["addr", "replace", hostPrefix(address), "dev", BRIDGE]);
  await ip(what, ["addr", "replace", hostPrefix(nextHopV4(address)), "dev", BRIDGE]);
  await ip(what, ["link", "set", BRIDGE, "up"]);
  // Without IPv6 on this host no instance has an IPv6 address either.
  await ipTry(["addr", "replace", `${BRIDGE_V6}/64`, "dev", BRIDGE, "nodad"]);
}

/** Removes the bridge, unless somebody else has joined it. */
export async function removeBridge(): Promise<void> {
  if (!(await linkNames()).has(BRIDGE)) return;
  const joined = await ipJson<Link>(`look at ${BRIDGE}`, ["link", "show", "master", BRIDGE]);
  if (joined.length > 0) return;
  await ip(`remove ${BRIDGE}`, ["link", "del", BRIDGE]);
}

/** Makes namespace and management link; `bridge` is the bridge's address. @throws {SystemError} */
export async function makeSite(site: Site, bridge: IpAddress): Promise<void> {
  const { namespace, link, address } = site;
  const what = `make the network of ${namespace}`;
  const inside = (...args: string[]) => ip(what, ["-n", namespace, ...args]);
  await ip(what, ["netns", "add", namespace]);
  await inside("link", "set", "lo", "up");
  const peer = ["peer", "name", INSIDE, "netns", namespace];
  await ip(what, ["link", "add", "name", link, "type", "veth", ...peer]);
  await ip(what, ["link", "set", link, "master", BRIDGE, "up"]);
  const isV6 = address.length === 16;
  await inside("addr", "add", hostPrefix(address), "dev", INSIDE, ...(isV6 ? ["nodad"] : []));
  await inside("link", "set", INSIDE, "up");
  const next = isV6 ? BRIDGE_V6 : showAddress(nextHopV4(bridge));
  if (!isV6) await inside("route", "add", `${next}/32`, "dev", INSIDE);
  await inside(isV6 ? "-6" : "-4", "route", "add", "default", "via", next, "dev", INSIDE);
  await forwardNothing(namespace, what);
  await answerManagementAlone(inside, address);
  await ip(what, ["route", "replace", hostPrefix(address), "dev", BRIDGE]);
}

/**
 * A new namespace has the forwarding of the host, and would lead from the device under test to the
 * management network.
 */
async function forwardNothing(namespace: string, what: string): Promise<void> {
  // "all" of IPv4 is ip_forward; without IPv6 its files are missing.
  const off = "echo 0 >/proc/sys/net/ipv4/ip_forward; cd /proc/sys/net/ipv6/conf 2>/dev/null && " +
    "for each in */forwarding; do echo 0 >$each; done; :";
  await ip(what, ["netns", "exec", namespace, "/bin/sh", "-c", off]);
}

/**
 * Lets only the management link and the namespace itself reach the management address. The kernel takes
 * packets for any address of the host from any interface: the device under test would reach the API over
 * the data interface or through a tunnel. The rule that makes addresses local is the first of all, so it
 * has to stand behind ours.
 */
async function answerManagementAlone(
  inside: (...args: string[]) => Promise<string>,
  address: IpAddress,
): Promise<void> {
  const family = address.length === 4 ? "-4" : "-6";
  const rule = (preference: number, ...words: string[]) =>
    inside(family, "rule", "add", "pref", String(preference), ...words);
  await rule(1, "iif", "lo", "lookup", "local");
  await rule(2, "iif", INSIDE, "lookup", "local");
  await rule(3, "to", hostPrefix(address), "blackhole");
  await rule(4, "lookup", "local");
  await inside(family, "rule", "del", "pref", "0");
}

/** Next hop of IPv4: the bridge's address, and where that is of IPv6 one that nobody routes. */
function nextHopV4(bridge: IpAddress): IpAddress {
  return bridge.length === 4 ? bridge : Uint8Array.of(169, 254, 240, 1);
}

/** Takes everything away that {@linkcode makeSite} made, as far as it is there. */
export async function removeSite({ namespace, link, address }: Site): Promise<void> {
  const [links, namespaces] = await Promise.all([linkNames(), namespaceNames()]);
  if (links.has(BRIDGE)) await ipTry(["route", "del", hostPrefix(address), "dev", BRIDGE]);
  if (links.has(link)) await ip(`remove ${link}`, ["link", "del", link]);
  if (namespaces.has(namespace)) await ip(`remove ${namespace}`, ["netns", "del", namespace]);
}

/** Ends what runs in a namespace: politely, then not. */
export async function endProcessesIn(namespace: string): Promise<void> {
  if (!await isNamespace(namespace)) return;
  for (const [name, ms] of [["SIGTERM", TERM_MS], ["SIGKILL", KILL_MS]] as const) {
    const deadline = Date.now() + ms;
    let pids = await processesIn(namespace);
    for (const pid of pids) kill(pid, name);
    while (pids.length > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      pids = await processesIn(namespace);
    }
    if (pids.length === 0) return;
  }
}

async function processesIn(namespace: string): Promise<number[]> {
  const text = await ip(`list what runs in ${namespace}`, ["netns", "pids", namespace]);
  return text.split("\n").filter((line) => line !== "").map(Number);
}

function kill(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // It ended in between.
  }
}

/** The interface as it is on the host; undefined where there is none of this name. */
export async function inspectInterface(name: string): Promise<LentInterface | undefined> {
  if (!(await linkNames()).has(name)) return undefined;
  const [link] = await ipJson<Link>(`look at ${name}`, ["addr", "show", "dev", name]);
  if (!link) return undefined;
  const kept = (link.addr_info ?? []).filter((a) => a.scope !== "link" && !a.dynamic);
  return {
    name,
    isUp: link.flags.includes("UP"),
    master: link.master ?? "",
    addresses: kept.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    routes: [...await routesOf(name, "-4"), ...await routesOf(name, "-6")],
  };
}

async function routesOf(
  name: string,
  family: "-4" | "-6",
): Promise<(readonly ["-4" | "-6", string])[]> {
  const text = await ip(`look at the routes of ${name}`, [family, "route", "show", "dev", name]);
  const own = text.split("\n").map((line) => line.trim()).filter((line) => line !== "")
    // The kernel and routers advertise theirs again.
    .filter((line) => !/\bproto (?:kernel|ra)\b/.test(line));
  return own.map((line) => [family, line.replaceAll(/ (?:linkdown|dead)\b/g, "")] as const);
}

/** The interface by which this host reaches an address; empty: it does not. */
export async function interfaceTo(address: IpAddress): Promise<string> {
  const family = address.length === 4 ? "-4" : "-6";
  const what = `look for ${showAddress(address)}`;
  const routes = await ipJson<{ dev?: string }>(what, [
    family,
    "route",
    "get",
    showAddress(address),
  ])
    .catch(() => []);
  return routes[0]?.dev ?? "";
}

/** Next hops of all routes of this host. */
export async function gatewaysOfHost(): Promise<string[]> {
  const show = (family: string) =>
    ip("look at the routes", [family, "route", "show", "table", "all"]).catch(() => "");
  const text = `${await show("-4")}\n${await show("-6")}`;
  return [...text.matchAll(/\bvia (?:inet6? )?(\S+)/g)].map(([, address]) => address!);
}

/** Whether traffic of the whole host leaves by it. */
export function carriesDefaultRoute({ routes }: LentInterface): boolean {
  return routes.some(([, words]) => words.startsWith("default"));
}

/** Moves an interface in; `address` (`address/bits`, or empty) is put on it. @throws {SystemError} */
export async function lend(namespace: string, name: string, address: string): Promise<void> {
  const what = `move ${name} into ${namespace}`;
  await ip(what, ["link", "set", "dev", name, "netns", namespace]);
  if (address !== "") await ip(what, ["-n", namespace, "addr", "replace", address, "dev", name]);
  await ip(what, ["-n", namespace, "link", "set", "dev", name, "up"]);
}

/** Moves it back, unless that is done or it is gone, and makes it what it was. @throws {SystemError} */
export async function giveBack(namespace: string, lent: LentInterface): Promise<void> {
  const { name } = lent, what = `give ${name} back`;
  if (await ipTry(["-n", namespace, "link", "show", "dev", name])) {
    await ip(what, ["-n", namespace, "link", "set", "dev", name, "netns", String(Deno.pid)]);
    // Who was killed behind this step has left it here as the kernel moves it: down, and bare.
  } else if (!(await linkNames()).has(name)) return;
  if (lent.master !== "") await ipTry(["link", "set", "dev", name, "master", lent.master]);
  for (const address of lent.addresses) {
    const nodad = address.includes(":") ? ["nodad"] : [];
    await ip(what, ["addr", "replace", address, "dev", name, ...nodad]);
  }
  if (!lent.isUp) return;
  await ip(what, ["link", "set", "dev", name, "up"]);
  for (const [family, words] of lent.routes) {
    await ip(what, [family, "route", "replace", ...words.split(/\s+/), "dev", name]);
  }
}

/** An address with the length of all its bits. */
function hostPrefix(address: IpAddress): string {
  return `${showAddress(address)}/${address.length * 8}`;
}
