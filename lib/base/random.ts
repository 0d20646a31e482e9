/**
 * Seeded pseudo-random numbers, for simulations and tests that can be repeated; never for real keys.
 * @module
 */

/** Returns so many random octets: from `crypto.getRandomValues` in a real run, seeded in a simulation. */
export type RandomOctets = (count: number) => Uint8Array;

/** Mulberry32: 32 bits of state, the same sequence on every machine. */
export class SeededRandom {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** uint32. */
  u32(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let t = this.#state;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return (t ^ t >>> 14) >>> 0;
  }
  /** In [0, 1). */
  fraction(): number {
    return this.u32() / 2 ** 32;
  }
  /** Whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }
  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.fraction() < p;
  }
  /** Fresh octets. */
  octets(count: number): Uint8Array {
    const octets = new Uint8Array(count);
    for (let i = 0; i < count; i++) octets[i] = this.u32() >>> 24;
    return octets;
  }
  /** One member of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}
