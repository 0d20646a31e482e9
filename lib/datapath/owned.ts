/**
 * Policies and routes that several CHILD_SAs want at a time, as after a rekey, or with the same selectors in
 * several tunnels. Each has its owners, the value of the latest owner is in force, and without owners it is
 * removed.
 * @module
 */

/** A claim in the doubly linked list of those to one thing, of which there may be 100,000. */
interface Claim<T> {
  readonly key: string;
  readonly value: T;
  before: Claim<T> | undefined;
  after: Claim<T> | undefined;
}

/** What is to be done when an owner gives up its claims. */
export interface LetGo<T> {
  /** Values that nobody wants any more. */
  readonly removed: T[];
  /** Values of other owners that are in force again. */
  readonly restored: T[];
}

/** See the module. `key` names the thing that a value belongs to, `sign` tells values of one thing apart. */
export class Owned<T> {
  /** The claim that is in force, by the key of its thing. */
  readonly #last = new Map<string, Claim<T>>();
  readonly #ofOwner = new Map<number, Claim<T>[]>();

  constructor(private readonly key: (value: T) => string, private readonly sign: (v: T) => string) {
  }

  /** How many things are in force. */
  get size(): number {
    return this.#last.size;
  }

  /** Claims a value; whether it has to be installed, as it was not in force, or another value was. */
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

  /** Gives up all claims of an owner. */
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

  /** The values that are in force. */
  all(): T[] {
    return [...this.#last.values()].map(({ value }) => value);
  }
}
