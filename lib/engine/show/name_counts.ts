/**
 * Counts by name, of a bounded number of names.
 * @module
 */

/** Under this name all are counted for whose own name there is no room. */
export const OTHER_NAMES = "others";

/** Counts of things by their name. */
export class NameCounts {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** `max`: names that are counted apart. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts one. */
  add(name: string): void {
    const hasRoom = this.#counts.has(name) || this.#counts.size < this.#max;
    const key = hasRoom ? name : OTHER_NAMES;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** All counts, in the order in which their names came. */
  counts(): ReadonlyMap<string, number> {
    return new Map(this.#counts);
  }
}
