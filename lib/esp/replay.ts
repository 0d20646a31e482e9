/**
 * The anti-replay window of an inbound SA, and the upper half of extended sequence numbers, which no
 * packet carries (RFC 4303 §3.4.3, appendix A2).
 * @module
 */

const WORD = 2 ** 32;
/** The window by which the upper half is guessed where replays are not looked for. */
const GUESS_MIN = 32;

/** Sequence numbers that have been seen: 1 to 2^32 − 1, with ESN beyond (exact up to 2^53). */
export class ReplayWindow {
  readonly #esn: boolean;
  readonly #size: number;
  /** A ring of bits, one for each number within the window; empty: replays are not looked for. */
  readonly #seen: Uint32Array;
  #highest = 0;

  /** @param size packets; 0: replays are not looked for. */
  constructor(size: number, esn: boolean) {
    this.#size = size;
    this.#esn = esn;
    this.#seen = new Uint32Array(size === 0 ? 0 : Math.ceil(size / 32) + 1);
  }

  /** The highest number accepted so far; 0: none. */
  get highest(): number {
    return this.#highest;
  }

  /**
   * The whole sequence number of a packet by the 32 bits it carries. Undefined: seen before, or left
   * of the window. Nothing is remembered yet: the packet may be forged.
   */
  judge(low: number): number | undefined {
    // A sender that nobody told to look for the end goes on at 0 (RFC 4303 §3.3.3).
    if (this.#size === 0 && !this.#esn) return low;
    const sequence = this.#esn ? this.#whole(low) : low;
    // The first packet has 1 (RFC 4303 §2.2); 0 comes back only where the upper half counts.
    if (sequence <= 0) return undefined;
    if (this.#size === 0 || sequence > this.#highest) return sequence;
    if (sequence <= this.#highest - this.#size) return undefined;
    return this.#isSeen(sequence) ? undefined : sequence;
  }

  /** An authentic packet had this number, which {@linkcode ReplayWindow.judge} gave. */
  accept(sequence: number): void {
    if (this.#size > 0) {
      this.#forgetUpTo(sequence);
      this.#seen[this.#wordOf(sequence)]! |= 1 << (sequence % 32);
    }
    if (sequence > this.#highest) this.#highest = sequence;
  }

  /** RFC 4303 appendix A2.2: the number nearest to the window that has this lower half. */
  #whole(low: number): number {
    const size = Math.max(this.#size, GUESS_MIN);
    const highestLow = this.#highest % WORD, high = Math.floor(this.#highest / WORD);
    if (highestLow >= size - 1) {
      return (low >= highestLow - size + 1 ? high : high + 1) * WORD + low;
    }
    return (low >= highestLow - size + 1 + WORD ? high - 1 : high) * WORD + low;
  }

  #wordOf(sequence: number): number {
    return Math.floor(sequence / 32) % this.#seen.length;
  }

  #isSeen(sequence: number): boolean {
    return (this.#seen[this.#wordOf(sequence)]! & 1 << (sequence % 32)) !== 0;
  }

  /** Words that the window moves into are used again. */
  #forgetUpTo(sequence: number): void {
    const from = Math.floor(this.#highest / 32), to = Math.floor(sequence / 32);
    const steps = Math.min(to - from, this.#seen.length);
    for (let i = 0; i < steps; i++) this.#seen[(to - i) % this.#seen.length] = 0;
  }
}
