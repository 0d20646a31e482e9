/**
 * Seeded pseudo-random numbers for repeatable simulations and tests. They are never used for real keys.
 * @module
 */

/** A source of random octets: `crypto.getRandomValues` in a real run, seeded in a simulation. */
export type RandomOctets = (count: number) => Uint8Array;

/** Mulberry32: 32 bits of state, with the same sequence on every machine. */
export class SeededRandom {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** The next uint32. */
  u32(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let t = this.#state;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return (t ^ t >>> 14) >>> 0;
  }
  /** A fraction of at least 0 and below 1. */
  fraction(): number {
    return this.u32() / 2 ** 32;
  }
  /** A whole number of at least 0 and below `below`. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }
  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.fraction() < p;
  }
  /** Random octets. */
  octets(count: number): Uint8Array {
    const octets = new Uint8Array(count);
    for (let i = 0; i < count; i++) octets[i] = this.u32() >>> 24;
    return octets;
  }
  /** One member of a list, which must not be empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}
