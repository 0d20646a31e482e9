/**
 * Reading from file descriptors. Waiting for them takes another thread, and costs some fifty microseconds
 * of CPU. That is why they are read again on the next few iterations of the event loop after a batch, and
 * are waited for only when nothing more has come. After a batch that took long others have their turn
 * first (`iterations.ts`).
 * @module
 */
import { afterIterations, iterationsAfter } from "@/native/iterations.ts";

/** How many reads in a row must find nothing before the loop waits. */
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
 * Runs until `isOver`; `nowMs` is the clock that tells how long a batch took, in milliseconds. Nothing is
 * read before the function has returned its promise, as its caller may not be ready yet.
 * @throws what `take` and `wait` throw.
 */
export async function pollUntilOver(
  { take, wait, isOver }: Polled,
  nowMs: () => number = () => performance.now(),
): Promise<void> {
  let empty = 0;
  await pause(1);
  while (!isOver()) {
    const beganMs = nowMs();
    empty = take() > 0 ? 0 : empty + 1;
    if (empty <= LOOKS) await pause(iterationsAfter(nowMs() - beganMs));
    else await wait();
  }
}

function pause(iterations: number): Promise<void> {
  return new Promise((resolve) => void afterIterations(iterations, resolve));
}
