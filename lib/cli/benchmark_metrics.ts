/**
 * The metrics of a benchmark, each measured by runs of a setup that is changed for it. They follow the drafts of
 * the BMWG on benchmarks of IPsec devices (draft-ietf-bmwg-ipsec-meth): capacity, set-up rate, rekey rate, time to
 * first packet, time to recover, behaviour under denial of service.
 * @module
 */
import { SILENCE } from "@/engine/load/throttling.ts";
import { showDuration } from "@/base/duration.ts";
import { type RateTrial, searchRate } from "@/engine/load/rate_search.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import { judge, verdictWords } from "@/engine/show/thresholds.ts";
import type { RunSummary } from "@/engine/show/view.ts";
import type { Setup } from "@/setup/setup.ts";
import { profilesOf } from "@/setup/profiles.ts";
import { parseThreshold, type Threshold } from "@/setup/threshold.ts";

/** The names of all metrics, in the order in which they are measured. */
export const BENCHMARK_METRICS = [
  "capacity",
  "rate",
  "rekey",
  "firstpacket",
  "recovery",
  "cookies",
] as const;

/** The name of a metric. */
export type MetricName = typeof BENCHMARK_METRICS[number];

/** One metric. */
export interface Metric {
  readonly name: MetricName;
  /** The figure; undefined: it could not be measured. */
  readonly value: number | undefined;
  readonly unit: string;
  /** A sentence about it, or why there is none. */
  readonly words: string;
  /** Whether the gateway, and not a missing option, is the reason why there is no value. */
  readonly failed: boolean;
  /** Further figures, by name. */
  readonly more: Readonly<Record<string, number | string | boolean | null>>;
  /** The trials of a search. */
  readonly trace?: readonly RateTrial[];
}

/** A run that has begun, as a metric sees it. */
export interface Watched {
  readonly summary: () => RunSummary;
  readonly figures: () => RunFigures;
  readonly stop: () => void;
}

/** How metrics run the gateway's clients. */
export interface Bench {
  /** The setup of the user, with at most `tunnels` tunnels. */
  readonly setup: Setup;
  readonly tunnels: number;
  readonly trialMs: number;
  readonly rateMax: number;
  readonly isOver: () => boolean;
  /** Milliseconds that are left of the time of all metrics. */
  readonly leftMs: () => number;
  /** Time from one storm to the next, in milliseconds. */
  readonly pauseMs: number;
  /** How soon clients look whether the gateway is there, and come again, in milliseconds. */
  readonly livenessMs: number;
  /** Restarts the gateway; undefined: nobody knows how. */
  readonly restart: (() => Promise<void>) | undefined;
  /**
   * Runs a setup to its end; `watch` is called every 50 ms. Its figures are those of the last moment before the
   * end, when all tunnels were there.
   */
  readonly run: (setup: Setup, watch?: (run: Watched) => void) => Promise<RunFigures>;
}

/** The thresholds of a trial if the setup has none. */
const THRESHOLDS = ["failed <= 0", "p99(due) < 500ms"];
/** Least and most tunnels of a trial of a rate. */
const TRIAL_TUNNELS_MIN = 20;
/** Figures of pings and traffic, which no trial has. */
const OF_PROBES: readonly string[] = ["ping", "pingloss", "traffic", "jitter", "loss(traffic)"];
/** The most tunnels with which rekeys, recovery and cookies are measured. */
const TUNNELS_OF_STORM = 1_000;
/** Trials of one search. */
const TRIALS_MAX = 40;
/** The first rate that is tried. */
const RATE_FIRST = 50;
/** A trial that is over by its load ends at the latest so much later. */
const SLACK_MS = 20_000;
const RECOVERY_MAX_MS = 120_000;

/** Measures one metric. */
export function measure(name: MetricName, bench: Bench): Promise<Metric> {
  return MEASURES[name](bench);
}

const MEASURES: Readonly<Record<MetricName, (bench: Bench) => Promise<Metric>>> = {
  capacity,
  rate,
  rekey,
  firstpacket: firstPacket,
  recovery,
  cookies,
};

