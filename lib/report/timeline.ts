/**
 * Records a run over time: the figures of each step of some seconds. The number of steps is
 * bounded: when it is reached, steps are joined in pairs, which doubles their length.
 * @module
 */
import { type Documented, latencyJson, type LatencyResult, rounded } from "@/engine/show/figure.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import { Histogram, type HistogramData } from "@/engine/show/histogram.ts";
import type { RunEvent } from "@/engine/show/event_hub.ts";

/** The most steps that are kept: an hour in steps of 2 s. */
export const STEPS_MAX = 1_800;
/** The most milestones that are kept; later ones are only counted. */
export const MILESTONES_MAX = 50;
/** The most warnings and errors that are kept; later events are only counted. */
export const EVENTS_MAX = 100;
/** How many characters of an event are kept. */
const EVENT_TEXT_MAX = 400;

/**
 * Counters of a run whose increase is recorded for each step; the sum of all steps is the figure of
 * the run.
 */
const COUNTERS = {
  established: (f) => f.established,
  failed: (f) => f.failed,
  lost: (f) => f.lost,
  retries: (f) => f.retries,
  retransmissions: (f) => f.retransmissions,
  rekeysIke: (f) => f.ikeRekeys,
  rekeysChild: (f) => f.childRekeys,
  strangers: (f) => f.strangers.reduce((sum, { count }) => sum + count, 0),
  datagramsSent: (f) => f.datagramsSent,
  datagramsReceived: (f) => f.datagramsReceived,
  pingsSent: (f) => f.ping?.sent ?? 0,
  pingsReceived: (f) => f.ping?.received ?? 0,
  pingsLost: (f) => f.ping?.lost ?? 0,
  trafficSent: (f) => f.traffic?.sent ?? 0,
  trafficReceived: (f) => f.traffic?.received ?? 0,
  trafficLost: (f) => f.traffic?.lost ?? 0,
  trafficCame: (f) => f.trafficIn?.received ?? 0,
  octetsSent: (f) => f.packets?.octetsOut ?? 0,
  octetsReceived: (f) => f.packets?.octetsIn ?? 0,
  impaired: (f) =>
    f.impairment.reduce(
      (sum, { lost, duplicated, reordered, delayed, replayed, corrupted, crossed }) =>
        sum + lost + duplicated + reordered + delayed + replayed + corrupted + crossed,
      0,
    ),
  cpuMs: (f) => f.cpuMs,
} as const satisfies Readonly<Record<string, (figures: RunFigures) => number>>;

/** Figures that are recorded as they are at the end of each step. */
const STATES = {
  live: (f) => f.live,
  halfOpen: (f) => f.halfOpen,
  rssBytes: (f) => f.rssBytes,
} as const satisfies Readonly<Record<string, (figures: RunFigures) => number>>;

/** Latencies whose percentiles are recorded for each step. */
const LATENCIES = {
  ikeSaInit: (f) => f.ikeSaInitMs?.histogram,
  ikeAuth: (f) => f.ikeAuthMs?.histogram,
  ikeSessionResume: (f) => f.ikeSessionResumeMs?.histogram,
  ikeIntermediate: (f) => f.ikeIntermediateMs?.histogram,
  setup: (f) => f.setupMs?.histogram,
  createChild: (f) => f.createChildMs?.histogram,
  ikeFollowupKe: (f) => f.followupKeMs?.histogram,
  informational: (f) => f.informationalMs?.histogram,
  setupAgain: (f) => f.setupAgainMs?.histogram,
  ping: (f) => f.ping?.latencyMs?.histogram,
  traffic: (f) => f.traffic?.latencyMs?.histogram,
} as const satisfies Readonly<Record<string, (figures: RunFigures) => HistogramData | undefined>>;

/** Name of a latency, as in `latencyMs` of the result. */
export type LatencyName = keyof typeof LATENCIES;
/** The names of the latencies of a timeline. */
export const LATENCY_NAMES = Object.keys(LATENCIES) as readonly LatencyName[];

const PERCENTILES = ["p50", "p90", "p99", "max"] as const;

