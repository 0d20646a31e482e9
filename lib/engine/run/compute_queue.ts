/**
 * Decides in which order asymmetric computations begin. Peers that are not authenticated share at most half
 * of the processor, equally between key exchange groups and within a group between addresses, so that neither
 * a flood from one host nor the most expensive group makes all others wait.
 * @module
 */

/** The SA or address for which a computation is done. */
export interface WorkOrigin {
  /** Name of the share of processor time: the group of the key exchange, or `ours`. */
  readonly share: string;
  /** Within a share, the sources take turns. */
  readonly source: string;
}

/** Computations for own SAs and authenticated peers: half of the time, in the order of arrival. */
export const OURS: WorkOrigin = { share: "ours", source: "" };

/** The jobs of one share. */
interface Share<T> {
  /** Jobs by source; the source whose turn it is comes first. */
  readonly bySource: Map<string, Fifo<T>>;
  /** Weighted processor time that the share has used; the share with the least is next. */
  spentMs: number;
}

/** Jobs that have not begun. */
export class ComputeQueue<T> {
  readonly #shares = new Map<string, Share<T>>();
  readonly #isWanted: (order: T) => boolean;
  #waiting = 0;
  /**
   * The time used by the share that was served last; a share that begins starts from there, without credit.
   */
  #clockMs = 0;
  /** Number of jobs at which those that nobody waits for any more are removed. */
  #sweepAt = 1_024;

  /** `isWanted`: whether anybody still waits for a job. */
  constructor(isWanted: (order: T) => boolean) {
    this.#isWanted = isWanted;
  }

  /** Number of waiting jobs, including those that nobody wants any more and that were not removed yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Adds a job. */
  add(order: T, { share: name, source }: WorkOrigin): void {
    let share = this.#shares.get(name);
    if (!share) this.#shares.set(name, share = { bySource: new Map(), spentMs: this.#clockMs });
    if (share.bySource.size === 0) share.spentMs = Math.max(share.spentMs, this.#clockMs);
    const orders = share.bySource.get(source);
    if (orders) orders.put(order);
    else share.bySource.set(source, new Fifo([order]));
    if (++this.#waiting >= this.#sweepAt) this.#sweep();
  }

  /** The next job that somebody waits for, with its share. */
  take(): { readonly order: T; readonly share: string } | undefined {
    for (;;) {
      const name = this.#next();
      if (name === undefined) return undefined;
      const share = this.#shares.get(name)!;
      const [source, orders] = first(share.bySource)!;
      const order = orders.take();
      this.#waiting--;
      // The source gets its next turn after all others.
      share.bySource.delete(source);
      if (orders.size > 0) share.bySource.set(source, orders);
      if (!this.#isWanted(order)) continue;
      this.#clockMs = Math.max(this.#clockMs, share.spentMs);
      return { order, share: name };
    }
  }

  /** Records the time that a job of a share has taken. */
  spent(name: string, ms: number): void {
    const share = this.#shares.get(name);
    if (!share) return;
    const strangers = this.#shares.size - (this.#shares.has(OURS.share) ? 1 : 0);
    share.spentMs += name === OURS.share ? ms / Math.max(1, strangers) : ms;
  }

  /** The share with jobs that has used the least time. */
  #next(): string | undefined {
    let next: string | undefined;
    let leastMs = Infinity;
    for (const [name, { bySource, spentMs }] of this.#shares) {
      if (bySource.size === 0 || spentMs >= leastMs) continue;
      next = name;
      leastMs = spentMs;
    }
    return next;
  }

  #sweep(): void {
    this.#waiting = 0;
    for (const { bySource } of this.#shares.values()) {
      for (const [source, orders] of bySource) {
        const wanted = orders.rest().filter(this.#isWanted);
        this.#waiting += wanted.length;
        if (wanted.length > 0) bySource.set(source, new Fifo(wanted));
        else bySource.delete(source);
      }
    }
    this.#sweepAt = Math.max(1_024, 2 * this.#waiting);
  }
}

/** A queue with constant cost at any length. */
class Fifo<T> {
  #all: T[];
  #next = 0;

  constructor(all: T[]) {
    this.#all = all;
  }

  get size(): number {
    return this.#all.length - this.#next;
  }

  put(one: T): void {
    this.#all.push(one);
  }

  /** Removes and returns the first item; there must be one. */
  take(): T {
    const one = this.#all[this.#next++]!;
    if (this.#next < 1_024 && this.#next < this.#all.length) return one;
    this.#all = this.#all.slice(this.#next);
    this.#next = 0;
    return one;
  }

  rest(): T[] {
    return this.#all.slice(this.#next);
  }
}

function first<K, V>(map: Map<K, V>): [K, V] | undefined {
  const [entry] = map;
  return entry;
}
