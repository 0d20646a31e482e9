/**
 * Where a run takes its time from, so that a test can hand it a clock of its own.
 * @module
 */

/** A clock and its one kind of alarm. */
export interface Clock {
  /** Milliseconds, monotonic, with fractions: what the core is given. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  epochMs(): number;
  /** Calls `ring` once, not before `delayMs`; the function returned forgets it. */
  after(delayMs: number, ring: () => void): () => void;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  after(delayMs, ring) {
    const timer = setTimeout(ring, delayMs);
    return () => clearTimeout(timer);
  },
};
