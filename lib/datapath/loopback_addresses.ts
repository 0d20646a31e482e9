/**
 * Adds addresses to lo while a program answers at them.
 * @module
 */
import { type IpAddress, parseAddress, showAddress } from "@/base/address.ts";
import { ipBatch, ipShow } from "@/datapath/ip_command.ts";

/** Addresses that were added to lo. */
export interface LoopbackAddresses {
  /** Number of addresses that were not there before. */
  readonly added: number;
  /** Removes the added addresses. */
  undo(): Promise<void>;
}

const HINT =
  "; it needs CAP_NET_ADMIN (or root), and addresses that are there already need neither";

interface Link {
  readonly addr_info: readonly { readonly local?: string }[];
}

/** Adds to lo the addresses that no interface has. @throws {SetupError} if the system refuses. */
export async function addToLoopback(addresses: readonly IpAddress[]): Promise<LoopbackAddresses> {
  const links = await ipShow<Link>(["addr", "show"]);
  const there = new Set(
    links.flatMap(({ addr_info }) => addr_info.map(({ local }) => keyOf(local))),
  );
  const missing = [...new Set(addresses.map(showAddress))].filter((text) => !there.has(text));
  const line = (verb: string, text: string) =>
    text.includes(":")
      ? `addr ${verb} ${text}/128 dev lo${verb === "add" ? " nodad" : ""}`
      : `addr ${verb} ${text}/32 dev lo`;
  const undo = () =>
    ipBatch(missing.map((text) => line("del", text)), { what: "remove addresses", quiet: true });
  try {
    await ipBatch(missing.map((text) => line("add", text)), {
      what: "add addresses to lo",
      hint: HINT,
    });
  } catch (e) {
    await undo();
    throw e;
  }
  return { added: missing.length, undo };
}

/** Writes an address in the form of this program, whatever form the system uses. */
function keyOf(local = ""): string {
  const address = parseAddress(local);
  return address ? showAddress(address) : local;
}
