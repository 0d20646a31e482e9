/**
 * The journal of a kernel data path, by which a later process can remove what a process left that could not
 * clean up. Each process has a file, named by its network namespace and its process number. States and
 * policies are recognized by the range of their reqids, routes and rules by their routing protocol.
 * @module
 */
import { type IpPrefix, parsePrefix, showAddress } from "@/base/address.ts";
import { SystemError } from "@/base/errors.ts";
import {
  addressMessage,
  deleteLink,
  readOwnRoutes,
  readOwnRules,
} from "@/datapath/route_message.ts";
import { bypassPolicies } from "@/datapath/kernel_plan.ts";
import { isLiving, type ProcessName } from "@/datapath/living_process.ts";
import { dumpOf } from "@/datapath/xfrm.ts";
import { deletePolicy, deleteReportedPolicy, readPolicies } from "@/datapath/xfrm_policy.ts";
import { deleteReportedState, readStates } from "@/datapath/xfrm_state.ts";
import { makeDirectory } from "@/files/directory.ts";
import { createPrivate, readPrivate, removePrivate } from "@/files/private_file.ts";
import type { NetlinkSocket } from "@/native/netlink.ts";

/** The directory of journals, which a reboot empties as it does the kernel's tables. */
const DIRECTORY = "/run/myikev2";
/** The longest journal that is read: it has a line for each inner address. */
const OCTETS_MAX = 64 << 20;
/** The number of reqids of one data path. */
export const REQID_RANGE = 1 << 22;

/** The line that {@linkcode KernelJournal.addBypass} writes. */
const BYPASS = "bypass";

/** The content of a journal. */
export interface JournalEntry extends ProcessName {
  readonly reqidBase: number;
  readonly innerDevice: number;
  /** Name of the XFRM interface that it made; empty: none. */
  readonly xfrmName: string;
}

/** The journal of this process, which is open for writing. */
export class KernelJournal {
  readonly #path: string;
  readonly #file: Deno.FsFile | undefined;

  /** If the file cannot be written, no journal is kept; a process that ends in order needs none. */
  constructor(namespace: number, entry: JournalEntry) {
    this.#path = `${DIRECTORY}/datapath-${namespace}-${entry.pid}-${entry.reqidBase}`;
    try {
      makeDirectory(DIRECTORY, "service", 0o755);
      this.#file = createPrivate(this.#path, { trust: "service" }).file;
      this.#write(JSON.stringify(entry));
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
    }
  }

  /** Records that an address will be added. */
  addAddress({ address, bits }: IpPrefix): void {
    this.#write(`${showAddress(address)}/${bits}`);
  }

  /** Records that the policies which let IKE pass are ours. */
  addBypass(): void {
    this.#write(BYPASS);
  }

  /** Removes the journal, as nothing of ours is left. */
  close(): void {
    if (!this.#file) return;
    this.#file.close();
    removePrivate(this.#path);
  }

  #write(line: string): void {
    this.#file?.writeSync(new TextEncoder().encode(`${line}\n`));
  }
}

/** Netlink sockets by which leftovers are found and removed. */
export interface Cleaners {
  readonly xfrm: NetlinkSocket;
  readonly route: NetlinkSocket;
}

/** The result of reading the journals of a namespace. */
export interface JournalReading {
  /** The first reqids of the ranges of living processes. */
  readonly taken: number[];
  /** A sentence for each process whose leftovers were removed. */
  readonly cleaned: string[];
}

/** Removes what processes that have died left in this namespace. */
export function cleanLeftovers(namespace: number, cleaners: Cleaners): JournalReading {
  const taken: number[] = [];
  const dead: { path: string; entry: JournalEntry; lines: string[] }[] = [];
  for (const path of journalsOf(namespace)) {
    const read = readJournal(path);
    if (!read) continue;
    if (isLiving(read.entry)) taken.push(read.entry.reqidBase);
    else dead.push({ path, ...read });
  }
  const cleaned = dead.map(({ path, entry, lines }) => {
    const count = cleanOne(entry, lines, cleaners);
    Deno.removeSync(path);
    return `process ${entry.pid} left ${count} states, policies and addresses: taken out`;
  });
  // Routes have no reqid: they can only be recognized as leftovers if no other process lives.
  if (dead.length > 0 && taken.length === 0) {
    const routes = [...readOwnRoutes(cleaners.route), ...readOwnRules(cleaners.route)];
    cleaners.route.request(routes);
  }
  return { taken, cleaned };
}

/** A range of reqids that no living data path of this namespace has. */
export function freeRange(taken: readonly number[]): number {
  const ranges = Math.floor(2 ** 31 / REQID_RANGE);
  for (;;) {
    const [word] = crypto.getRandomValues(new Uint32Array(1));
    const base = (1 + word! % (ranges - 1)) * REQID_RANGE;
    if (!taken.includes(base)) return base;
  }
}

function cleanOne(entry: JournalEntry, lines: readonly string[], cleaners: Cleaners): number {
  const { reqidBase, innerDevice, xfrmName } = entry;
  const { xfrm, route } = cleaners;
  const isOurs = ({ reqid }: { readonly reqid: number }) =>
    reqid >= reqidBase && reqid < reqidBase + REQID_RANGE;
  const states = readStates(xfrm.dump(dumpOf("states"))).filter(isOurs);
  const policies = readPolicies(xfrm.dump(dumpOf("policies"))).filter(isOurs);
  const addresses = lines.map(parsePrefix).filter((prefix) => prefix !== undefined);
  const bypass = lines.includes(BYPASS) ? bypassPolicies().map(deletePolicy) : [];
  // Another process may have removed some of it already.
  xfrm.request([
    ...bypass,
    ...policies.map(deleteReportedPolicy),
    ...states.map(deleteReportedState),
  ]);
  route.request([
    ...addresses.map((prefix) => addressMessage("delete", prefix, innerDevice)),
    ...(xfrmName ? [deleteLink(xfrmName)] : []),
  ]);
  return states.length + policies.length + addresses.length;
}

function journalsOf(namespace: number): string[] {
  try {
    return [...Deno.readDirSync(DIRECTORY)].map(({ name }) => name)
      .filter((name) => name.startsWith(`datapath-${namespace}-`))
      .map((name) => `${DIRECTORY}/${name}`);
  } catch {
    return [];
  }
}

function readJournal(path: string): { entry: JournalEntry; lines: string[] } | undefined {
  try {
    const [first, ...lines] = readPrivate(path, OCTETS_MAX).trim().split("\n");
    return { entry: JSON.parse(first!), lines };
  } catch {
    return undefined; // The file belongs to another user, or is incomplete.
  }
}
