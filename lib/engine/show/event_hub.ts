/**
 * The events of a test run, which the log file, the screen and the API's subscribers read. A message is only
 * formatted if somebody wants its level.
 *
 * Levels are 1 critical, 2 error, 3 warning, 4 info, 5 debug. Messages of levels 1 to 4 contain no PSK, key
 * or password.
 * @module
 */
import { clipped } from "@/base/text.ts";

/** The level of an event. */
export type EventLevel = 1 | 2 | 3 | 4 | 5;

/** An event of a run. */
export interface RunEvent {
  readonly level: EventLevel;
  readonly msg: string;
  /** Milliseconds since 1970. */
  readonly epochMs: number;
  /** Whether it says what the test itself began or ended, such as a storm; absent: it does not. */
  readonly milestone?: true;
}

/**
 * The events that a reader wants: those of levels up to `level` whose message contains `keyword` (empty:
 * all).
 */
export interface EventFilter {
  /** From 1 to 5. */
  readonly level: number;
  /** A case-sensitive text. */
  readonly keyword: string;
}

/**
 * The most events of levels 1 to 4 in a queue unless its reader sets another limit: some seconds of a set-up
 * at full speed.
 */
export const EVENT_QUEUE_MAX = 50_000;
/** The most characters of all messages in a queue. */
export const QUEUE_CHARACTERS_MAX = 8_000_000;
/**
 * The number of events in a queue at which it takes no more events of level 5, so that debugging does not
 * displace others.
 */
const DEBUG_QUEUE_MAX = 1_000;
/** Number of read events at which they are removed from a queue, as removing each by itself is slow. */
const TIDY_AFTER = 5_000;

/** The most characters of one message by its level; only decoded messages, of level 5, may be long. */
const MSG_MAX: Readonly<Record<EventLevel, number>> = {
  1: 16_384,
  2: 4_096,
  3: 4_096,
  4: 4_096,
  5: 65_536,
};

/** A reader with a queue of its own. Read it with `for await`, or with {@linkcode next}. */
export interface EventSubscription extends AsyncIterable<RunEvent> {
  /** The present filter, which may be replaced for the events still to come. */
  filter: EventFilter;
  /**
   * Number of events that were dropped because the queue was full; an event of level 3 in their place says
   * so.
   */
  readonly lost: number;
  /** Whether no event waits to be read. */
  readonly isEmpty: boolean;
  /** Takes at most `max` events that wait. */
  takeReady(max: number): RunEvent[];
  /** The next event; undefined after the subscription or the hub has ended and the queue is empty. */
  next(): Promise<RunEvent | undefined>;
  /** Ends the subscription: nothing more is queued, and a waiting reader gets undefined. */
  close(): void;
}

/** A reader that is called synchronously, such as a log file; it must not throw. */
export interface EventSink {
  filter: EventFilter;
  /** Whether it also wants milestones that its filter does not let pass. */
  readonly milestones?: boolean;
  write(event: RunEvent): void;
}

/** Whether an event passes a filter. */
export function passes(filter: EventFilter, event: RunEvent): boolean {
  return event.level <= filter.level && event.msg.includes(filter.keyword);
}

/** Distributes the events of a run to any number of readers. */
export class EventHub {
  readonly #sinks = new Set<EventSink>();
  readonly #queues = new Set<Queue>();
  readonly #now: () => number;
  #ended = false;

