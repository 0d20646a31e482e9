/**
 * The anti-replay window of an inbound SA. It also infers the upper half of extended sequence numbers, which
 * no packet carries (RFC 4303 §3.4.3, appendix A2).
 * @module
 */

const WORD = 2 ** 32;
/** The window for inferring the upper half if replays are not detected. */
const ESN_WINDOW_MIN = 32;

/** Remembers sequence numbers: 1 to 2^32 − 1, and with ESN beyond (exact up to 2^53). */
export class ReplayWindow {
  readonly #esn: boolean;
  readonly #size: number;
  /** A ring of bits, one for each number of the window; empty: replays are not detected. */
  readonly #seen: Uint32Array;
  #highest = 0;

  /** @param size The window in packets; 0: replays are not looked for. */
  constructor(size: number, esn: boolean) {
    this.#size = size;
    this.#esn = esn;
    this.#seen = new Uint32Array(size === 0 ? 0 : Math.ceil(size / 32) + 1);
  }

  /** The highest number accepted so far; 0 if none was. */
  get highest(): number {
    return this.#highest;
  }

  /**
   * The whole sequence number of a packet from the 32 bits that it carries. Undefined if it was seen before
   * or is below the window. Nothing is remembered yet, as the packet may be forged.
   */
  judge(low: number): number | undefined {
    // Without replay protection a sender need not stop at the end of its numbers, and continues at 0 (RFC
    // 4303 §3.3.3).
    if (this.#size === 0 && !this.#esn) return low;
    const sequence = this.#esn ? this.#whole(low) : low;
    // The first packet has number 1 (RFC 4303 §2.2); 0 only occurs as the lower half of an ESN.
    if (sequence <= 0) return undefined;
    if (this.#size === 0 || sequence > this.#highest) return sequence;
    if (sequence <= this.#highest - this.#size) return undefined;
    return this.#isSeen(sequence) ? undefined : sequence;
  }

  /** Remembers the number of an authentic packet, as {@linkcode ReplayWindow.judge} returned it. */
  accept(sequence: number): void {
    if (this.#size > 0) {
      this.#forgetUpTo(sequence);
      this.#seen[this.#wordOf(sequence)]! |= 1 << (sequence % 32);
    }
    if (sequence > this.#highest) this.#highest = sequence;
  }

  /** The number nearest to the window that has this lower half (RFC 4303 appendix A2.2). */
  #whole(low: number): number {
    const size = Math.max(this.#size, ESN_WINDOW_MIN);
    const highestLow = this.#highest % WORD;
    const high = Math.floor(this.#highest / WORD);
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

  /** Clears the words of the ring that the window moves into. */
  #forgetUpTo(sequence: number): void {
    const from = Math.floor(this.#highest / 32);
    const to = Math.floor(sequence / 32);
    const steps = Math.min(to - from, this.#seen.length);
    for (let i = 0; i < steps; i++) this.#seen[(to - i) % this.#seen.length] = 0;
  }
}
