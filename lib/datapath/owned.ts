/**
 * Policies and routes that several CHILD_SAs need at the same time, as after a rekey, or with equal selectors
 * in several tunnels. Each key has its owners; the value of its latest owner is in force, and without owners
 * it is removed.
 * @module
 */

/** A claim of an owner, in the doubly linked list of all claims to one key, which may be 100,000 long. */
interface Claim<T> {
  readonly key: string;
  readonly value: T;
  before: Claim<T> | undefined;
  after: Claim<T> | undefined;
}

/** The changes after an owner has released its claims. */
export interface Released<T> {
  /** Values without an owner, which have to be removed. */
  readonly removed: T[];
  /** Values of other owners that are in force again. */
  readonly restored: T[];
}

/**
 * Keeps owners and values. `key` is what a value belongs to; `content` tells different values of one key
 * apart.
 */
export class Owned<T> {
  /** For each key the claim that is in force. */
  readonly #last = new Map<string, Claim<T>>();
  readonly #ofOwner = new Map<number, Claim<T>[]>();

  constructor(
    private readonly key: (value: T) => string,
    private readonly content: (v: T) => string,
  ) {
  }

  /** Number of keys that are owned. */
  get size(): number {
    return this.#last.size;
  }

  /**
   * Adds a claim; returns whether the value has to be installed, as nothing or a different value was in
   * force.
   */
  claim(owner: number, value: T): boolean {
    const key = this.key(value);
    const before = this.#last.get(key);
    const claim: Claim<T> = { key, value, before, after: undefined };
    if (before) before.after = claim;
    this.#last.set(key, claim);
    const others = this.#ofOwner.get(owner);
    if (others) others.push(claim);
    else this.#ofOwner.set(owner, [claim]);
    return !before || this.content(before.value) !== this.content(value);
  }

  /** Releases all claims of an owner. */
  release(owner: number): Released<T> {
    const removed: T[] = [];
    const restored: T[] = [];
    for (const { key, value, before, after } of this.#ofOwner.get(owner) ?? []) {
      if (before) before.after = after;
      if (after) {
        after.before = before;
      } else if (before) {
        this.#last.set(key, before);
        if (this.content(before.value) !== this.content(value)) restored.push(before.value);
      } else {
        this.#last.delete(key);
        removed.push(value);
      }
    }
    this.#ofOwner.delete(owner);
    return { removed, restored };
  }

  /** The values that are in force. */
  all(): T[] {
    return [...this.#last.values()].map(({ value }) => value);
  }
}