  /** `now` returns milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Whether a reader wants events of this level. */
  wants(level: EventLevel): boolean {
    for (const sink of this.#sinks) if (level <= sink.filter.level) return true;
    for (const queue of this.#queues) if (level <= queue.filter.level) return true;
    return false;
  }

  /**
   * Publishes an event to the readers that want it; a function is called at most once, and only if there is
   * one.
   */
  publish(level: EventLevel, msg: string | (() => string)): void {
    if (this.#ended || !this.wants(level)) return;
    const text = clipped(typeof msg === "string" ? msg : msg(), MSG_MAX[level]);
    this.relay({ level, msg: text, epochMs: this.#now() });
  }

  /** Publishes an event of level 4 that says what the test itself has begun or ended. */
  milestone(text: string): void {
    if (this.#ended) return;
    this.relay({ level: 4, msg: clipped(text, MSG_MAX[4]), epochMs: this.#now(), milestone: true });
  }

  /** Publishes an event that another hub has published before. */
  relay(event: RunEvent): void {
    if (this.#ended) return;
    for (const sink of this.#sinks) {
      const isMilestone = sink.milestones === true && event.milestone === true;
      if (isMilestone || passes(sink.filter, event)) sink.write(event);
    }
    for (const queue of this.#queues) if (passes(queue.filter, event)) queue.put(event);
  }

  /** The highest level that a reader wants; 0: there is none. */
  get wanted(): EventLevel | 0 {
    const levels: readonly EventLevel[] = [5, 4, 3, 2, 1];
    return levels.find((level) => this.wants(level)) ?? 0;
  }

  /** Adds a reader that is called synchronously; the returned function removes it. */
  attach(sink: EventSink): () => void {
    this.#sinks.add(sink);
    return () => void this.#sinks.delete(sink);
  }

  /** Adds a reader with a queue of at most `queueMax` events. */
  subscribe(filter: EventFilter, queueMax: number = EVENT_QUEUE_MAX): EventSubscription {
    const queue = new Queue(filter, queueMax, this.#now, () => void this.#queues.delete(queue));
    if (this.#ended) queue.close();
    else this.#queues.add(queue);
    return queue;
  }

  /**
   * Ends all subscriptions: readers still get the events in their queues, and nothing is published any more.
   */
  end(): void {
    this.#ended = true;
    for (const queue of [...this.#queues]) queue.close();
    this.#sinks.clear();
  }
}

/** A bounded queue, first in, first out; when it is full the newest events are dropped and counted. */
class Queue implements EventSubscription {
  filter: EventFilter;
  lost = 0;
  /** Events that are not read yet are those from index `#first` on. */
  #events: RunEvent[] = [];
  #first = 0;
  #characters = 0;
  /** Number of events that were dropped since the last notice of it. */
  #unsaid = 0;
  #closed = false;
  #waiting: ((event: RunEvent | undefined) => void)[] = [];
  readonly #max: number;
  readonly #now: () => number;
  readonly #leave: () => void;

  constructor(filter: EventFilter, max: number, now: () => number, leave: () => void) {
    this.filter = filter;
    this.#max = max;
    this.#now = now;
    this.#leave = leave;
  }

  put(event: RunEvent): void {
    const reader = this.#waiting.shift();
    if (reader) return reader(event);
    const max = event.level < 5 ? this.#max : Math.min(this.#max, DEBUG_QUEUE_MAX);
    const characters = this.#characters + event.msg.length;
    if (this.#events.length - this.#first >= max || characters > QUEUE_CHARACTERS_MAX) {
      this.lost++;
      this.#unsaid++;
      return;
    }
    // The notice is at the place of the gap: after the events in the queue, before this one.
    if (this.#unsaid > 0) this.#events.push(this.#notice());
    this.#events.push(event);
    this.#characters = characters;
  }

  get isEmpty(): boolean {
    return this.#events.length === this.#first && this.#unsaid === 0;
  }

  takeReady(max: number): RunEvent[] {
    const ready: RunEvent[] = [];
    for (let event; ready.length < max && (event = this.#take());) ready.push(event);
    return ready;
  }

  next(): Promise<RunEvent | undefined> {
    const event = this.#take() ?? (this.#unsaid > 0 ? this.#notice() : undefined);
    if (event || this.#closed) return Promise.resolve(event);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(): RunEvent | undefined {
    const event = this.#events[this.#first];
    if (event === undefined) return undefined;
    this.#characters = Math.max(0, this.#characters - event.msg.length);
    if (++this.#first === this.#events.length || this.#first === TIDY_AFTER) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
    return event;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave();
    for (const reader of this.#waiting.splice(0)) reader(undefined);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    try {
      for (let event = await this.next(); event; event = await this.next()) yield event;
    } finally {
      this.close();
    }
  }

  #notice(): RunEvent {
    const count = this.#unsaid;
    this.#unsaid = 0;
    const msg = `${count} ${
      count === 1 ? "event was" : "events were"
    } lost: the reader is too slow`;
    return { level: 3, msg, epochMs: this.#now() };
  }
}
