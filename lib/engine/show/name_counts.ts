/**
 * Counts by name, for a bounded number of names.
 * @module
 */

/** The name for all that are not counted by their own name, as there are too many. */
export const OTHER_NAMES = "others";

/** Counts by name. */
export class NameCounts {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** `max`: the most names that are counted separately. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts one more of a name. */
  add(name: string): void {
    const hasRoom = this.#counts.has(name) || this.#counts.size < this.#max;
    const key = hasRoom ? name : OTHER_NAMES;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** All counts, in the order of the first use of their names. */
  counts(): ReadonlyMap<string, number> {
    return new Map(this.#counts);
  }
}