/** The setup of a run for a metric: so many tunnels, as fast as the gateway follows, then an end. */
function only(
  { setup }: Bench,
  tunnels: number,
  soakMs: number,
  change: Partial<Setup> = {},
): Setup {
  const { loadconf } = setup;
  const stages = [{ rate: 0, ramp: 0, hold: 0 }];
  return {
    ...setup,
    numberoftunnels: tunnels,
    setupinterval: 0,
    runningtime: SLACK_MS + RECOVERY_MAX_MS + soakMs,
    loadconf: { ...loadconf, stages, storms: [], soak: Math.max(1, soakMs) },
    flapconf: { ...setup.flapconf, flapping: false },
    pingconf: { ...setup.pingconf, destaddr: undefined },
    trafficconf: { ...setup.trafficconf, rate: undefined, direction: "both" },
    thresholds: [],
    abortonerr: false,
    abortonfail: false,
    tunnelmaxretry: 1,
    ...change,
  };
}

/** How many tunnels the gateway holds at a time. */
async function capacity(bench: Bench): Promise<Metric> {
  let live = 0;
  const runningtime = Math.max(SLACK_MS, bench.leftMs());
  const figures = await bench.run(only(bench, bench.tunnels, 2_000, { runningtime }), (run) => {
    live = Math.max(live, run.summary().createdLive);
  });
  const [first] = figures.failures;
  const isWhole = live >= bench.tunnels;
  const words = isWhole
    ? `at least ${live} tunnels at a time, which is all that were asked for (--tunnels)`
    : `${live} of ${bench.tunnels} tunnels at a time; the others: ${
      first?.example ?? "not set up in the time that there was (--time)"
    }`;
  const more = { atLeast: isWhole, asked: bench.tunnels, failed: figures.failed };
  return { name: "capacity", value: live, unit: "tunnels", words, failed: live === 0, more };
}

/** The highest rate of set-ups that holds the thresholds. */
async function rate(bench: Bench): Promise<Metric> {
  const suitable = bench.setup.thresholds.filter(suitsTrials);
  const rules = suitable.length > 0 ? suitable : THRESHOLDS.map((text) => parseThreshold(text)!);
  // A trial at a higher rate would be over before its time, as there are no more tunnels.
  const lasting = Math.max(1, Math.floor(1_000 * bench.tunnels / bench.trialMs));
  const max = Math.min(bench.rateMax, lasting);
  const found = await searchRate({
    first: Math.min(RATE_FIRST, max),
    max,
    precision: 1.1,
    trialsMax: TRIALS_MAX,
    isOver: bench.isOver,
  }, async (ratePerSec) => {
    const wanted = Math.max(TRIAL_TUNNELS_MIN, Math.round(ratePerSec * bench.trialMs / 1_000));
    const tunnels = Math.min(bench.tunnels, wanted);
    const stages = [{ rate: ratePerSec, ramp: 0, hold: 0 }];
    const whole = only(bench, tunnels, 1);
    const loadconf = { ...whole.loadconf, stages };
    const runningtime = 1_000 * tunnels / ratePerSec + SLACK_MS;
    const figures = await bench.run({ ...whole, loadconf, runningtime });
    const missing = tunnels - figures.established;
    const broken = judge(rules, { figures, tunnels }).find(({ held }) => !held);
    const p99 = figures.setupFromDueMs?.p99;
    const measured = `${figures.established} of ${tunnels} tunnels, p99 from due ` +
      `${p99 === undefined ? "unknown" : `${Math.round(p99 * 10) / 10} ms`}`;
    if (missing > 0) return { held: false, words: measured };
    if (broken) return { held: false, words: `${measured}; ${verdictWords(broken)}` };
    return { held: true, words: measured };
  });
  const { ratePerSec, isConfirmed, isCeiling, trials } = found;
  const held = rules.map(({ text }) => text).join(", ");
  const unsuited = bench.setup.thresholds.filter((rule) => !suitsTrials(rule));
  const leftOutWords = unsuited.length > 0
    ? `; left out, as no trial can hold it: ${unsuited.map(({ text }) => text).join(", ")}`
    : "";
  const limit = isCeiling ? ` or more (${max < bench.rateMax ? "--tunnels" : "--max-rate"})` : "";
  const words = ratePerSec === undefined
    ? `no rate held ${held}: ${trials.at(-1)?.words ?? "there was no time for a trial"}`
    : `${ratePerSec} set-ups a second${limit} hold ${held}` +
      (isConfirmed ? ", in two trials" : ", not confirmed, as there was no time") + leftOutWords;
  const more = { confirmed: isConfirmed, ceiling: isCeiling, trials: trials.length };
  const failed = ratePerSec === undefined && trials.length > 0;
  return { name: "rate", value: ratePerSec, unit: "1/s", words, failed, more, trace: trials };
}

