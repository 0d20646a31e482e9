/**
 * Things of the system that several SAs want at a time, as rekeys and tunnels with the same selectors
 * do: each thing has its owners, what the last of them wants counts, and without any it goes.
 * @module
 */

/** One of the claims to a thing, between those before and after it: a thing may have 100,000. */
interface Claim<T> {
  readonly key: string;
  readonly value: T;
  before: Claim<T> | undefined;
  after: Claim<T> | undefined;
}

/** What is to be done when an owner lets go. */
export interface LetGo<T> {
  /** Nobody wants these any more. */
  readonly removed: T[];
  /** Another owner's value counts again. */
  readonly restored: T[];
}

/** See the file; `key` says which thing a value is of, `sign` tells values of one thing apart. */
export class Owned<T> {
  /** By thing, the claim that counts. */
  readonly #last = new Map<string, Claim<T>>();
  readonly #ofOwner = new Map<number, Claim<T>[]>();

  constructor(private readonly key: (value: T) => string, private readonly sign: (v: T) => string) {
  }

  /** Things that are there. */
  get size(): number {
    return this.#last.size;
  }

  /** Whether the value must be put: it was not there, or not so. */
  claim(owner: number, value: T): boolean {
    const key = this.key(value), before = this.#last.get(key);
    const claim: Claim<T> = { key, value, before, after: undefined };
    if (before) before.after = claim;
    this.#last.set(key, claim);
    const others = this.#ofOwner.get(owner);
    if (others) others.push(claim);
    else this.#ofOwner.set(owner, [claim]);
    return !before || this.sign(before.value) !== this.sign(value);
  }

  /** All that the owner claimed. */
  letGo(owner: number): LetGo<T> {
    const removed: T[] = [], restored: T[] = [];
    for (const { key, value, before, after } of this.#ofOwner.get(owner) ?? []) {
      if (before) before.after = after;
      if (after) {
        after.before = before;
      } else if (before) {
        this.#last.set(key, before);
        if (this.sign(before.value) !== this.sign(value)) restored.push(before.value);
      } else {
        this.#last.delete(key);
        removed.push(value);
      }
    }
    this.#ofOwner.delete(owner);
    return { removed, restored };
  }

  /** The values that count. */
  all(): T[] {
    return [...this.#last.values()].map(({ value }) => value);
  }
}
