/**
 * Records the timeline of a run: it reads the figures at the end of each step, and subscribes to
 * the events.
 * @module
 */
import type { EventSink } from "@/engine/show/event_hub.ts";
import type { FinalResult, RunView } from "@/engine/show/view.ts";
import { Timeline } from "@/report/timeline.ts";

/** The highest level of the events that a timeline has: critical events, errors and warnings. */
const LEVEL_MAX = 3;

/** Adds steps to a timeline at regular intervals. */
export class TimelineClock {
  readonly timeline: Timeline;
  readonly #run: RunView;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  readonly #detach: () => void;

  /**
   * Begins at once, so it is made when the run starts; `stepMs` is the length of a step in
   * milliseconds.
   */
  constructor(run: RunView, stepMs: number) {
    this.timeline = new Timeline(stepMs, Date.now());
    this.#run = run;
    const sink: EventSink = {
      filter: { level: LEVEL_MAX, keyword: "" },
      milestones: true,
      write: (event) => this.timeline.addEvent(event),
    };
    this.#detach = run.events.attach(sink);
    this.#schedule();
  }

  /** Ends the last step at the end of the run. */
  finish({ figures }: FinalResult): Timeline {
    this.stop();
    this.timeline.add(figures);
    return this.timeline;
  }

  /** Stops recording; further calls change nothing. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#detach();
  }

  #schedule(): void {
    this.#timer = setTimeout(async () => {
      const figures = await this.#run.figures();
      if (this.#isOver) return;
      this.timeline.add(figures);
      this.#schedule();
    }, this.timeline.stepMs);
  }
}