/** Whether a column of a timeline has percentiles of a latency, or its largest values. */
export function isLatency(column: string): boolean {
  return /(?:P\d\d|Max)$/.test(column);
}

type Column = keyof typeof COUNTERS | keyof typeof STATES | `${LatencyName}${Percentile}`;
type Percentile = Capitalize<typeof PERCENTILES[number]>;

/** A list for each figure, with a value for each step; null where a step has no sample. */
export type TimelineColumns = Readonly<Record<Column | "atSec", readonly (number | null)[]>>;

/** A warning, an error or a milestone, with its time. */
export interface TimelineEvent {
  /** Seconds from the start of the run. */
  readonly atSec: number;
  /** 1 critical, 2 error, 3 warning; 4: what the test itself began or ended. */
  readonly level: number;
  readonly text: string;
}

/** The timeline in the JSON result. */
export interface TimelineJson {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /**
   * Seconds of a step: the length that was asked for, doubled each time the run had too many steps.
   */
  readonly stepSec: number;
  readonly steps: TimelineColumns;
  readonly events: readonly TimelineEvent[];
  /** How many events came after those that were kept. */
  readonly eventsLeftOut: number;
}

const STEP_DOCS: Readonly<Record<Column | "atSec", string>> = {
  atSec: "seconds from the start of the run to the end of each step; steps follow each other",
  established: "tunnels established for the first time in the step",
  failed: "tunnels that failed in it, including lost ones",
  lost: "tunnels lost in it",
  retries: "attempts at a tunnel that failed in it and are repeated",
  retransmissions: "requests sent again in it",
  rekeysIke: "IKE SAs replaced in it",
  rekeysChild: "CHILD_SAs replaced in it",
  strangers: "gateway: peers that were dropped in it as they did not authenticate",
  datagramsSent: "IKE datagrams sent in it",
  datagramsReceived: "IKE datagrams received in it",
  pingsSent: "ping requests sent in it, or since the counters were cleared in it",
  pingsReceived: "ping requests answered in it",
  pingsLost: "ping requests that were found in it to have no answer in time, likewise",
  trafficSent: "packets of test traffic sent in it",
  trafficReceived: "packets of test traffic that came back in it",
  trafficLost: "packets of test traffic that were found to be lost in it",
  trafficCame: "packets of test traffic of the other ends that came in it",
  octetsSent: "octets sent through CHILD_SAs in it; 0 if the kernel processes ESP",
  octetsReceived: "octets received through CHILD_SAs in it; 0 if the kernel processes ESP",
  impaired: "messages that `impairment` changed, delayed or dropped in it, by all rules together",
  cpuMs: "milliseconds of processor time of the whole process in it",
  live: "tunnels that are live at its end",
  halfOpen: "IKE SAs that are being set up at its end",
  rssBytes: "resident memory at its end, octets",
  ...latencyDocs("ikeSaInit", "IKE_SA_INIT exchanges completed in it"),
  ...latencyDocs("ikeAuth", "IKE_AUTH exchanges completed in it"),
  ...latencyDocs("ikeSessionResume", "IKE_SESSION_RESUME exchanges completed in it"),
  ...latencyDocs("ikeIntermediate", "IKE_INTERMEDIATE exchanges completed in it"),
  ...latencyDocs("setup", "set-ups completed in it"),
  ...latencyDocs("createChild", "CREATE_CHILD_SA exchanges completed in it"),
  ...latencyDocs("ikeFollowupKe", "IKE_FOLLOWUP_KE exchanges completed in it"),
  ...latencyDocs("informational", "INFORMATIONAL exchanges completed in it"),
  ...latencyDocs("setupAgain", "set-ups completed in it of tunnels that were up before"),
  ...latencyDocs("ping", "pings answered in it"),
  ...latencyDocs("traffic", "packets of test traffic that came back in it"),
};

function latencyDocs<N extends LatencyName>(
  name: N,
  of: string,
): Record<`${N}${Percentile}`, string> {
  const docs = PERCENTILES.map((p) => [`${name}${capital(p)}`, `${p} of ${of}, milliseconds`]);
  return Object.fromEntries(docs);
}

