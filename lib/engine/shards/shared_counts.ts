/**
 * The tunnel counts that all workers of a gateway share.
 * @module
 */
import { type RowsShape, SharedRows } from "@/engine/shards/shared_memory.ts";
import type { TunnelCounts } from "@/engine/load/tunnel_counts.ts";

/** The words of a row. */
const LIVE = 0;
const DOWN = 1;
const DISPLACED = 2;
const WORDS = 3;
/** The least number of identities, and the most; further ones are counted by each worker for itself. */
const ROWS_MIN = 1 << 12;
const ROWS_MAX = 1 << 21;

function shapeOf(tunnels: number): RowsShape {
  return { rows: Math.min(ROWS_MAX, Math.max(ROWS_MIN, 4 * tunnels)), words: WORDS };
}

/** Memory for the counts of a gateway that expects so many tunnels. */
export function newCountsMemory(tunnels: number): SharedArrayBuffer {
  return new SharedArrayBuffer(SharedRows.octets(shapeOf(tunnels)));
}

/** See {@linkcode TunnelCounts}. */
export class SharedCounts implements TunnelCounts {
  readonly #rows: SharedRows;

  constructor(memory: SharedArrayBuffer, tunnels: number) {
    this.#rows = new SharedRows(memory, shapeOf(tunnels));
  }

  live(key: string, change: 1 | -1): void {
    this.#rows.change(key, (row) => row[LIVE] = row[LIVE]! + change);
  }

  addDown(key: string): boolean {
    return this.#rows.change(key, (row) => row[DOWN]!++) !== undefined;
  }

  takeDown(key: string): boolean {
    return this.#take(key, DOWN);
  }

  displace(key: string, own: number): void {
    this.#rows.change(key, (row) => {
      const others = Math.max(0, row[LIVE]! - own - row[DISPLACED]!);
      row[DISPLACED]! += others;
      row[DOWN]! += others;
    });
  }

  takeDisplaced(key: string): boolean {
    return this.#take(key, DISPLACED);
  }

  #take(key: string, word: number): boolean {
    return this.#rows.change(key, (row) => {
      if (row[word] === 0) return false;
      row[word]!--;
      return true;
    }) ?? false;
  }
}
