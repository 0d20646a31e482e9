/**
 * Tables in memory that all workers of a process share. Each table has a lock, which is held for a few
 * instructions at a time.
 * @module
 */

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

/** A hash of a text as two numbers (uint32), by FNV-1a with two different beginnings. */
export function hashOf(text: string): readonly [number, number] {
  let first = 0x811c9dc5;
  let second = 0x5bd1e995;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit + i, 0x85ebca6b);
    second ^= second >>> 15;
  }
  // Two zeros mark a free row.
  return [first >>> 0 || 1, second >>> 0];
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
    for (let tried = 0; tried < rows; tried++) {
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
