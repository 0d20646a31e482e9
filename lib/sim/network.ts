/**
 * A seeded network that loses, repeats and delays (and so reorders) datagrams.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { SeededRandom } from "@/base/random.ts";

/** The conditions of a network; each datagram is drawn by itself. */
export interface NetworkConditions {
  /** Probability of loss, 0 to 1. */
  readonly loss: number;
  /** Probability of duplication, 0 to 1. */
  readonly duplication: number;
  readonly delayMs: readonly [min: number, max: number];
}

/** Something that is due at a time; `order` keeps the order of what is due at the same time. */
export interface Due<T> {
  readonly atMs: number;
  readonly order: number;
  readonly what: T;
}

/** A datagram in flight, as its receiver will see it. */
export interface Flight {
  readonly octets: Uint8Array;
  readonly path: Path;
}

/** A binary heap of what is due, the earliest first. */
export class EventQueue<T> {
  readonly #heap: Due<T>[] = [];
  #order = 0;

  /** Number of entries. */
  get size(): number {
    return this.#heap.length;
  }

  /** Time of the next entry; Infinity: there is none. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  /** Adds an entry. */
  add(atMs: number, what: T): void {
    const heap = this.#heap;
    let at = heap.push({ atMs, order: this.#order++, what }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at]!, heap[parent]!)) return;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  /** Removes and returns the next entry; there must be one. */
  take(): T {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first.what;
    heap[0] = last;
    for (let at = 0;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
      }
      if (least === at) return first.what;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

function before<T>(a: Due<T>, b: Due<T>): boolean {
  return a.atMs < b.atMs || a.atMs === b.atMs && a.order < b.order;
}

/** The arrival times of the copies of a datagram: none, one or two. */
export function drawArrivals(
  conditions: NetworkConditions,
  random: SeededRandom,
  nowMs: number,
): number[] {
  if (random.chance(conditions.loss)) return [];
  const copies = random.chance(conditions.duplication) ? 2 : 1;
  const [min, max] = conditions.delayMs;
  return Array.from({ length: copies }, () => nowMs + min + random.fraction() * (max - min));
}