/** The fields of a timeline, for the documentation and the schema. */
export const TIMELINE_PARTS: readonly Documented[] = [
  { path: "startedAt", type: "text", doc: "when the run began, ISO 8601 in UTC" },
  {
    path: "stepSec",
    type: "number",
    doc:
      "seconds of a step: the argument of `--timeline`, doubled each time the run had more than " +
      `${STEPS_MAX} steps`,
  },
  ...Object.entries(STEP_DOCS).map(([name, doc]) => ({
    path: `steps.${name}`,
    type: isLatency(name) ? "list of numbers or null" : "list of numbers",
    doc,
  } as const)),
  {
    path: "events",
    type: "list of {atSec, level, text}",
    doc:
      `the first ${EVENTS_MAX} warnings and errors of the log (level 1 critical, 2 error, 3 warning), and ` +
      `the first ${MILESTONES_MAX} milestones (level 4): what the test itself began or ended, such as a storm`,
  },
  {
    path: "eventsLeftOut",
    type: "number",
    doc: "how many warnings, errors and milestones came after those",
  },
];

/** The figures of one step. */
interface Step {
  readonly endMs: number;
  readonly counters: readonly number[];
  readonly states: readonly number[];
  /**
   * For each latency, its histogram as pairs of bucket and number of samples; undefined without a
   * sample.
   */
  readonly latencies: readonly (PackedHistogram | undefined)[];
}

/** A histogram in one array: bucket, samples, bucket, samples, … */
interface PackedHistogram {
  readonly pairs: Uint32Array;
  /** Milliseconds. */
  readonly max: number;
}

const COUNTER_NAMES = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];
const STATE_NAMES = Object.keys(STATES) as (keyof typeof STATES)[];

/** The latencies of one step of a timeline. */
export interface LatencyStep {
  /** Seconds from the start of the run. */
  readonly startSec: number;
  readonly endSec: number;
  readonly histogram: HistogramData;
}

/**
 * Collects the timeline of one run. It has no clock: the caller calls `add` at the end of each
 * step.
 */
export class Timeline {
  /**
   * Length of a step in milliseconds: the length that was asked for, doubled each time steps were
   * joined.
   */
  stepMs: number;
  readonly #startEpochMs: number;
  #steps: Step[] = [];
  /** Counters and latencies at the end of the last step. */
  #counters: readonly number[] = COUNTER_NAMES.map(() => 0);
  #histograms: (HistogramData | undefined)[] = LATENCY_NAMES.map(() => undefined);
  readonly #events: TimelineEvent[] = [];
  /** How many of them are milestones. */
  #milestones = 0;
  #eventsLeftOut = 0;

  /**
   * `stepMs` is the length of a step in milliseconds, `startEpochMs` the start of the run in
   * milliseconds since 1970.
   */
  constructor(stepMs: number, startEpochMs: number) {
    this.stepMs = stepMs;
    this.#startEpochMs = startEpochMs;
  }

  /** The number of steps so far. */
  get length(): number {
    return this.#steps.length;
  }