/**
 * Whether a threshold of the setup can be judged in a trial: there are no pings, and a rate that is too low for
 * the user says nothing about what the gateway holds.
 */
function suitsTrials({ figure, comparison }: Threshold): boolean {
  const of = "name" in figure ? figure.name : figure.latency;
  return comparison.startsWith("<") && !OF_PROBES.includes(of);
}

/** How fast all tunnels are rekeyed at once: first their CHILD_SAs, then their IKE SAs. */
async function rekey(bench: Bench): Promise<Metric> {
  const tunnels = Math.min(bench.tunnels, TUNNELS_OF_STORM);
  const common = { tunnels: -1, spread: 0, count: 1, every: 0 };
  const { pauseMs } = bench;
  const whole = only(bench, tunnels, 2 * pauseMs);
  const storms = [
    { ...common, kind: "rekey-child" as const, after: 500 },
    { ...common, kind: "rekey-ike" as const, after: 500 + pauseMs },
  ];
  const figures = await bench.run({ ...whole, loadconf: { ...whole.loadconf, storms } }, (run) => {
    // The storms are over as soon as each SA of both is done, or will not be.
    const all = run.figures().storms;
    const isDone = all.every(({ atMs, tunnels, done, failed }) =>
      atMs !== undefined && tunnels > 0 && done + failed >= tunnels
    );
    if (isDone) run.stop();
  });
  const [children, ikeSas] = figures.storms.map(({ tunnels, done, latencyMs }) => ({
    tunnels,
    done,
    rate: latencyMs && latencyMs.max > 0 ? 1_000 * done / latencyMs.max : undefined,
    p99: latencyMs?.p99,
  }));
  const value = children?.rate === undefined ? undefined : Math.round(children.rate);
  const ikeRate = ikeSas?.rate === undefined ? null : Math.round(ikeSas.rate);
  const words = value === undefined
    ? `no CHILD_SA was rekeyed (${figures.established} of ${tunnels} tunnels were up)`
    : `${value} CHILD_SAs and ${ikeRate ?? "no"} IKE SAs a second, all of ${
      children!.tunnels
    } at once: ` +
      `${children!.done} and ${ikeSas?.done ?? 0} rekeyed`;
  const more = {
    childDone: children?.done ?? 0,
    ikeDone: ikeSas?.done ?? 0,
    ikeRate,
    childP99Ms: children?.p99 ?? null,
    ikeP99Ms: ikeSas?.p99 ?? null,
  };
  return { name: "rekey", value, unit: "1/s", words, failed: value === undefined, more };
}

/** How long a tunnel takes from its first message to the first packet that comes back through it. */
async function firstPacket(bench: Bench): Promise<Metric> {
  const name = "firstpacket";
  const { pingconf } = bench.setup;
  if (!pingconf.destaddr) {
    return leftOut(name, "ms", "pingconf.destaddr is not set: nothing can be pinged");
  }
  const tunnels = Math.min(bench.tunnels, 100);
  const change = { pingconf: { ...pingconf, startwith: "tunnel" as const, interval: 100 } };
  const figures = await bench.run(only(bench, tunnels, 2_000, change));
  const first = figures.ping?.firstPacketMs;
  const setup = figures.setupMs;
  const value = first && setup ? Math.round((first.p50 + setup.p50) * 10) / 10 : undefined;
  const words = value === undefined
    ? `no ping came back (${figures.established} of ${tunnels} tunnels were up)`
    : `${value} ms, the sum of two medians over ${tunnels} tunnels: ${
      Math.round(setup!.p50 * 10) / 10
    } ms for the set-up, then ` +
      `${Math.round(first!.p50 * 10) / 10} ms`;
  const more = { afterSetupP50Ms: first?.p50 ?? null, afterSetupP99Ms: first?.p99 ?? null };
  return { name, value, unit: "ms", words, failed: value === undefined, more };
}

