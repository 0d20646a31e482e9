/**
 * How long work pauses so that everything else in this process has its turn. An answer of the API needs
 * several iterations of the event loop: its octets are read, then decoded, then answered, then written.
 * If each iteration had its slice of other work, every step of the answer would wait for one slice.
 * An iteration without work takes some ten microseconds.
 * @module
 */
import { clearImmediate, setImmediate } from "node:timers";

/** The most iterations of the event loop that pass between two slices of work. */
export const ITERATIONS_MAX = 8;
/** Iterations for each millisecond that the slice before has taken. */
const ITERATIONS_PER_MS = 2;

/** How many iterations of the event loop pass after a slice of work that took `tookMs` milliseconds. */
export function iterationsAfter(tookMs: number): number {
  return Math.max(1, Math.min(ITERATIONS_MAX, Math.ceil(tookMs * ITERATIONS_PER_MS)));
}

/**
 * Calls `resume` after `count` iterations of the event loop, in each of which sockets are read; returns a
 * function that cancels it.
 */
export function afterIterations(count: number, resume: () => void): () => void {
  let left = count;
  const next = () => --left <= 0 ? resume() : void (immediate = setImmediate(next));
  let immediate = setImmediate(next);
  return () => clearImmediate(immediate);
}
