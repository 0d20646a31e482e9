/**
 * The source of time of a run, which a test can replace.
 * @module
 */
import { afterIterations, iterationsMax } from "@/native/iterations.ts";

/** A clock with one kind of alarm. */
export interface Clock {
  /** Monotonic time in milliseconds, with fractions; the core gets it. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  epochMs(): number;
  /** Calls `ring` once, at the earliest after `delayMs`; returns a function that cancels the call. */
  after(delayMs: number, ring: () => void): () => void;
}

/** The longest delay of `setTimeout`: 31 bits of milliseconds. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  after(delayMs, ring) {
    // Remaining work continues without the millisecond of a timer, but after sockets and the API.
    if (delayMs <= 0) return afterIterations(iterationsMax(), ring);
    let timer: ReturnType<typeof setTimeout>;
    // A longer delay would be treated as 0, so that it is waited for in parts.
    const wait = (leftMs: number) => {
      const pieceMs = Math.min(leftMs, DELAY_MAX_MS);
      timer = setTimeout(() => leftMs > pieceMs ? wait(leftMs - pieceMs) : ring(), pieceMs);
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};
