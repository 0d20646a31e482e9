/**
 * Reads the kernel's neighbour tables, of ARP and of IPv6 (RTM_GETNEIGHTBL of `linux/neighbour.h`): how many
 * hosts of its links the kernel can know, and how often the table was full. All network namespaces share
 * them.
 * @module
 */
import { attributesIn, NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import { loadShim } from "@/native/load.ts";
import { NetlinkFamily, NetlinkFlag, NetlinkSocket } from "@/native/netlink.ts";

const NEW_NEIGHBOUR_TABLE = 64;
const GET_NEIGHBOUR_TABLE = 66;
const NDTA_NAME = 1;
const NDTA_THRESH3 = 4;
const NDTA_CONFIG = 5;
const NDTA_STATS = 7;
/** Octets of `ndtmsg`, and offsets of the counters in `ndt_config` (uint32) and `ndt_stats` (uint64). */
const RECORD_OCTETS = 4;
const ENTRIES_AT = 4;
const TABLE_FULLS_AT = 80;

/** The state of one neighbour table. */
export interface NeighbourTable {
  readonly family: 4 | 6;
  /** Number of hosts in the table. */
  readonly entries: number;
  /** `gc_thresh3`: the most hosts that the table can hold. */
  readonly entriesMax: number;
  /** How often the table was full when a host had to be added, since the machine was started. */
  readonly overflows: number;
}

/** Reads both tables; empty without the shim, or if the system does not tell. */
export function readNeighbourTables(): NeighbourTable[] {
  const { symbols: shim } = loadShim();
  if (!shim) return [];
  try {
    const socket = new NetlinkSocket(shim, { family: NetlinkFamily.ROUTE });
    try {
      const flags = NetlinkFlag.REQUEST | NetlinkFlag.DUMP;
      const ask = new NetlinkMessageWriter(GET_NEIGHBOUR_TABLE, flags).zeros(RECORD_OCTETS);
      return socket.dump(ask.octets).filter(({ type }) => type === NEW_NEIGHBOUR_TABLE)
        .map(({ body }) => neighbourTableIn(body)).filter((table) => table !== undefined);
    } finally {
      socket.close();
    }
  } catch {
    // The tables only help to explain failures, so an error here must not become one.
    return [];
  }
}

/**
 * The table that a message of the kernel describes; undefined if it describes a device, or another family.
 */
export function neighbourTableIn(body: Uint8Array): NeighbourTable | undefined {
  const attributes = attributesIn(body, RECORD_OCTETS);
  const name = new TextDecoder().decode(attributes.get(NDTA_NAME) ?? new Uint8Array(0));
  const family = name.startsWith("arp_cache") ? 4 : name.startsWith("ndisc_cache") ? 6 : undefined;
  const [max, config, stats] = [NDTA_THRESH3, NDTA_CONFIG, NDTA_STATS].map((type) =>
    viewOf(attributes.get(type))
  );
  if (!family || !max || !config || !stats || stats.byteLength < TABLE_FULLS_AT + 8) {
    return undefined;
  }
  return {
    family,
    entries: config.getUint32(ENTRIES_AT, true),
    entriesMax: max.getUint32(0, true),
    overflows: Number(stats.getBigUint64(TABLE_FULLS_AT, true)),
  };
}

function viewOf(octets: Uint8Array | undefined): DataView | undefined {
  return octets && new DataView(octets.buffer, octets.byteOffset, octets.length);
}
