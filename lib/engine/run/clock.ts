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

/**
 * Microseconds since 1970, with fractions of a millisecond: all processes of a host have the same, unless the
 * time of the host is set between their starts.
 */
export function epochUs(clock: Clock): number {
  const ms = clock === systemClock ? performance.timeOrigin + performance.now() : clock.epochMs();
  return 1_000 * ms;
}

/** A number for the clock of this host since it was started, uint16; processes of one host have the same. */
export function hostClockId(): number {
  let text: string;
  try {
    text = Deno.readTextFileSync("/proc/sys/kernel/random/boot_id");
  } catch {
    // Without it, this process counts as a host of its own.
    return crypto.getRandomValues(new Uint16Array(1))[0]!;
  }
  let hash = 0x811c9dc5;
  for (const octet of new TextEncoder().encode(text)) hash = Math.imul(hash ^ octet, 0x01000193);
  return (hash ^ hash >>> 16) & 0xffff;
}
