/**
 * The JSON result of a run: one object, documented in `docs/results.md`. Written also when a test
 * fails, is stopped, or never began because its setup was refused.
 * @module
 */
import { isUnspecified, showAddress } from "@/base/address.ts";
import type { SetupError } from "@/base/errors.ts";
import { SaTally } from "@/engine/show/sa_tally.ts";
import {
  type CountedCauses,
  type FinalResult,
  type LatencyFigures,
  type PingFigures,
  type PingTaskFigures,
  RUN_RESULT_NAMES,
  type RunFigures,
  type SaFigures,
} from "@/engine/show/view.ts";

/** Percentiles in milliseconds; all null without a sample. */
export interface LatencyResult {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** What the ping test came to; figures are those since the counters were cleared. */
export interface PingResultJson {
  readonly tasks: number;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly lossPercent: number | null;
  readonly burstMax: number;
  readonly tasksAbove: number;
  readonly duplicates: number;
  readonly late: number;
  readonly reordered: number;
  readonly altered: number;
  readonly unsent: number;
  readonly latencyMs: LatencyResult;
  readonly firstPacketMs: LatencyResult;
  /** Tasks that lose most, at most ten. */
  readonly worst: readonly PingTaskJson[];
}

/** One ping task. */
export interface PingTaskJson {
  /** Null: left to the system, and no reply has told it. */
  readonly from: string | null;
  readonly to: string;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly burstMax: number;
  readonly latencyMs: LatencyResult;
  readonly firstPacketMs: number | null;
}

/** The object itself. */
export interface RunResultJson {
  readonly result: "passed" | "failed" | "stopped";
  /** The first reason of a failure; null when there is none. */
  readonly error: string | null;
  /** Every error of a refused setup, with its position; empty otherwise. */
  readonly setupErrors: readonly string[];
  readonly role: "client" | "gateway" | null;
  readonly setup: string | null;
  readonly tunnels: {
    readonly configured: number | null;
    readonly established: number;
    readonly failed: number;
    readonly lost: number;
  };
  readonly retries: number;
  /** Tunnels per second over the whole creation. */
  readonly setupRate: number | null;
  readonly retransmissions: number;
  /** SAs that were replaced, by whichever end. */
  readonly rekeys: {
    readonly ike: number;
    readonly child: number;
    /** Rekeys of ours that came to nothing, by cause. */
    readonly refused: SaFigures["rekeysRefused"];
    /** SAs that outlived their lifetime, as an exchange that replaces them was under way. */
    readonly overtime: SaFigures["overtime"];
  };
  /** CHILD_SAs beside the first that were refused, and those that are gone without another. */
  readonly children: { readonly refused: CountedCauses; readonly lost: CountedCauses };
  /** Requests of authenticated peers that this end refused, by cause. */
  readonly refusals: SaFigures["refusals"];
  /** IKE SAs that ended because their peer came back and said INITIAL_CONTACT. */
  readonly displaced: number;
  /** Flapping: how often a tunnel was torn down on purpose, and how often one was up again then. */
  readonly flaps: { readonly down: number; readonly up: number };
  readonly latencyMs: {
    readonly ikeSaInit: LatencyResult;
    readonly ikeAuth: LatencyResult;
    readonly setup: LatencyResult;
  };
  readonly failures: readonly {
    readonly cause: string;
    readonly count: number;
    readonly example: string;
  }[];
  /** Gateway: peers that did not authenticate, by cause; they are no tunnels of the test. */
  readonly strangers: readonly {
    readonly cause: string;
    readonly count: number;
    readonly example: string;
  }[];
  /** Gateway: cookies that were asked for, and those of them for which the load alone asked. */
  readonly cookies: { readonly asked: number; readonly automatic: number };
  /** Datagrams that cost a counter and nothing else, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** `kernel`, `userland` or `none`. */
  readonly dataPath: string | null;
  /** All packets of CHILD_SAs; null where the kernel keeps the books, or nothing carries any. */
  readonly packets: {
    readonly sent: number;
    readonly received: number;
    readonly octetsSent: number;
    readonly octetsReceived: number;
    /** Packets that went no further, by cause. */
    readonly drops: Readonly<Record<string, number>>;
  } | null;
  readonly datagrams: {
    readonly sent: number;
    readonly received: number;
    /** What the system refused to send, and what ICMP says of what was sent, by cause. */
    readonly sendErrors: FinalResult["figures"]["sendErrors"];
    /** The kernel's neighbour table; null: it was never full while the test ran. */
    readonly neighbourOverflow: FinalResult["figures"]["neighbourOverflow"];
  };
  /** What the rules of `impairment` did, in their order; empty: none does anything. */
  readonly impairment: FinalResult["figures"]["impairment"];
  /** TCP connections (RFC 9329) by what became of them; null where there is only UDP. */
  readonly connections: FinalResult["figures"]["connections"];
  /** NAT-T keepalives; they count as no datagram. */
  readonly keepalives: { readonly sent: number; readonly received: number };
  /** The ping test; no tasks where none is configured, or none began. */
  readonly ping: PingResultJson;
  /** Pings of the other ends that were answered in this process. */
  readonly pingsAnswered: number;
  readonly deletesUnanswered: number | null;
  /** From start to end; null where it never started. */
  readonly durationSec: number | null;
  readonly cpuMsPerTunnel: number | null;
  readonly rssBytes: number;
  readonly transport: string | null;
  readonly cryptoBackend: string | null;
  readonly notYet: readonly string[];
}

/** The result of a run that took place. */
export function resultOf(final: FinalResult): RunResultJson {
  const { summary, figures } = final;
  const name = RUN_RESULT_NAMES[final.result] as "passed" | "failed" | "stopped";
  return {
    result: name,
    error: summary.lastErrMsg || null,
    setupErrors: [],
    role: summary.role,
    setup: summary.setupFileName,
    tunnels: {
      configured: summary.configured,
      established: figures.established,
      failed: figures.failed,
      lost: figures.lost,
    },
    retries: figures.retries,
    setupRate: rounded(figures.setupRate),
    retransmissions: figures.retransmissions,
    ...saResult(figures),
    flaps: { down: figures.flaps, up: figures.rebuilds },
    latencyMs: {
      ikeSaInit: latency(figures.ikeSaInitMs),
      ikeAuth: latency(figures.ikeAuthMs),
      setup: latency(figures.setupMs),
    },
    failures: figures.failures,
    strangers: figures.strangers,
    cookies: { ...figures.cookies },
    drops: Object.fromEntries(figures.drops),
    dataPath: figures.dataPath,
    packets: figures.packets && {
      sent: figures.packets.packetsOut,
      received: figures.packets.packetsIn,
      octetsSent: figures.packets.octetsOut,
      octetsReceived: figures.packets.octetsIn,
      drops: figures.packets.drops,
    },
    datagrams: {
      sent: figures.datagramsSent,
      received: figures.datagramsReceived,
      sendErrors: figures.sendErrors,
      neighbourOverflow: figures.neighbourOverflow,
    },
    impairment: figures.impairment.map((counts) => ({ ...counts })),
    connections: figures.connections,
    keepalives: { sent: figures.keepalivesSent, received: figures.keepalivesReceived },
    ping: pingResult(figures.ping ?? NO_PING),
    pingsAnswered: figures.pingsAnswered,
    deletesUnanswered: figures.deletesUnanswered,
    durationSec: rounded(figures.elapsedMs / 1000),
    cpuMsPerTunnel: rounded(figures.cpuMsPerTunnel),
    rssBytes: figures.rssBytes,
    transport: figures.transport,
    cryptoBackend: figures.crypto,
    notYet: figures.notYet,
  };
}

/** The result of a run that never began. */
export function refusedResult(
  errors: readonly (SetupError | Error)[],
  setup: string | null,
): RunResultJson {
  const none = { p50: null, p90: null, p99: null, max: null };
  return {
    result: "failed",
    error: errors[0]?.message ?? "Cannot start",
    setupErrors: errors.map((e) => e.message),
    role: null,
    setup,
    tunnels: { configured: null, established: 0, failed: 0, lost: 0 },
    retries: 0,
    setupRate: null,
    retransmissions: 0,
    ...saResult({ ikeRekeys: 0, childRekeys: 0, sas: new SaTally().figures() }),
    flaps: { down: 0, up: 0 },
    latencyMs: { ikeSaInit: none, ikeAuth: none, setup: none },
    failures: [],
    strangers: [],
    cookies: { asked: 0, automatic: 0 },
    drops: {},
    dataPath: null,
    packets: null,
    datagrams: { sent: 0, received: 0, sendErrors: [], neighbourOverflow: null },
    impairment: [],
    connections: null,
    keepalives: { sent: 0, received: 0 },
    ping: pingResult(NO_PING),
    pingsAnswered: 0,
    deletesUnanswered: null,
    durationSec: null,
    cpuMsPerTunnel: null,
    rssBytes: Deno.memoryUsage().rss,
    transport: null,
    cryptoBackend: null,
    notYet: [],
  };
}

/** What became of SAs that were up. */
function saResult(
  { ikeRekeys, childRekeys, sas }: Pick<RunFigures, "ikeRekeys" | "childRekeys" | "sas">,
): Pick<RunResultJson, "rekeys" | "children" | "refusals" | "displaced"> {
  const { rekeysRefused: refused, overtime, childrenRefused, childrenLost } = sas;
  return {
    rekeys: { ike: ikeRekeys, child: childRekeys, refused, overtime },
    children: { refused: childrenRefused, lost: childrenLost },
    refusals: sas.refusals,
    displaced: sas.displaced,
  };
}

const NO_PING: PingFigures = {
  ...{ tasks: 0, sent: 0, received: 0, lost: 0, lossPercent: null, burstMax: 0, tasksAbove: 0 },
  ...{ duplicates: 0, late: 0, reordered: 0, altered: 0, unsent: 0 },
  ...{ latencyMs: null, firstPacketMs: null, worst: [] },
};

function pingResult(ping: PingFigures): PingResultJson {
  const { tasks, sent, received, lost, burstMax, tasksAbove } = ping;
  const { duplicates, late, reordered, altered, unsent } = ping;
  return {
    ...{
      tasks,
      sent,
      received,
      lost,
      lossPercent: rounded(ping.lossPercent),
      burstMax,
      tasksAbove,
    },
    ...{ duplicates, late, reordered, altered, unsent },
    latencyMs: latency(ping.latencyMs),
    firstPacketMs: latency(ping.firstPacketMs),
    worst: ping.worst.map(pingTask),
  };
}

function pingTask(task: PingTaskFigures): PingTaskJson {
  const { own, peer, sent, received, lost, burstMax } = task;
  return {
    from: isUnspecified(own) ? null : showAddress(own),
    to: showAddress(peer),
    ...{ sent, received, lost, burstMax },
    latencyMs: latency(task.latencyMs),
    firstPacketMs: rounded(task.firstPacketMs),
  };
}

function latency(figures: LatencyFigures | null): LatencyResult {
  if (!figures) return { p50: null, p90: null, p99: null, max: null };
  const { p50, p90, p99, max } = figures;
  return { p50: rounded(p50), p90: rounded(p90), p99: rounded(p99), max: rounded(max) };
}

/** Three decimals are a microsecond of a millisecond figure: enough, and short. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 1000;
}
