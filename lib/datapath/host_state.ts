/**
 * Reads the {@linkcode HostState} from `/proc` and the kernel.
 * @module
 */
import type { HostState } from "@/datapath/host_limits.ts";
import { readNeighbourTables } from "@/datapath/neighbour_table.ts";
import { readSetting } from "@/files/kernel_setting.ts";

/** The state of this host. */
export function readHostState(): HostState {
  return {
    neighbours: readNeighbourTables(),
    filesMax: numberIn("/proc/self/limits", /^Max open files\s+(\d+)/m),
    memoryOctets: kibibytes(numberIn("/proc/meminfo", /^MemAvailable:\s+(\d+)/m)),
    conntrackCount: readSetting("net/netfilter/nf_conntrack_count"),
    conntrackMax: readSetting("net/netfilter/nf_conntrack_max"),
  };
}

function kibibytes(value: number | undefined): number | undefined {
  return value === undefined ? undefined : 1024 * value;
}

function numberIn(path: string, pattern: RegExp): number | undefined {
  try {
    const [, digits] = pattern.exec(Deno.readTextFileSync(path)) ?? [];
    return digits === undefined ? undefined : Number(digits);
  } catch {
    return undefined;
  }
}
