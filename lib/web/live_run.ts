/**
 * What a live page is told of a run: its sections as HTML whenever they have changed, and the steps of its
 * timeline as they come. It asks the run once a second, and only while somebody watches.
 * @module
 */
import type { FinalResult, RunView } from "@/engine/show/view.ts";
import { RunResult } from "@/engine/show/view.ts";
import { withoutSentences } from "@/report/masking.ts";
import { livePage } from "@/report/report_page.ts";
import {
  type Advice,
  PLOTS_SECTION,
  plotsShown,
  type Section,
  sectionsOf,
} from "@/report/report_sections.ts";
import { resultWith, type RunResultJson } from "@/report/result.ts";
import type { Timeline, TimelineJson } from "@/report/timeline.ts";

/** How often a watched run is asked. */
const ASK_MS = 1_000;

/** Somebody who watches. */
export interface Watcher {
  /** Sends one message; false where the last ones have not been taken yet, so that it is not sent. */
  send(message: string): boolean;
  /** Nothing more comes. */
  end(): void;
}

/** What a watcher has been told. */
interface Told {
  readonly sections: Map<string, string>;
  /** Length of a step in milliseconds, and the number of steps. */
  stepMs: number;
  steps: number;
  /** Ids of the plots that are on the page. */
  readonly plots: Set<string>;
}

/** One change of a page, as its script reads it. */
interface Change {
  readonly title: string;
  /** HTML by the id of each section that has changed. */
  readonly sections: Readonly<Record<string, string>>;
  /** HTML of the section with the plots, where there are others than before. */
  readonly plots?: string;
  /** The steps from number `from` on. */
  readonly timeline?: TimelineJson & { readonly from: number };
  /** Whether this is the last change. */
  readonly ended: boolean;
}

/** How a run is shown. */
export interface LiveRunOptions {
  /** The timeline that is taken of the run; undefined until it begins. */
  readonly timeline: () => Timeline | undefined;
  /** Whether sentences that may name an identity are left out. */
  readonly masks: boolean;
  readonly advice: Advice;
}

/** See the file. */
export class LiveRun {
  readonly #view: RunView;
  readonly #options: LiveRunOptions;
  readonly #watchers = new Map<Watcher, Told>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #final: FinalResult | undefined;

  constructor(view: RunView, options: LiveRunOptions) {
    this.#view = view;
    this.#options = options;
  }

  /** The run so far, with its whole timeline; after the end its result. */
  async result(): Promise<RunResultJson> {
    return this.#json(await this.#state(), this.#options.timeline()?.json() ?? null);
  }

  /** The page as it is at this moment. */
  async page(): Promise<string> {
    return livePage(await this.result(), this.#options.advice);
  }

  /** Begins to tell somebody; returns a function that ends it. */
  watch(watcher: Watcher): () => void {
    this.#watchers.set(watcher, {
      sections: new Map(),
      stepMs: 0,
      steps: 0,
      plots: new Set(),
    });
    this.#askSoon(0);
    return () => this.#watchers.delete(watcher);
  }

  /** The run is over: everybody is told its result, and nothing more. */
  finish(final: FinalResult): void {
    this.#final = final;
    this.#askSoon(0);
  }

  /** Ends all watching. */
  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.keys()) watcher.end();
    this.#watchers.clear();
  }

  #askSoon(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tellAll(), ms);
  }

  async #tellAll(): Promise<void> {
    if (this.#watchers.size === 0) return;
    const state = await this.#state();
    const ended = this.#final !== undefined;
    const timeline = this.#options.timeline();
    const bare = this.#json(state, timeline?.json(timeline.length) ?? null);
    const sections = sectionsOf(bare, this.#options.advice).filter(({ id }) =>
      id !== PLOTS_SECTION
    );
    for (const [watcher, told] of this.#watchers) {
      const next = copyOf(told);
      const change: Change = {
        title: `${bare.setup ?? "myikev2"}: ${bare.result}`,
        sections: changed(sections, next),
        ...(timeline ? this.#news(timeline, state, next) : {}),
        ended,
      };
      // Whoever is slow misses a change; the next one has what it brought.
      const wasTaken = watcher.send(JSON.stringify(change));
      if (wasTaken) this.#watchers.set(watcher, next);
      if (!ended) continue;
      watcher.end();
      this.#watchers.delete(watcher);
    }
    if (!ended) this.#askSoon(ASK_MS);
  }

  /** The steps that are new to a watcher, and the plots where there are others than before. */
  #news(timeline: Timeline, state: FinalResult, told: Told): Pick<Change, "plots" | "timeline"> {
    const isAnother = timeline.stepMs !== told.stepMs || timeline.length < told.steps;
    const from = isAnother ? 0 : told.steps;
    const json = this.#json(state, timeline.json(from)).timeline!;
    told.stepMs = timeline.stepMs;
    told.steps = timeline.length;
    const shown = plotsShown(json.steps).map(({ id }) => id);
    const isShown = shown.every((id) => told.plots.has(id));
    for (const id of shown) told.plots.add(id);
    const news = { timeline: { ...json, from } };
    if (isShown) return news;
    const whole = this.#json(state, timeline.json());
    const sections = sectionsOf(whole, this.#options.advice);
    return { ...news, plots: sections.find(({ id }) => id === PLOTS_SECTION)!.html };
  }

  /** How the run stands. */
  async #state(): Promise<FinalResult> {
    if (this.#final) return this.#final;
    const [summary, figures] = await Promise.all([this.#view.summary(), this.#view.figures()]);
    return this.#final ?? { result: RunResult.RUNNING, summary, figures };
  }

  #json(state: FinalResult, timeline: TimelineJson | null): RunResultJson {
    const json = resultWith(state, timeline);
    return this.#options.masks ? withoutSentences(json) : json;
  }
}

function copyOf({ sections, stepMs, steps, plots }: Told): Told {
  return { sections: new Map(sections), stepMs, steps, plots: new Set(plots) };
}

/** The HTML of the sections that are not what a watcher was told. */
function changed(sections: readonly Section[], { sections: known }: Told): Record<string, string> {
  const news: Record<string, string> = {};
  for (const { id, html } of sections) {
    if (known.get(id) === html) continue;
    known.set(id, html);
    news[id] = html;
  }
  return news;
}
