/**
 * Makes the figures of test traffic from the counters of `traffic/`.
 * @module
 */
import {
  type FlowFigures,
  type IncomingFigures,
  type TrafficFigures,
  type TrafficFlowFigures,
  WORST_FLOWS_MAX,
} from "@/engine/show/flow_table.ts";
import type { Histogram } from "@/engine/show/histogram.ts";
import type { TrafficGenerator } from "@/traffic/generator.ts";
import type { Incoming } from "@/traffic/incoming.ts";
import { type Phase, PHASES } from "@/traffic/phases.ts";

/** The samples of the traffic of a run. */
export interface TrafficSamples {
  readonly latency: Histogram;
  readonly jitter: Histogram;
  readonly phases: Readonly<Record<Phase, Histogram>>;
  readonly came: Histogram;
  readonly cameJitter: Histogram;
}

/** Values that the generator does not count. */
export interface TrafficBeside {
  readonly samples: TrafficSamples;
  readonly unsent: number;
  readonly returns: boolean;
  readonly sendingMs: number;
  /** Whether every packet is judged, so that what did not come back is lost. */
  readonly isJudged: boolean;
}

/** The figures of what this end sent. */
export function trafficFiguresOf(
  generator: TrafficGenerator,
  { samples, unsent, returns, sendingMs, isJudged }: TrafficBeside,
): TrafficFigures {
  const { sent, octetsSent, received, lost, late, meter, altered, strange, behind } = generator;
  const seconds = sendingMs / 1_000;
  const judged = received + lost;
  const phases = Object.fromEntries(PHASES.map((phase) => {
    const counts = generator.phases.counts[phase];
    return [phase, {
      sent: counts.sent,
      received: counts.received,
      latencyMs: samples.phases[phase].figures(),
    }];
  })) as unknown as Pick<TrafficFigures, Phase>;
  return {
    flows: generator.flows,
    sent,
    octetsSent,
    received,
    lost,
    lossPercent: judged === 0 ? undefined : 100 * lost / judged,
    duplicates: meter.duplicates,
    reordered: meter.reordered,
    late,
    altered,
    strange,
    unsent,
    behind,
    sentPerSecond: seconds > 0 ? sent / seconds : undefined,
    bitsPerSecond: seconds > 0 ? 8 * octetsSent / seconds : undefined,
    latencyMs: samples.latency.figures(),
    jitterMs: samples.jitter.figures(),
    ...phases,
    worst: isJudged && returns ? worstOf(generator) : [],
  };
}

/** The figures of what the other ends sent. */
export function incomingFiguresOf(incoming: Incoming, samples: TrafficSamples): IncomingFigures {
  const { meter, expected, octets, flows, strange, otherClock } = incoming;
  const lost = Math.max(0, expected - meter.received);
  return {
    flows,
    expected,
    received: meter.received,
    octetsReceived: octets,
    lost,
    lossPercent: expected === 0 ? undefined : 100 * lost / expected,
    duplicates: meter.duplicates,
    reordered: meter.reordered,
    late: meter.late,
    strange,
    otherClock,
    latencyMs: samples.came.figures(),
    jitterMs: samples.cameJitter.figures(),
  };
}

/** The figures of one flow. */
export function flowFiguresOf(
  generator: TrafficGenerator,
  flow: number,
): FlowFigures {
  const { meter } = generator;
  const received = meter.receivedOf[flow]!;
  const known = (value: number) => received > 0 ? value : undefined;
  return {
    sent: generator.sentOf(flow),
    received,
    duplicates: meter.duplicatesOf[flow]!,
    reordered: meter.reorderedOf[flow]!,
    p50Ms: known(meter.percentileMs(flow, 0.5)),
    p99Ms: known(meter.percentileMs(flow, 0.99)),
    maxMs: known(meter.maxMs[flow]!),
    jitterMs: known(meter.jitterMs[flow]!),
  };
}

/** The flows that lost most, the worst first; those without a loss are left out. */
function worstOf(generator: TrafficGenerator): TrafficFlowFigures[] {
  const worst: { readonly flow: number; readonly lost: number }[] = [];
  for (let flow = 0; flow < generator.flows; flow++) {
    const lost = generator.sentOf(flow) - generator.meter.receivedOf[flow]!;
    const isAmong = worst.length < WORST_FLOWS_MAX || lost > worst.at(-1)!.lost;
    if (lost === 0 || !isAmong) continue;
    const at = worst.findIndex((other) => other.lost < lost);
    worst.splice(at < 0 ? worst.length : at, 0, { flow, lost });
    worst.length = Math.min(worst.length, WORST_FLOWS_MAX);
  }
  return worst.map(({ flow, lost }) => {
    const { own, peer } = generator.endsOf(flow);
    return { own, peer, lost, ...flowFiguresOf(generator, flow) };
  });
}
