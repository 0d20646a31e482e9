/**
 * Whether the kernel's neighbour table was full while a test ran: then hosts of the link get no answer,
 * and nothing else says why.
 * @module
 */
import type { NeighbourTable } from "@/datapath/neighbour_table.ts";

/** A table that was full. `overflows` are those of the test. */
export type NeighbourOverflow = NeighbourTable;

/** See the module. */
export class NeighbourWatch {
  /** The table that was full most often; undefined: none was, or the test has not ended. */
  overflow: NeighbourOverflow | undefined;
  readonly #read: () => readonly NeighbourTable[];
  #before: readonly NeighbourTable[] = [];

  constructor(read: () => readonly NeighbourTable[]) {
    this.#read = read;
  }

  /** The test begins. */
  begin(): void {
    this.#before = this.#read();
  }

  /** The test ends: the words for a tester whose tunnels did not come up; undefined: no table was full. */
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
    `its links, so others get no answer; raise ${option}, outside of any network namespace`;
}
