/**
 * Sends the events of a worker to the main thread: a batch at a time, and the next one when it was read, so that
 * events wait in one bounded queue alone.
 * @module
 */
import type { EventHub, EventLevel, EventSubscription, RunEvent } from "@/engine/show/event_hub.ts";

/** The most events of a batch. */
const BATCH_MAX = 1_000;

/** See above. */
export class EventPump {
  readonly #queue: EventSubscription;
  readonly #send: (events: readonly RunEvent[]) => void;
  #read: (() => void) | undefined;
  /** Whether all events up to now were sent. */
  #isIdle = true;
  #idle: (() => void)[] = [];

  /** `level`: the highest level that is wanted; 0: none. */
  constructor(hub: EventHub, level: EventLevel | 0, send: (events: readonly RunEvent[]) => void) {
    this.#queue = hub.subscribe({ level, keyword: "" });
    this.#send = send;
    this.#run();
  }

  /** Whether events of this level are wanted. */
  wants(level: EventLevel): boolean {
    return level <= this.#queue.filter.level;
  }

  /** Changes the highest level that is wanted. */
  want(level: EventLevel | 0): void {
    this.#queue.filter = { level, keyword: "" };
  }

  /** Records that the last batch was read. */
  read(): void {
    this.#read?.();
  }

  /** Resolves when all events that were published before are sent. */
  async settled(): Promise<void> {
    // An event that was just published is on its way to the reader in this turn of the event loop.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    if (!this.#isIdle) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #run(): Promise<void> {
    for (let first; (first = await this.#queue.next());) {
      this.#isIdle = false;
      const events = [first, ...this.#queue.takeReady(BATCH_MAX - 1)];
      this.#send(events);
      await new Promise<void>((resolve) => this.#read = resolve);
      if (this.#queue.isEmpty) this.#settle();
    }
    this.#settle();
  }

  #settle(): void {
    this.#isIdle = true;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
