/**
 * Taking what arrives at file descriptors. Waiting costs a change of threads, some fifty microseconds
 * of CPU, so after a batch they are looked at again on the next turns of the event loop, and waited
 * for when they stay empty.
 * @module
 */
import { setImmediate } from "node:timers";

/** Turns of the event loop on which what is empty is looked at before it is waited for. */
const LOOKS = 3;

/** What to poll. */
export interface Polled {
  /** Takes what is there; how much it was. */
  take(): number;
  /** Resolves when there is something, or it is over. */
  wait(): Promise<void>;
  isOver(): boolean;
}

/**
 * Runs until it is over; nothing is taken before it returns, for who calls may not be ready yet.
 * @throws what taking and waiting throw.
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
