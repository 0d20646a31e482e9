import assert from "node:assert/strict";
import type { RunFigures } from "@/engine/show/figures.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import { PLOTS } from "@/report/plots.ts";
import { EVENTS_MAX, MILESTONES_MAX, STEPS_MAX, Timeline } from "@/report/timeline.ts";

/**
 * A run that sets up one tunnel in each second. The set-up of the nth tunnel takes n milliseconds. The
 * figures are those since the start of the run.
 */
class FakeRun {
  readonly #setup = new Histogram();
  #seconds = 0;

  /** The figures after one more second, with `extra` ones in their place. */
  second(extra: Partial<RunFigures> = {}): RunFigures {
    this.#setup.add(++this.#seconds);
    const none = {
      failed: 0,
      lost: 0,
      retries: 0,
      retransmissions: 0,
      ikeRekeys: 0,
      childRekeys: 0,
      strangers: [],
      datagramsSent: 0,
      datagramsReceived: 0,
      ping: undefined,
      packets: undefined,
      impairment: [],
      cpuMs: 0,
      halfOpen: 0,
      rssBytes: 1,
      ikeSaInitMs: undefined,
      ikeAuthMs: undefined,
    };
    const [established, elapsedMs] = [this.#seconds, this.#seconds * 1000];
    const setupMs = this.#setup.figures();
    return { ...none, established, live: established, elapsedMs, setupMs, ...extra } as RunFigures;
  }
}

const sum = (values: readonly (number | null)[]) => values.reduce((n: number, v) => n + v!, 0);

Deno.test("each step has the increase of a counter during the step, and the value of a gauge at its end", () => {
  const run = new FakeRun();
  const timeline = new Timeline(1_000, 0);
  for (let i = 0; i < 5; i++) timeline.add(run.second());
  const { steps } = timeline.json();
  assert.deepEqual(steps.atSec, [1, 2, 3, 4, 5]);
  assert.deepEqual(steps.established, [1, 1, 1, 1, 1]);
  assert.deepEqual(steps.live, [1, 2, 3, 4, 5]);
});

Deno.test("the percentiles of a step are those of its own samples, and null without a sample", () => {
  const run = new FakeRun();
  const timeline = new Timeline(1_000, 0);
  for (let i = 0; i < 3; i++) timeline.add(run.second());
  const { setupP50, setupMax, ikeAuthP99 } = timeline.json().steps;
  assert.deepEqual(setupMax, [1, 2, 3]);
  assert.ok(setupP50.every((ms, i) => Math.abs(ms! - (i + 1)) <= 0.016 * (i + 1)), `${setupP50}`);
  assert.deepEqual(ikeAuthP99, [null, null, null]);
});

Deno.test("a run of any length has a bounded number of steps, which together have all set-ups", () => {
  const run = new FakeRun();
  const timeline = new Timeline(1_000, 0);
  const seconds = 5 * STEPS_MAX + 3;
  let nextSec = 1;
  for (let i = 1; i <= seconds; i++) {
    const figures = run.second();
    if (i < nextSec && i < seconds) continue;
    timeline.add(figures);
    nextSec = i + timeline.stepMs / 1_000;
  }
  const { steps, stepSec } = timeline.json();
  assert.ok(steps.atSec.length <= STEPS_MAX, `${steps.atSec.length} steps`);
  assert.equal(stepSec, 8);
  assert.equal(sum(steps.established), seconds);
  assert.equal(steps.atSec.at(-1), seconds);
  assert.equal(steps.setupMax.at(-1), seconds);
  const samples = timeline.latencySteps("setup")
    .map(({ histogram }) => Histogram.merged([histogram]).samples);
  assert.equal(sum(samples), seconds);
});

Deno.test("after a counter was cleared, a step has its new value", () => {
  const run = new FakeRun();
  const timeline = new Timeline(1_000, 0);
  const ping = (sent: number) => ({ ping: { sent, received: sent } }) as Partial<RunFigures>;
  for (const sent of [10, 15, 4]) timeline.add(run.second(ping(sent)));
  assert.deepEqual(timeline.json().steps.pingsSent, [10, 5, 4]);
});

Deno.test("after pings were cleared, a step has the latencies of all pings since then", () => {
  const run = new FakeRun();
  const timeline = new Timeline(1_000, 0);
  const ping = (...latencies: readonly number[]) => {
    const histogram = new Histogram();
    for (const ms of latencies) histogram.add(ms);
    return { ping: { lost: 2, latencyMs: histogram.figures() } } as Partial<RunFigures>;
  };
  timeline.add(run.second(ping(5, 9, 9)));
  timeline.add(run.second(ping(5, 9)));
  const { pingP50, pingMax, pingsLost } = timeline.json().steps;
  assert.deepEqual([pingMax, pingsLost], [[9, 9], [2, 0]]);
  assert.ok(Math.abs(pingP50[1]! - 5) < 0.1, `${pingP50}`);
});

Deno.test("each kind of exchange has its latencies in the steps, and messages of an impairment are all counted", () => {
  const { steps } = timelineOf({
    ikeIntermediateMs: latencyOf(11),
    followupKeMs: latencyOf(12),
    informationalMs: latencyOf(13),
    ikeSessionResumeMs: latencyOf(14),
    impairment: [{
      matched: 100,
      lost: 1,
      duplicated: 2,
      reordered: 4,
      delayed: 8,
      replayed: 16,
      corrupted: 32,
      crossed: 64,
    }],
  });
  const { ikeIntermediateMax, ikeFollowupKeMax, informationalMax, ikeSessionResumeMax } = steps;
  assert.deepEqual(
    [ikeIntermediateMax, ikeFollowupKeMax, informationalMax, ikeSessionResumeMax],
    [[11], [12], [13], [14]],
  );
  assert.deepEqual(steps.impaired, [127]);
});

function timelineOf(extra: Partial<RunFigures>) {
  const timeline = new Timeline(1_000, 0);
  timeline.add(new FakeRun().second(extra));
  return timeline.json();
}

function latencyOf(ms: number) {
  const histogram = new Histogram();
  histogram.add(ms);
  return histogram.figures()!;
}

Deno.test("a plot shows each figure of the timeline", () => {
  const shown = new Set(PLOTS.flatMap(({ columns }) => columns.map(({ name }) => name as string)));
  const { atSec: _, ...columns } = new Timeline(1_000, 0).json().steps;
  assert.deepEqual(Object.keys(columns).filter((name) => !shown.has(name)), []);
});

Deno.test("a step at the same time as the one before is merged with it", () => {
  const timeline = new Timeline(1_000, 0);
  const figures = new FakeRun().second();
  timeline.add(figures);
  timeline.add({ ...figures, established: 4 });
  assert.deepEqual(timeline.json().steps.established, [4]);
});

Deno.test("the number and the length of events are bounded, and the events left out are counted", () => {
  const timeline = new Timeline(1_000, 5_000);
  for (let i = 0; i < EVENTS_MAX + 7; i++) {
    timeline.addEvent({ level: 2, msg: `${"x".repeat(999)}${i}`, epochMs: 6_500 });
  }
  const { events, eventsLeftOut, startedAt } = timeline.json();
  assert.deepEqual([events.length, eventsLeftOut], [EVENTS_MAX, 7]);
  assert.deepEqual([events[0]!.atSec, events[0]!.text.length], [1.5, 401]);
  assert.equal(startedAt, "1970-01-01T00:00:05.000Z");
});

Deno.test("milestones have places of their own among the events, whatever else is reported", () => {
  const timeline = new Timeline(1_000, 0);
  const milestone = (msg: string) =>
    timeline.addEvent({ level: 4, msg, epochMs: 1_000, milestone: true });
  for (let i = 0; i < EVENTS_MAX + 1; i++) {
    timeline.addEvent({ level: 3, msg: `warning ${i}`, epochMs: 500 });
  }
  for (let i = 0; i < MILESTONES_MAX + 1; i++) milestone(`milestone ${i}`);
  const { events, eventsLeftOut } = timeline.json();
  assert.equal(eventsLeftOut, 2);
  assert.equal(events.filter(({ level }) => level === 3).length, EVENTS_MAX);
  assert.equal(events.filter(({ level }) => level === 4).length, MILESTONES_MAX);
});