/** How long it takes after a restart of the gateway until all tunnels are up again. */
async function recovery(bench: Bench): Promise<Metric> {
  const name = "recovery";
  const { restart } = bench;
  if (!restart) return leftOut(name, "s", "--restart names no command that restarts the gateway");
  const tunnels = Math.min(bench.tunnels, TUNNELS_OF_STORM);
  const { setup } = bench;
  // Liveness checks find the end of the gateway within some seconds.
  const quick = {
    initiatedpd: true,
    forcedpd: true,
    dpdinterval: bench.livenessMs,
    retraninterval: bench.livenessMs,
    maxretran: 3,
  };
  const change = {
    ikeconf: { ...setup.ikeconf, ...quick },
    profiles: profilesOf(setup).map((profile) => ({
      ...profile,
      ikeconf: { ...profile.ikeconf, ...quick },
    })),
    tunnelmaxretry: 1_000,
    tunnelretryinterval: bench.livenessMs,
  };
  let stage: "setting up" | "restarting" | "restarted" = "setting up";
  let beganMs = 0;
  let fewest = tunnels;
  let tookMs: number | undefined;
  let trouble: string | undefined;
  const figures = await bench.run(only(bench, tunnels, RECOVERY_MAX_MS, change), (run) => {
    const { createdLive } = run.summary();
    if (stage === "setting up") {
      if (createdLive < tunnels) return;
      stage = "restarting";
      beganMs = performance.now();
      restart().then(() => stage = "restarted", (e) => {
        trouble = e instanceof Error ? e.message : String(e);
        run.stop();
      });
      return;
    }
    fewest = Math.min(fewest, createdLive);
    if (
      stage !== "restarted" || fewest === tunnels || createdLive < tunnels || tookMs !== undefined
    ) return;
    tookMs = performance.now() - beganMs;
    run.stop();
  });
  const value = tookMs === undefined ? undefined : Math.round(tookMs / 100) / 10;
  const words = value !== undefined
    ? `${value} s from the restart until all ${tunnels} tunnels were up again`
    : trouble ??
      (stage === "setting up"
        ? `only ${figures.established} of ${tunnels} tunnels came up before the restart`
        : fewest === tunnels
        ? "no tunnel was lost: did the command restart the gateway?"
        : `not all tunnels were up again within ${showDuration(RECOVERY_MAX_MS)}`);
  const more = { tunnels, fewest, lost: figures.lost };
  return { name, value, unit: "s", words, failed: value === undefined, more };
}

/** What the gateway does when many set-ups begin at once. */
async function cookies(bench: Bench): Promise<Metric> {
  const tunnels = Math.min(bench.tunnels, TUNNELS_OF_STORM);
  const whole = only(bench, tunnels, 1_000, { maxhalfopen: tunnels });
  const stages = [{ rate: bench.rateMax, ramp: 0, hold: 0 }];
  const loadconf = { ...whole.loadconf, stages, burst: tunnels };
  const figures = await bench.run({ ...whole, loadconf });
  const asked = figures.throttled.find(({ cause }) => cause === "COOKIE");
  const silent = figures.throttled.find(({ cause }) => cause === SILENCE);
  const words = [
    asked
      ? `cookies demanded of ${asked.count} of ${tunnels} set-ups at once, ${asked.example}`
      : "no cookies",
    ...(silent ? [`silence, ${silent.example}`] : []),
    `${figures.established} of ${tunnels} established, ${figures.retransmissions} requests repeated`,
  ].join("; ");
  const more = {
    established: figures.established,
    repeated: figures.retransmissions,
    silent: silent?.count ?? 0,
  };
  const failed = figures.established === 0;
  return { name: "cookies", value: asked?.count ?? 0, unit: "set-ups", words, failed, more };
}

function leftOut(name: MetricName, unit: string, why: string): Metric {
  return { name, value: undefined, unit, words: `not measured: ${why}`, failed: false, more: {} };
}
