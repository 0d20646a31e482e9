/**
 * Makes the figures of a ping test from the counters of `ping/`.
 * @module
 */
import type { PingPlan } from "@/engine/load/ping_plan.ts";
import type { LatencyFigures } from "@/engine/show/histogram.ts";
import { type PingFigures, type PingTaskFigures, WORST_MAX } from "@/engine/show/ping_table.ts";
import type { Pinger } from "@/ping/pinger.ts";

/** Values that are not counted by the pinger. */
export interface PingBeside {
  readonly ping: PingPlan;
  readonly latencyMs: LatencyFigures | undefined;
  readonly firstPacketMs: LatencyFigures | undefined;
  readonly unsent: number;
}

/** The {@linkcode PingFigures} of a pinger. */
export function pingFiguresOf(pinger: Pinger, beside: PingBeside): PingFigures {
  const { ping, latencyMs, firstPacketMs, unsent } = beside;
  const { totals } = pinger;
  const judged = totals.received + totals.lost;
  return {
    ...totals,
    lossPercent: judged === 0 ? undefined : 100 * totals.lost / judged,
    tasks: pinger.begun,
    tasksAbove: worstLoss(pinger, ping.lossMax, 1).above,
    unsent,
    latencyMs,
    firstPacketMs,
    worst: worstOf(pinger).map((task) => taskFigures(pinger, task)),
  };
}

/**
 * The number of tasks that lose more than `percent` of at least `judgedMin` requests, and the first of them.
 */
export function worstLoss(
  { counts, begun }: Pinger,
  lossMax: number,
  judgedMin: number,
): { readonly above: number; readonly first: number | undefined } {
  let above = 0;
  let first: number | undefined;
  const { received, lost } = counts;
  for (let task = 0; task < begun; task++) {
    const requests = received[task]! + lost[task]!;
    if (requests < judgedMin || 100 * lost[task]! <= lossMax * requests) continue;
    above++;
    first ??= task;
  }
  return { above, first };
}

/** Tasks in the order of their losses, the highest first; tasks without losses are left out. */
function worstOf({ counts, begun }: Pinger): number[] {
  const worst: number[] = [];
  const { lost } = counts;
  for (let task = 0; task < begun; task++) {
    const isAmong = worst.length < WORST_MAX || lost[task]! > lost[worst.at(-1)!]!;
    if (lost[task] === 0 || !isAmong) continue;
    const at = worst.findIndex((other) => lost[other]! < lost[task]!);
    worst.splice(at < 0 ? worst.length : at, 0, task);
    worst.length = Math.min(worst.length, WORST_MAX);
  }
  return worst;
}

function taskFigures(pinger: Pinger, task: number): PingTaskFigures {
  const { counts } = pinger;
  const [own, peer] = pinger.endsOf(task);
  const samples = counts.received[task]!;
  const percentile = (fraction: number) => counts.percentileMs(task, fraction);
  return {
    own,
    peer,
    sent: counts.sent[task]!,
    received: samples,
    lost: counts.lost[task]!,
    burstMax: counts.burstMax[task]!,
    latencyMs: samples === 0 ? undefined : {
      p50: percentile(0.5),
      p90: percentile(0.9),
      p99: percentile(0.99),
      max: counts.maxMs[task]!,
      samples,
    },
    firstPacketMs: Number.isNaN(counts.firstMs[task]) ? undefined : counts.firstMs[task]!,
  };
}
