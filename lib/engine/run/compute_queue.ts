/**
 * The order in which asymmetric work is begun. Peers that are not authenticated share half of the
 * processor at most, in equal parts for each key exchange group and within a group for each address, so
 * that neither a flood of one host nor the costliest group keeps all others waiting.
 * @module
 */

/** Whose work it is. */
export interface WorkOrigin {
  /** What has its own share of the time: the group of the key exchange, or `ours`. */
  readonly share: string;
  /** Within the share everybody has a turn after the other. */
  readonly source: string;
}

/** Work of this end's own SAs, and of peers that are authenticated: half of the time, first come first served. */
export const OURS: WorkOrigin = { share: "ours", source: "" };

/** Orders of one share. */
interface Share<T> {
  /** Orders of each source; the source whose turn it is comes first. */
  readonly bySource: Map<string, Fifo<T>>;
  /** Processor time that its work has taken, weighed; who has had the least is next. */
  spentMs: number;
}

/** Orders that are not begun yet. */
export class ComputeQueue<T> {
  readonly #shares = new Map<string, Share<T>>();
  readonly #isWanted: (order: T) => boolean;
  #waiting = 0;
  /** What the share that was served last had spent by then: a share that begins has no credit. */
  #clockMs = 0;
  /** With so many orders, those that nobody waits for any more are looked for. */
  #sweepAt = 1_024;

  /** `isWanted`: whether anybody still waits for an order. */
  constructor(isWanted: (order: T) => boolean) {
    this.#isWanted = isWanted;
  }

  /** Orders that wait, those that nobody wants any more and that were not met yet among them. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Adds an order. */
  add(order: T, { share: name, source }: WorkOrigin): void {
    let share = this.#shares.get(name);
    if (!share) this.#shares.set(name, share = { bySource: new Map(), spentMs: this.#clockMs });
    if (share.bySource.size === 0) share.spentMs = Math.max(share.spentMs, this.#clockMs);
    const orders = share.bySource.get(source);
    if (orders) orders.put(order);
    else share.bySource.set(source, new Fifo([order]));
    if (++this.#waiting >= this.#sweepAt) this.#sweep();
  }

  /** The next order that somebody waits for, and the share it is of. */
  take(): { readonly order: T; readonly share: string } | undefined {
    for (;;) {
      const name = this.#next();
      if (name === undefined) return undefined;
      const share = this.#shares.get(name)!;
      const [source, orders] = first(share.bySource)!;
      const order = orders.take();
      this.#waiting--;
      // Its next turn comes after all others have had theirs.
      share.bySource.delete(source);
      if (orders.size > 0) share.bySource.set(source, orders);
      if (!this.#isWanted(order)) continue;
      this.#clockMs = Math.max(this.#clockMs, share.spentMs);
      return { order, share: name };
    }
  }

  /** An order of a share took so long. */
  spent(name: string, ms: number): void {
    const share = this.#shares.get(name);
    if (!share) return;
    const strangers = this.#shares.size - (this.#shares.has(OURS.share) ? 1 : 0);
    share.spentMs += name === OURS.share ? ms / Math.max(1, strangers) : ms;
  }

  /** The share with work that has had the least time. */
  #next(): string | undefined {
    let next: string | undefined, leastMs = Infinity;
    for (const [name, { bySource, spentMs }] of this.#shares) {
      if (bySource.size > 0 && spentMs < leastMs) [next, leastMs] = [name, spentMs];
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

/** First in, first out, at the same cost however many there are. */
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

  /** The first one; there must be one. */
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
