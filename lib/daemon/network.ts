/**
 * The network of an instance: its namespace, its management link to the host's bridge, and the data
 * interface that is moved into it. All names are chosen and saved before anything is made, so that
 * a later daemon can remove by name what exists, however far the making had come.
 * @module
 */
import { type IpAddress, showAddress } from "@/base/address.ts";
import { ip, ipJson, ipTry } from "@/daemon/ip_command.ts";

/** Name of the management bridge, which all instances of a host share. */
export const BRIDGE = "myikev2mgmtbrg";
/** Name of the management link inside a namespace. */
const INSIDE = "myikev2mgmt";
/** IPv6 address of the bridge: the next hop of instances that have an IPv6 management address. */
const BRIDGE_V6 = "fe80::1";
/** Time that processes in a namespace have to end after SIGTERM, in milliseconds. */
const TERM_MS = 2_000;
/** Time that the kernel has to remove them after SIGKILL, in milliseconds. */
const KILL_MS = 2_000;

/** The parts of an instance's network that are made for it. */
export interface InstanceNetwork {
  readonly namespace: string;
  /** The management link's end on the host. */
  readonly link: string;
  readonly address: IpAddress;
}

/** What is read of one link in the output of `ip -json link` and `ip -json addr`. */
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

/** A data interface and the configuration that is restored when it is moved back. */
export interface MovedInterface {
  readonly name: string;
  readonly isUp: boolean;
  /** Bridge or bond it belonged to; empty: none. */
  readonly master: string;
  /** `address/bits`. */
  readonly addresses: readonly string[];
  /**
   * Routes as `ip route` prints them, without the device, each with the option of its address
   * family.
   */
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

/** Directory of named network namespaces; each name is a bind mount over an empty file. */
const NAMES = "/run/netns";

/** Whether a name refers to a namespace; the file may exist without the mount. */
export async function isNamespace(name: string): Promise<boolean> {
  return await ipTry(["-n", name, "link", "show", "dev", "lo"]);
}

/** Inode number that identifies a namespace within this boot; 0 if the name refers to none. */
export function namespaceInode(name: string): number {
  try {
    return Deno.statSync(`${NAMES}/${name}`).ino ?? 0;
  } catch {
    return 0;
  }
}

/**
 * Restores the name of a namespace by means of a process that is in it. If the earlier daemon had a
 * mount namespace of its own (`ip netns exec`, a sandboxed service), its names vanished with it.
 */
export async function renameNamespace(name: string, inode: number): Promise<void> {
  if (await isNamespace(name)) return;
  const pid = processWithNamespace(inode);
  if (pid === undefined) return;
  await Deno.remove(`${NAMES}/${name}`).catch(() => {});
  await ip(`restore the name ${name}`, ["netns", "attach", name, String(pid)]);
}

/** A process in the network namespace with this inode number; undefined if there is none. */
export function processWithNamespace(inode: number): number | undefined {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Deno.readLinkSync(`/proc/${name}/ns/net`) === `net:[${inode}]`) return Number(name);
    } catch {
      // The process has ended, or its namespace may not be read.
    }
  }
  return undefined;
}

/** Addresses to which the host has routes over the bridge, as text. */
export async function bridgedAddresses(): Promise<string[]> {
  if (!(await linkNames()).has(BRIDGE)) return [];
  const show = (family: string) =>
    ipJson<{ dst: string }>(`look at ${BRIDGE}`, [family, "route", "show", "dev", BRIDGE]);
  const routes = [...await show("-4"), ...await show("-6")];
  return routes.map(({ dst }) => dst).filter((dst) => dst !== "default" && !dst.includes("/"));
}

/** Makes the bridge if it does not exist, and gives it its addresses. */
export async function makeBridge(address: IpAddress): Promise<void> {
  const what = `make the management bridge ${BRIDGE}`;
  if (!(await linkNames()).has(BRIDGE)) {
    await ip(what, ["link", "add", "name", BRIDGE, "type", "bridge"]);
  }
  await ip(what, ["addr", "replace", hostPrefix(address), "dev", BRIDGE]);
  await ip(what, ["addr", "replace", hostPrefix(nextHopV4(address)), "dev", BRIDGE]);
  await ip(what, ["link", "set", BRIDGE, "up"]);
  // This fails on a host without IPv6, where no instance has an IPv6 address either.
  await ipTry(["addr", "replace", `${BRIDGE_V6}/64`, "dev", BRIDGE, "nodad"]);
}

/** Removes the bridge, unless it still has ports. */
export async function removeBridge(): Promise<void> {
  if (!(await linkNames()).has(BRIDGE)) return;
  const joined = await ipJson<Link>(`look at ${BRIDGE}`, ["link", "show", "master", BRIDGE]);
  if (joined.length > 0) return;
  await ip(`remove ${BRIDGE}`, ["link", "del", BRIDGE]);
}

