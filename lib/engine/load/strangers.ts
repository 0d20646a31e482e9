/**
 * Counts peers of a gateway that never authenticated. Anybody on the network may begin an IKE SA, so that
 * none of them is a tunnel of the test, fails it or ends it: they are counted by cause, and written to the
 * log at a limited rate.
 * @module
 */
import type { FailureFigures } from "@/engine/show/figure.ts";
import { CauseCounts } from "@/engine/show/cause_counts.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";

/** The most lines about strangers in the log within a second; others are only counted. */
const LINES_MAX = 10;

/** Counts strangers, and reports what they did. */
export class Strangers {
  readonly #events: EventHub;
  readonly #counts = new CauseCounts();
  /** When the second began for which `#lines` counts. */
  #sinceMs = -Infinity;
  #lines = 0;
  #unsaid = 0;

  constructor(events: EventHub) {
    this.#events = events;
  }

  /** Counts a peer that did not authenticate; `words` describe who and why. */
  failed(cause: string, words: string, nowMs: number): void {
    this.#counts.add(cause, () => words);
    this.say(3, words, nowMs);
  }

  /** Writes a line about a stranger. */
  say(level: 1 | 2 | 3 | 4 | 5, words: string, nowMs: number): void {
    if (nowMs >= this.#sinceMs + 1_000) {
      this.#sinceMs = nowMs;
      this.#lines = 0;
    }
    if (++this.#lines > LINES_MAX) return void this.#unsaid++;
    if (this.#unsaid > 0) {
      this.#events.publish(3, `${this.#unsaid} more events about strangers are not in the log`);
      this.#unsaid = 0;
    }
    this.#events.publish(level, words);
  }

  /** Strangers by cause, the most frequent first. */
  figures(): FailureFigures[] {
    return this.#counts.figures();
  }
}
