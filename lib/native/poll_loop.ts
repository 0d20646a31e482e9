/**
 * Reading from file descriptors. Waiting for them takes another thread, and costs some fifty microseconds
 * of CPU. That is why they are read again on the next few turns of the event loop after a batch, and are
 * waited for only when nothing more has come.
 * @module
 */
import { setImmediate } from "node:timers";

/** How many turns of the event loop in a row must find nothing before the loop waits. */
const LOOKS = 3;

/** What the loop reads from. */
export interface Polled {
  /** Reads what has arrived; returns how much it was. */
  take(): number;
  /** Resolves when something has arrived, or the loop has to end. */
  wait(): Promise<void>;
  isOver(): boolean;
}

/**
 * Runs until `isOver`. Nothing is read before the function has returned its promise, as its caller may
 * not be ready yet.
 * @throws what `take` and `wait` throw.
 */
export async function pollUntilOver({ take, wait, isOver }: Polled): Promise<void> {
  let empty = 0;
  await new Promise<void>((resolve) => setImmediate(resolve));
  while (!isOver()) {
    empty = take() > 0 ? 0 : empty + 1;
    if (empty <= LOOKS) await new Promise<void>((resolve) => setImmediate(resolve));
    else await wait();
  }
}
