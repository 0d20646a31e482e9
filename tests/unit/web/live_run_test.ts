import assert from "node:assert/strict";
import type { RunFigures } from "@/engine/show/figures.ts";
import { RunResult, type RunView } from "@/engine/show/view.ts";
import { LEFT_OUT } from "@/report/masking.ts";
import { STEPS_MAX, Timeline } from "@/report/timeline.ts";
import { LiveRun } from "@/web/live_run.ts";
import { FIGURES, FINAL, SUMMARY } from "../sample_figures.ts";

/** A run of which the figures are set by hand. */
function runOf(figures: () => RunFigures): RunView {
  const summary = { ...SUMMARY, result: RunResult.RUNNING, lastErrMsg: "" };
  const view: Pick<RunView, "summary" | "figures"> = {
    summary: () => Promise.resolve(summary),
    figures: () => Promise.resolve(figures()),
  };
  return view as RunView;
}

interface Change {
  readonly title: string;
  readonly sections: Readonly<Record<string, string>>;
  readonly plots?: string;
  readonly timeline?: { readonly from: number; readonly steps: Readonly<Record<string, number[]>> };
  readonly ended: boolean;
}

/** Watches a run; `takes`: whether the next message is taken. */
class Watching {
  readonly changes: Change[] = [];
  takes = true;
  isOver = false;

  constructor(live: LiveRun) {
    live.watch({
      send: (message) => {
        if (this.takes) this.changes.push(JSON.parse(message));
        return this.takes;
      },
      end: () => this.isOver = true,
    });
  }

  async next(): Promise<Change> {
    const n = this.changes.length;
    for (let i = 0; i < 500 && this.changes.length === n; i++) {
      await new Promise((done) => setTimeout(done, 10));
    }
    return this.changes[n]!;
  }
}

const QUIET: RunFigures = {
  ...FIGURES,
  ikeRekeys: 0,
  childRekeys: 0,
  elapsedMs: 1_000,
  ikeSaInitMs: undefined,
  ikeAuthMs: undefined,
  setupMs: undefined,
};

Deno.test("live page: the first change has all sections, later ones what is new and the steps since", async () => {
  let figures = QUIET;
  const timeline = new Timeline(1_000, 0);
  timeline.add(figures);
  const live = new LiveRun(runOf(() => figures), {
    timeline: () => timeline,
    masks: false,
    advice: () => undefined,
  });
  const watching = new Watching(live);
  try {
    const first = await watching.next();
    assert.deepEqual(Object.keys(first.sections), [
      "verdict",
      "judged",
      "what-was-tested",
      "causes",
      "warnings",
      "all-figures",
    ]);
    assert.equal(first.title, "my.yaml: running");
    assert.match(first.plots!, /plot-tunnels/);
    assert.doesNotMatch(first.plots!, /plot-rekeys/);
    assert.deepEqual([first.timeline!.from, first.timeline!.steps.atSec], [0, [1]]);

    figures = { ...figures, ikeRekeys: 5, elapsedMs: 2_000 };
    timeline.add(figures);
    const second = await watching.next();
    assert.deepEqual(Object.keys(second.sections), ["verdict", "all-figures"]);
    assert.deepEqual([second.timeline!.from, second.timeline!.steps.rekeysIke], [1, [5]]);
    assert.match(second.plots!, /plot-rekeys/);
    assert.equal(second.ended, false);
  } finally {
    live.close();
  }
});

Deno.test("live page: whoever missed a change, and steps that were joined, are told again", async () => {
  let figures = QUIET;
  const timeline = new Timeline(1_000, 0);
  timeline.add(figures);
  const live = new LiveRun(runOf(() => figures), {
    timeline: () => timeline,
    masks: false,
    advice: () => undefined,
  });
  const watching = new Watching(live);
  try {
    await watching.next();
    watching.takes = false;
    figures = { ...figures, elapsedMs: 2_000 };
    timeline.add(figures);
    await new Promise((done) => setTimeout(done, 1_200));
    watching.takes = true;
    figures = { ...figures, elapsedMs: 3_000 };
    timeline.add(figures);
    const late = await watching.next();
    assert.deepEqual([late.timeline!.from, late.timeline!.steps.atSec], [1, [2, 3]]);
    for (let i = 4; timeline.stepMs === 1_000; i++) {
      figures = { ...figures, elapsedMs: i * 1_000 };
      timeline.add(figures);
    }
    const wide = await watching.next();
    assert.equal(wide.timeline!.from, 0);
    assert.equal(wide.timeline!.steps.atSec!.length, STEPS_MAX / 2 + 1);
  } finally {
    live.close();
  }
});

Deno.test("live page: the last change is the result, and identities are left out where they are masked", async () => {
  const timeline = new Timeline(1_000, 0);
  timeline.add(QUIET);
  const live = new LiveRun(runOf(() => QUIET), {
    timeline: () => timeline,
    masks: true,
    advice: () => undefined,
  });
  const watching = new Watching(live);
  await watching.next();
  live.finish(FINAL);
  const last = await watching.next();
  assert.ok(last.ended && watching.isOver);
  assert.match(last.sections.verdict!, /<h1 class="failed">Failed after 1m1.234s/);
  assert.ok(!last.sections.verdict!.includes("first reason"));
  assert.ok(last.sections.verdict!.includes(LEFT_OUT));
  const { result, timeline: steps } = await live.result();
  assert.deepEqual([result, steps!.steps.atSec], ["failed", [1]]);
  live.close();
});
