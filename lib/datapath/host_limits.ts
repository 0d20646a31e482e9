/**
 * Compares the limits of this host with the needs of a test before it begins: a limit that does not suffice
 * is reported with the number of tunnels that it allows and the command that raises it. `tuneHost` raises
 * those that are settings of the kernel.
 * @module
 */
import type { NeighbourTable } from "@/datapath/neighbour_table.ts";

/** What a test will need. */
export interface HostNeeds {
  readonly role: "client" | "gateway";
  readonly tunnels: number;
  readonly bindifname: string;
  /** Whether each tunnel is a TCP connection. */
  readonly tcp: boolean;
  /** Octets of an address of the tunnels: 4 or 16. */
  readonly addressOctets: number;
  /** Whether a route leads to the clients of a gateway, so that they need not be its neighbours. */
  readonly hasRoute: boolean;
}

/** The limits of this host; undefined: they cannot be read. */
export interface HostState {
  readonly neighbours: readonly NeighbourTable[];
  /** Soft limit of open files. */
  readonly filesMax: number | undefined;
  /** Memory that can be used without swapping, in octets. */
  readonly memoryOctets: number | undefined;
  /** Connections that the firewall follows, in this namespace, and at most in all. */
  readonly conntrackCount: number | undefined;
  readonly conntrackMax: number | undefined;
}

/** A limit that does not suffice. */
export interface HostLimit {
  /** What it is, with its value. */
  readonly what: string;
  /** How many tunnels it allows. */
  readonly allows: number;
  /** What raises it, or avoids the need. */
  readonly remedy: string;
  /** The setting of the kernel that raises it; undefined: it is none. */
  readonly setting?: { readonly name: string; readonly value: number };
}

/** Open files in addition to the connections of tunnels. */
const OTHER_FILES = 64;
/** Resident memory of the program, and of each tunnel. */
const PROGRAM_OCTETS = 150e6;
const TUNNEL_OCTETS = 9e3;
/** Neighbours that others may need meanwhile. */
const OTHER_NEIGHBOURS = 16;

/** The limits that do not suffice. */
export function limitsOf(needs: HostNeeds, state: HostState): HostLimit[] {
  return [
    neighbourLimit(needs, state),
    fileLimit(needs, state),
    conntrackLimit(needs, state),
    memoryLimit(needs, state),
  ].filter((limit) => limit !== undefined);
}

/** A limit as a sentence for the user. */
export function showLimit({ what, allows, remedy }: HostLimit, tunnels: number): string {
  return `This host allows ${allows} of ${tunnels} tunnels: ${what}; ${remedy}`;
}

/**
 * The limit of the neighbour table. Only a gateway has many neighbours, as all tunnels of a client lead to
 * one host.
 */
function neighbourLimit(
  { role, tunnels, bindifname, addressOctets, hasRoute }: HostNeeds,
  { neighbours }: HostState,
): HostLimit | undefined {
  const family = addressOctets === 4 ? 4 : 6;
  const table = neighbours.find((one) => one.family === family);
  if (role !== "gateway" || bindifname === "lo" || hasRoute || !table) return undefined;
  const allows = Math.max(0, table.entriesMax - table.entries - OTHER_NEIGHBOURS);
  if (allows >= tunnels) return undefined;
  const name = `net/ipv${family}/neigh/default/gc_thresh3`;
  const value = 2 * (table.entries + OTHER_NEIGHBOURS + tunnels);
  return {
    what:
      `the kernel's neighbour table takes ${table.entriesMax} hosts, ${table.entries} of which ` +
      "are in use, in all network namespaces together, and clients on the link need an entry each",
    allows,
    remedy: "let clients by way of one of them, as with `staticroute: ip route replace " +
      `CLIENTS/BITS via CLIENT\`, or ${commandFor(name, value)} in the initial network namespace`,
    setting: { name, value },
  };
}

function fileLimit(
  { tunnels, tcp }: HostNeeds,
  { filesMax }: HostState,
): HostLimit | undefined {
  if (!tcp || filesMax === undefined || filesMax >= tunnels + OTHER_FILES) return undefined;
  return {
    what: `a process may have ${filesMax} open files, and each tunnel in TCP is one`,
    allows: Math.max(0, filesMax - OTHER_FILES),
    remedy: `ulimit -n ${tunnels + OTHER_FILES}`,
  };
}

/**
 * The limit of connection tracking. If the firewall tracks no connection at present, it will not track ours
 * either.
 */
function conntrackLimit(
  { tunnels }: HostNeeds,
  { conntrackCount, conntrackMax }: HostState,
): HostLimit | undefined {
  if (!conntrackCount || conntrackMax === undefined) return undefined;
  // A tunnel has a connection at the IKE port, and one at the NAT-T port.
  const allows = Math.max(0, Math.floor((conntrackMax - conntrackCount) / 2));
  if (allows >= tunnels) return undefined;
  const name = "net/netfilter/nf_conntrack_max";
  const value = conntrackCount + 4 * tunnels;
  return {
    what: `the firewall follows ${conntrackMax} connections at most, and ${conntrackCount} now`,
    allows,
    remedy: `${commandFor(name, value)}, or let it follow none of UDP ports 500 and 4500`,
    setting: { name, value },
  };
}

function memoryLimit({ tunnels }: HostNeeds, { memoryOctets }: HostState): HostLimit | undefined {
  if (memoryOctets === undefined) return undefined;
  const allows = Math.max(0, Math.floor((memoryOctets - PROGRAM_OCTETS) / TUNNEL_OCTETS));
  if (allows >= tunnels) return undefined;
  const needs = Math.ceil((PROGRAM_OCTETS + TUNNEL_OCTETS * tunnels) / 1e6);
  return {
    what: `${Math.floor(memoryOctets / 1e6)} MB of memory are free, and they need ${needs} MB`,
    allows,
    remedy: "free some, or share the tunnels among hosts",
  };
}

function commandFor(name: string, value: number): string {
  return `sysctl -w ${name.replaceAll("/", ".")}=${value}`;
}

/** Reads and changes settings of the kernel; tests have their own. */
export interface Settings {
  read(name: string): number | undefined;
  write(name: string, value: number): boolean;
}

/** The result of raising limits. */
export interface Tuning {
  /** The limits that were not raised. */
  readonly left: readonly HostLimit[];
  /** A sentence for each limit that was raised. */
  readonly raised: readonly string[];
  /** Restores the settings that nobody else has changed meanwhile. */
  undo(): void;
}

/** Raises the limits that are settings of the kernel, as far as this process may. */
export function tuneHost(limits: readonly HostLimit[], settings: Settings): Tuning {
  const left: HostLimit[] = [];
  const raised: string[] = [];
  const undo: (() => void)[] = [];
  for (const limit of limits) {
    const { setting } = limit;
    const before = setting && settings.read(setting.name);
    if (!setting || before === undefined || !settings.write(setting.name, setting.value)) {
      left.push(limit);
      continue;
    }
    raised.push(`raised ${setting.name.replaceAll("/", ".")} from ${before} to ${setting.value}`);
    undo.push(() => {
      if (settings.read(setting.name) === setting.value) settings.write(setting.name, before);
    });
  }
  return { left, raised, undo: () => undo.reverse().forEach((step) => step()) };
}
