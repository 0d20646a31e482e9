/**
 * Counts events by cause, with an example of each cause.
 * @module
 */
import type { FailureFigures } from "@/engine/show/figure.ts";

/** The most causes that are counted apart; all others are counted together. */
const CAUSES_MAX = 100;
const OTHER_CAUSES = "OTHER";

/** Counts one kind of event by its cause. */
export class CauseCounts {
  /** Number of all events. */
  total = 0;
  readonly #byCause = new Map<string, { count: number; example: string }>();

  /** Counts an event; `example` is only called for the first event of a cause. */
  add(cause: string, example: () => string): void {
    this.total++;
    this.#count(cause, example);
  }

  /** The causes, the most frequent first. */
  figures(): FailureFigures[] {
    return [...this.#byCause].map(([cause, { count, example }]) => ({ cause, count, example }))
      .sort((a, b) => b.count - a.count);
  }

  #count(cause: string, example: () => string): void {
    const known = this.#byCause.get(cause);
    if (known) known.count++;
    else if (this.#byCause.size < CAUSES_MAX || cause === OTHER_CAUSES) {
      this.#byCause.set(cause, { count: 1, example: example() });
    } else this.#count(OTHER_CAUSES, example);
  }
}
