/**
 * The kernel's tables of neighbours, ARP's and that of IPv6 (RTM_GETNEIGHTBL of `linux/neighbour.h`):
 * how many of a link's hosts the kernel can know, and how often it wanted to know one more. A table is
 * shared by all network namespaces.
 * @module
 */
import { attributesIn, NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import { loadShim } from "@/native/load.ts";
import { NetlinkFamily, NetlinkFlag, NetlinkSocket } from "@/native/netlink.ts";

const NEW_NEIGHBOUR_TABLE = 64, GET_NEIGHBOUR_TABLE = 66;
const NDTA_NAME = 1, NDTA_THRESH3 = 4, NDTA_CONFIG = 5, NDTA_STATS = 7;
/** Octets of `ndtmsg`, and where the counts stand in `ndt_config` (uint32) and `ndt_stats` (uint64). */
const RECORD_OCTETS = 4, ENTRIES_AT = 4, TABLE_FULLS_AT = 80;

/** One table. */
export interface NeighbourTable {
  readonly family: 4 | 6;
  /** Hosts that are known now. */
  readonly entries: number;
  /** `gc_thresh3`: the most that can be known. */
  readonly entriesMax: number;
  /** How often a host could not be known since the machine was started. */
  readonly overflows: number;
}

/** Both tables; none where there is no shim, or the system does not tell. */
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
    // What is read here explains failures, and must not be one.
    return [];
  }
}

/** The table that a message of the kernel is about; undefined: one of its devices, or of no family of ours. */
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
