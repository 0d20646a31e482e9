/**
 * Tables in memory that all workers of a process share. Each table has a lock, which is held for a few
 * instructions at a time.
 * @module
 */
import { must } from "@/base/errors.ts";
import { loadShim } from "@/native/load.ts";

/** How long a worker waits for a lock before it looks again, in milliseconds. */
const LOOK_AGAIN_MS = 1;

/** Does something while no other worker does anything under the same lock, which is a word of shared memory. */
export function locked<T>(lock: Int32Array, work: () => T): T {
  while (Atomics.compareExchange(lock, 0, 0, 1) !== 0) Atomics.wait(lock, 0, 1, LOOK_AGAIN_MS);
  try {
    return work();
  } finally {
    Atomics.store(lock, 0, 0);
    Atomics.notify(lock, 0, 1);
  }
}

/** Octets of a hash by SHA-256. */
const HASH_OCTETS = 32;
/** The most rows that are looked at for one key; a table that is so full takes no new keys there. */
const TRIED_MAX = 256;

/** The first eight octets of the SHA-256 hash of a text, as two numbers (uint32); the first one is not 0. */
export function hashOf(text: string): readonly [number, number] {
  const { symbols } = loadShim();
  must(symbols !== undefined, "workers have the shim");
  const octets = new TextEncoder().encode(text);
  const hash = new Uint8Array(HASH_OCTETS);
  const made = symbols.my_sha256(octets, octets.length, hash);
  must(made === HASH_OCTETS, "SHA-256 is always there");
  const view = new DataView(hash.buffer);
  return [view.getUint32(0) || 1, view.getUint32(4)];
}

/** Words of a table before its rows: its lock, and the number of rows in use. */
const HEAD = 2;
/** The words of a row in which the hash of its key is. */
const KEY = 2;

/** The shape of a {@linkcode SharedRows}. */
export interface RowsShape {
  /** Number of rows. */
  readonly rows: number;
  /** Number of words (uint32) of a row, besides its key. */
  readonly words: number;
}

/** Rows of numbers by text keys; a row that is in use stays. */
export class SharedRows {
  readonly #words: Int32Array;
  readonly #shape: RowsShape;

  constructor(memory: SharedArrayBuffer, shape: RowsShape) {
    this.#words = new Int32Array(memory);
    this.#shape = shape;
  }

  /** Octets of memory of such a table. */
  static octets({ rows, words }: RowsShape): number {
    return 4 * (HEAD + rows * (KEY + words));
  }

  /** Changes a row under the lock of the table; undefined: the table is full, and the key is not in it. */
  change<T>(key: string, work: (row: Int32Array) => T): T | undefined {
    return locked(this.#words, () => {
      const row = this.#rowOf(key);
      return row && work(row);
    });
  }

  #rowOf(key: string): Int32Array | undefined {
    const [first, second] = hashOf(key);
    const { rows, words } = this.#shape;
    const length = KEY + words;
    for (let tried = 0; tried < Math.min(rows, TRIED_MAX); tried++) {
      const i = (second + tried) % rows;
      const row = this.#words.subarray(HEAD + i * length, HEAD + (i + 1) * length);
      if (row[0] === (first | 0) && row[1] === (second | 0)) return row.subarray(KEY);
      if (row[0] !== 0) continue;
      row[0] = first;
      row[1] = second;
      this.#words[1]!++;
      return row.subarray(KEY);
    }
    return undefined;
  }
}
