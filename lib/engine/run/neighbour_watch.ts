/**
 * Detects that the kernel's neighbour table was full during a test, as hosts of the link are then not reached
 * and nothing else shows why.
 * @module
 */
import type { NeighbourTable } from "@/datapath/neighbour_table.ts";

/** A neighbour table that was full; `overflows` are those during the test. */
export type NeighbourOverflow = NeighbourTable;

/** Compares the neighbour tables at the beginning and the end of a test. */
export class NeighbourWatch {
  /** The table that was full most often; undefined: none was, or the test has not ended. */
  overflow: NeighbourOverflow | undefined;
  readonly #read: () => readonly NeighbourTable[];
  #before: readonly NeighbourTable[] = [];

  constructor(read: () => readonly NeighbourTable[]) {
    this.#read = read;
  }

  /** Reads the tables at the beginning of a test; returns whether the system tells them. */
  begin(): boolean {
    this.#before = this.#read();
    return this.#before.length > 0;
  }

  /** A sentence if a table was full for the first time since the beginning; undefined: none was. */
  look(): string | undefined {
    return this.overflow ? undefined : this.end();
  }

  /**
   * Reads the tables at the end; returns a sentence for a user whose tunnels were not established, or
   * undefined if no table was full.
   */
  end(): string | undefined {
    const before = (family: 4 | 6) => this.#before.find((table) => table.family === family);
    const full = this.#read().map((table) => ({
      ...table,
      overflows: table.overflows - (before(table.family)?.overflows ?? table.overflows),
    })).filter(({ overflows }) => overflows > 0).sort((a, b) => b.overflows - a.overflows);
    this.overflow = full[0];
    return this.overflow && showOverflow(this.overflow);
  }
}

function showOverflow({ family, entriesMax, overflows }: NeighbourOverflow): string {
  const option = `net.ipv${family}.neigh.default.gc_thresh3`;
  return `the kernel's neighbour table was full ${overflows} times: it takes ${entriesMax} hosts of ` +
    `its links, so others get no answer; raise ${option}, outside of any network namespace, or lead ` +
    "them by way of one host (ip route replace CLIENTS/BITS via ADDRESS)";
}
