/**
 * Takes the timeline of a run while it runs: asks it at the end of each step, and hears its events.
 * @module
 */
import type { EventSink } from "@/engine/show/event_hub.ts";
import type { FinalResult, RunView } from "@/engine/show/view.ts";
import { Timeline } from "@/report/timeline.ts";

/** Events up to this level stand on the time axis: critical ones, errors, warnings. */
const LEVEL_MAX = 3;

/** See the file. */
export class TimelineClock {
  readonly timeline: Timeline;
  readonly #run: RunView;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  readonly #detach: () => void;

  /** Begins at once, with the run; `stepMs`: milliseconds of a step. */
  constructor(run: RunView, stepMs: number) {
    this.timeline = new Timeline(stepMs, Date.now());
    this.#run = run;
    const sink: EventSink = {
      filter: { level: LEVEL_MAX, keyword: "" },
      write: (event) => this.timeline.addEvent(event),
    };
    this.#detach = run.events.attach(sink);
    this.#schedule();
  }

  /** The run is over: the last step ends with it. */
  finish({ figures }: FinalResult): Timeline {
    this.stop();
    this.timeline.add(figures);
    return this.timeline;
  }

  /** Takes no more steps; may be called again. */
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
