/**
 * How long work pauses so that everything else in this process has its turn. An answer of the API needs
 * several iterations of the event loop: its octets are read, then decoded, then answered, then written.
 * If each iteration had its slice of other work, every step of the answer would wait for one slice.
 * An iteration without work takes some ten microseconds.
 * @module
 */
import { clearImmediate, setImmediate } from "node:timers";

/** The most iterations of the event loop that pass between two slices of work while somebody may ask. */
const ITERATIONS_WITH_CALLERS = 24;
/** The same while nobody is connected: it suffices to accept a connection. */
const ITERATIONS_ALONE = 1;
/** Iterations for each millisecond that the slice before has taken. */
const ITERATIONS_PER_MS = 5;

/** Milliseconds after which a turn of the core leaves what is left to the next one while somebody may ask. */
const TURN_WITH_CALLERS_MS = 5;
/** The same while nobody is connected: in a longer turn more datagrams leave by one call of the system. */
const TURN_ALONE_MS = 10;

/** The most IKE messages that are delivered before other work has its turn while somebody may ask. */
const MESSAGES_WITH_CALLERS = 16;
/** The same while nobody is connected. */
const MESSAGES_ALONE = 64;

let callers = 0;

/** Counts a connection of the API that came or went: pauses are longer only while there is one. */
export function callersChanged(by: 1 | -1): void {
  callers += by;
}

/** The most iterations of the event loop that pass between two slices of work now. */
export function iterationsMax(): number {
  return callers > 0 ? ITERATIONS_WITH_CALLERS : ITERATIONS_ALONE;
}

/** The longest turn of the core now, in milliseconds. */
export function turnMs(): number {
  return callers > 0 ? TURN_WITH_CALLERS_MS : TURN_ALONE_MS;
}

/** The most IKE messages that are delivered at once now. */
export function messagesMax(): number {
  return callers > 0 ? MESSAGES_WITH_CALLERS : MESSAGES_ALONE;
}

/**
 * How many iterations pass after a slice of work that took `tookMs` milliseconds; a short slice is
 * followed by the next one at once.
 */
export function iterationsAfter(tookMs: number): number {
  if (tookMs < 1) return 1;
  return Math.min(iterationsMax(), Math.ceil(tookMs * ITERATIONS_PER_MS));
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

/** Milliseconds of work after which others have their turn. */
const SLICE_MS = 2;
/** What one piece of work costs at least, its reading included, in milliseconds. */
const PIECE_MS = 0.05;

/**
 * Work that comes piece by piece from promises which may be fulfilled already, such as datagrams that wait
 * in a socket: the runtime goes on with them at once, and as long as there are more nothing else in the
 * process is called. Several readers may share one.
 */
export class WorkSlice {
  #spentMs = 0;
  #pause: Promise<void> | undefined;

  /** A piece of work took so many milliseconds; to be awaited before the next one is begun. */
  spent(tookMs: number): Promise<void> | undefined {
    this.#spentMs += Math.max(PIECE_MS, tookMs);
    if (!this.#pause && this.#spentMs >= SLICE_MS) this.#pause = this.#rest();
    return this.#pause;
  }

  async #rest(): Promise<void> {
    const count = iterationsAfter(this.#spentMs);
    await new Promise<void>((resolve) => void afterIterations(count, resolve));
    this.#spentMs = 0;
    this.#pause = undefined;
  }
}