/** Makes namespace and management link; `bridge` is the bridge's address. @throws {SystemError} */
export async function makeInstanceNetwork(
  network: InstanceNetwork,
  bridge: IpAddress,
): Promise<void> {
  const { namespace, link, address } = network;
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
 * Switches forwarding off. A new namespace inherits the setting of the host, and would forward
 * packets of the device under test into the management network.
 */
async function forwardNothing(namespace: string, what: string): Promise<void> {
  // Writing ip_forward sets it for all interfaces. Without IPv6 the files below ipv6/conf do not
  // exist.
  const off = "echo 0 >/proc/sys/net/ipv4/ip_forward; cd /proc/sys/net/ipv6/conf 2>/dev/null && " +
    "for each in */forwarding; do echo 0 >$each; done; :";
  await ip(what, ["netns", "exec", namespace, "/bin/sh", "-c", off]);
}

/**
 * Accepts packets for the management address from the management link and from the namespace itself
 * alone. By default the kernel accepts packets for any of its addresses on any interface, so that
 * the device under test could reach the API over the data interface or through a tunnel. The rule
 * for the local table has preference 0 and is moved behind the new ones.
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

/**
 * The IPv4 next hop: the address of the bridge; a fixed link-local address if the bridge has an
 * IPv6 one.
 */
function nextHopV4(bridge: IpAddress): IpAddress {
  return bridge.length === 4 ? bridge : Uint8Array.of(169, 254, 240, 1);
}

/** Removes what {@linkcode makeInstanceNetwork} made, as far as it exists. */
export async function removeInstanceNetwork(
  { namespace, link, address }: InstanceNetwork,
): Promise<void> {
  const [links, namespaces] = await Promise.all([linkNames(), namespaceNames()]);
  if (links.has(BRIDGE)) await ipTry(["route", "del", hostPrefix(address), "dev", BRIDGE]);
  if (links.has(link)) await ip(`remove ${link}`, ["link", "del", link]);
  if (namespaces.has(namespace)) await ip(`remove ${namespace}`, ["netns", "del", namespace]);
}

/** Ends all processes in a namespace, by SIGTERM and then by SIGKILL. */
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

/** The present configuration of an interface; undefined if the host has none of this name. */
export async function inspectInterface(name: string): Promise<MovedInterface | undefined> {
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
    // Routes of the kernel and of router advertisements come back by themselves.
    .filter((line) => !/\bproto (?:kernel|ra)\b/.test(line));
  return own.map((line) => [family, line.replaceAll(/ (?:linkdown|dead)\b/g, "")] as const);
}

/** Name of the interface by which this host reaches an address; empty if it has no route. */
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

/** The next hops of all routes of this host, as text. */
export async function gatewaysOfHost(): Promise<string[]> {
  const show = (family: string) =>
    ip("look at the routes", [family, "route", "show", "table", "all"]).catch(() => "");
  const text = `${await show("-4")}\n${await show("-6")}`;
  return [...text.matchAll(/\bvia (?:inet6? )?(\S+)/g)].map(([, address]) => address!);
}

/** Whether the host's default route leads over the interface. */
export function carriesDefaultRoute({ routes }: MovedInterface): boolean {
  return routes.some(([, words]) => words.startsWith("default"));
}

/**
 * Moves an interface into a namespace and adds `address` (`address/bits`; empty: none). @throws
 * {SystemError}
 */
export async function moveInterfaceIn(
  namespace: string,
  name: string,
  address: string,
): Promise<void> {
  const what = `move ${name} into ${namespace}`;
  await ip(what, ["link", "set", "dev", name, "netns", namespace]);
  if (address !== "") await ip(what, ["-n", namespace, "addr", "replace", address, "dev", name]);
  await ip(what, ["-n", namespace, "link", "set", "dev", name, "up"]);
}

/**
 * Moves an interface back to the host, if it still exists, and restores its configuration. @throws
 * {SystemError}
 */
export async function moveInterfaceBack(namespace: string, moved: MovedInterface): Promise<void> {
  const { name } = moved;
  const what = `move ${name} back`;
  if (await ipTry(["-n", namespace, "link", "show", "dev", name])) {
    await ip(what, ["-n", namespace, "link", "set", "dev", name, "netns", String(Deno.pid)]);
    // A daemon that was killed right after the move left the interface here, down and without
    // addresses.
  } else if (!(await linkNames()).has(name)) return;
  if (moved.master !== "") await ipTry(["link", "set", "dev", name, "master", moved.master]);
  for (const address of moved.addresses) {
    const nodad = address.includes(":") ? ["nodad"] : [];
    await ip(what, ["addr", "replace", address, "dev", name, ...nodad]);
  }
  if (!moved.isUp) return;
  await ip(what, ["link", "set", "dev", name, "up"]);
  for (const [family, words] of moved.routes) {
    await ip(what, [family, "route", "replace", ...words.split(/\s+/), "dev", name]);
  }
}

/** An address as a host prefix, such as 192.0.2.1/32. */
function hostPrefix(address: IpAddress): string {
  return `${showAddress(address)}/${address.length * 8}`;
}
