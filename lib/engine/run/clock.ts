/**
 * Where a run takes its time from, so that a test can hand it a clock of its own.
 * @module
 */
import { afterIterations, ITERATIONS_MAX } from "@/native/iterations.ts";

/** A clock and its one kind of alarm. */
export interface Clock {
  /** Milliseconds, monotonic, with fractions: what the core is given. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  epochMs(): number;
  /** Calls `ring` once, not before `delayMs`; the function returned forgets it. */
  after(delayMs: number, ring: () => void): () => void;
}

/** What `setTimeout` takes: 31 bits. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  after(delayMs, ring) {
    // Work that was left over goes on without a timer's millisecond, but after sockets and the API.
    if (delayMs <= 0) return afterIterations(ITERATIONS_MAX, ring);
    let timer: ReturnType<typeof setTimeout>;
    // A longer delay would ring at once: it is waited for in pieces.
    const wait = (leftMs: number) => {
      const pieceMs = Math.min(leftMs, DELAY_MAX_MS);
      timer = setTimeout(() => leftMs > pieceMs ? wait(leftMs - pieceMs) : ring(), pieceMs);
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};