  /**
   * Adds a step that ends now, with the present figures of the run. A step of no length is joined
   * to the last one.
   */
  add(figures: RunFigures): void {
    const now = COUNTER_NAMES.map((name) => COUNTERS[name](figures));
    // A counter that is smaller than before was cleared (pings); its whole value was counted since
    // then.
    const counters = now.map((n, i) => n >= this.#counters[i]! ? n - this.#counters[i]! : n);
    this.#counters = now;
    const latencies = LATENCY_NAMES.map((name, i) => {
      const data = LATENCIES[name](figures);
      const before = this.#histograms[i];
      this.#histograms[i] = data;
      return data && packed(Histogram.since(before, data));
    });
    const states = STATE_NAMES.map((name) => STATES[name](figures));
    const step: Step = { endMs: figures.elapsedMs, counters, states, latencies };
    const last = this.#steps.at(-1);
    if (last && step.endMs <= last.endMs) this.#steps[this.#steps.length - 1] = joined(last, step);
    else this.#steps.push(step);
    if (this.#steps.length > STEPS_MAX) this.#widen();
  }

  /** Adds a warning, an error or a milestone. */
  addEvent({ level, msg, epochMs, milestone }: RunEvent): void {
    const isFull = milestone
      ? this.#milestones >= MILESTONES_MAX
      : this.#events.length - this.#milestones >= EVENTS_MAX;
    if (isFull) return void this.#eventsLeftOut++;
    if (milestone) this.#milestones++;
    const atSec = Math.max(0, rounded((epochMs - this.#startEpochMs) / 1_000)!);
    const text = msg.length > EVENT_TEXT_MAX ? `${msg.slice(0, EVENT_TEXT_MAX)}…` : msg;
    this.#events.push({ atSec, level, text: text.toWellFormed() });
  }

  /** As the JSON result has it; `from`: without so many steps at its begin. */
  json(from = 0): TimelineJson {
    const columns: Record<string, (number | null)[]> = { atSec: [] };
    for (const [i, step] of this.#steps.slice(from).entries()) {
      columns.atSec![i] = rounded(step.endMs / 1_000);
      for (const [n, name] of COUNTER_NAMES.entries()) {
        (columns[name] ??= [])[i] = Math.round(step.counters[n]!);
      }
      for (const [n, name] of STATE_NAMES.entries()) (columns[name] ??= [])[i] = step.states[n]!;
      for (const [n, name] of LATENCY_NAMES.entries()) {
        const figures = percentilesOf(step.latencies[n]);
        for (const p of PERCENTILES) (columns[`${name}${capital(p)}`] ??= [])[i] = figures[p];
      }
    }
    for (const name of Object.keys(STEP_DOCS)) columns[name] ??= [];
    return {
      startedAt: new Date(this.#startEpochMs).toISOString(),
      stepSec: rounded(this.stepMs / 1_000)!,
      steps: columns as unknown as TimelineColumns,
      events: this.#events,
      eventsLeftOut: this.#eventsLeftOut,
    };
  }

  /** The samples of one latency in each step; steps without a sample are left out. */
  latencySteps(name: LatencyName): LatencyStep[] {
    const at = LATENCY_NAMES.indexOf(name);
    const found: LatencyStep[] = [];
    for (const [i, { endMs, latencies }] of this.#steps.entries()) {
      const histogram = latencies[at];
      if (!histogram) continue;
      const startMs = this.#steps[i - 1]?.endMs ?? 0;
      found.push({ startSec: startMs / 1e3, endSec: endMs / 1e3, histogram: unpacked(histogram) });
    }
    return found;
  }

  /** The start of the run, in milliseconds since 1970. */
  get startEpochMs(): number {
    return this.#startEpochMs;
  }

  /** Joins steps in pairs, which halves their number. */
  #widen(): void {
    this.stepMs *= 2;
    const wide: Step[] = [];
    for (let i = 0; i < this.#steps.length; i += 2) {
      const [first, second] = [this.#steps[i]!, this.#steps[i + 1]];
      wide.push(second ? joined(first, second) : first);
    }
    this.#steps = wide;
  }
}

function joined(first: Step, second: Step): Step {
  return {
    endMs: Math.max(first.endMs, second.endMs),
    counters: first.counters.map((n, i) => n + second.counters[i]!),
    states: second.states,
    latencies: first.latencies.map((one, i) => {
      const other = second.latencies[i];
      if (!one || !other) return one ?? other;
      return packed(Histogram.merged([unpacked(one), unpacked(other)]).data());
    }),
  };
}

function packed({ buckets, max }: HistogramData): PackedHistogram | undefined {
  return buckets.length === 0 ? undefined : { pairs: Uint32Array.from(buckets.flat()), max };
}

function unpacked({ pairs, max }: PackedHistogram): HistogramData {
  const buckets: [number, number][] = [];
  for (let i = 0; i < pairs.length; i += 2) buckets.push([pairs[i]!, pairs[i + 1]!]);
  return { buckets, max };
}

function percentilesOf(histogram: PackedHistogram | undefined): LatencyResult {
  return latencyJson(histogram ? Histogram.merged([unpacked(histogram)]).figures() : undefined);
}

function capital<T extends string>(word: T): Capitalize<T> {
  return word[0]!.toUpperCase() + word.slice(1) as Capitalize<T>;
}
