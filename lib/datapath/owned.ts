/**
 * Things of the system that several SAs want at a time, as rekeys and tunnels with the same selectors
 * do: each thing has its owners, what the last of them wants counts, and without any it goes.
 * @module
 */

interface Claim<T> {
  readonly owner: number;
  readonly value: T;
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
  readonly #claims = new Map<string, Claim<T>[]>();
  readonly #keys = new Map<number, string[]>();

  constructor(private readonly key: (value: T) => string, private readonly sign: (v: T) => string) {
  }

  /** Things that are there. */
  get size(): number {
    return this.#claims.size;
  }

  /** Whether the value must be put: it was not there, or not so. */
  claim(owner: number, value: T): boolean {
    const key = this.key(value), claims = this.#claims.get(key);
    const keys = this.#keys.get(owner);
    if (keys) keys.push(key);
    else this.#keys.set(owner, [key]);
    if (!claims) this.#claims.set(key, [{ owner, value }]);
    else {
      const before = claims.at(-1)!.value;
      claims.push({ owner, value });
      return this.sign(before) !== this.sign(value);
    }
    return true;
  }

  /** All that the owner claimed. */
  letGo(owner: number): LetGo<T> {
    const removed: T[] = [], restored: T[] = [];
    for (const key of this.#keys.get(owner) ?? []) {
      const claims = this.#claims.get(key)!;
      const at = claims.findLastIndex((claim) => claim.owner === owner);
      const [gone] = claims.splice(at, 1);
      if (claims.length === 0) {
        this.#claims.delete(key);
        removed.push(gone!.value);
      } else if (at === claims.length) {
        const left = claims.at(-1)!.value;
        if (this.sign(left) !== this.sign(gone!.value)) restored.push(left);
      }
    }
    this.#keys.delete(owner);
    return { removed, restored };
  }

  /** The values that count. */
  all(): T[] {
    return [...this.#claims.values()].map((claims) => claims.at(-1)!.value);
  }
}
