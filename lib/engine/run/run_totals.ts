/**
 * Keeps times and processor time of a run, and makes the summary and the figures from them.
 * @module
 */
import type { IkeEnv } from "@/ike/records/sa.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import process from "node:process";
import type { Clock } from "@/engine/run/clock.ts";
import type { Role, RunContext } from "@/engine/run/run_context.ts";
import { ownTunnels, type RunPlan } from "@/engine/run/plan.ts";
import type { SaCounts } from "@/engine/show/sa_list.ts";
import type { RunResult, RunSummary } from "@/engine/show/view.ts";
import type { PuzzleCounts } from "@/ike/admission.ts";
import type { Transport } from "@/transport/transport.ts";

/** The options of a run that are needed here. */
export interface TotalsOptions {
  readonly setupFileName: string;
  readonly plan: RunPlan;
  readonly env: IkeEnv;
  readonly transport: Transport;
  readonly notYet?: readonly string[];
}

/** The state of a run that is kept elsewhere. */
export interface StandingRun {
  readonly result: RunResult;
  readonly lastErrMsg: string;
  readonly sas: SaCounts;
}

/** Figures that are kept elsewhere: of the data path, of pings and of the kernel. */
type OfOtherParts =
  | "live"
  | "dataPath"
  | "packets"
  | "ping"
  | "pingsAnswered"
  | "traffic"
  | "trafficIn"
  | "movesLost"
  | "movesLostMax"
  | "neighbourOverflow"
  | "thresholds"
  | "storms"
  | "profiles"
  | "throttled";

/** Times are kept on the core's clock, and reported as milliseconds since 1970. */
export class RunTotals {
  /** Converts the core's time to milliseconds since 1970. */
  readonly toEpoch = (coreMs: number): number => coreMs + this.#epochOffset;
  readonly #options: TotalsOptions;
  readonly #clock: Clock;
  readonly #context: RunContext;
  readonly #role: Role;
  #epochOffset: number;
  #startMs: number;
  #endMs: number | undefined;
  #creationStartMs: number | undefined;
  #creationFinishMs: number | undefined;
  #cpuStartMs = 0;
  /** Processor time at the end of creation, from which the cost of a tunnel is computed. */
  #cpuCreationMs: number | undefined;
  #cpuEndMs: number | undefined;
  #deletesUnanswered: number | undefined;

  constructor(options: TotalsOptions, clock: Clock, context: RunContext, role: Role) {
    this.#options = options;
    this.#clock = clock;
    this.#context = context;
    this.#role = role;
    this.#startMs = clock.nowMs();
    this.#epochOffset = clock.epochMs() - this.#startMs;
  }

  /** Records the start of the run. */
  started(nowMs: number): void {
    this.#startMs = nowMs;
    this.#epochOffset = this.#clock.epochMs() - nowMs;
    this.#cpuStartMs = processorMs();
  }

  /** Records the start of a tunnel's IKE SA; the earliest is kept. */
  creationStarted(startedMs: number): void {
    if (this.#creationFinishMs !== undefined) return;
    this.#creationStartMs = Math.min(this.#creationStartMs ?? Infinity, startedMs);
  }

  /** Whether the last configured tunnel is established or given up. */
  get isCreated(): boolean {
    return this.#creationFinishMs !== undefined;
  }

  /** Records that the last configured tunnel is established or given up; only the first call counts. */
  creationFinished(nowMs: number): void {
    if (this.#creationFinishMs !== undefined) return;
    this.#creationFinishMs = nowMs;
    this.#cpuCreationMs = processorMs() - this.#cpuStartMs;
  }

  /** Records the end of the run. */
  ended(deletesUnanswered: number | undefined): void {
    this.#endMs = this.#clock.nowMs();
    this.#cpuEndMs = processorMs() - this.#cpuStartMs;
    this.#deletesUnanswered = deletesUnanswered;
  }

  /** Makes the {@linkcode RunSummary}. */
  summary({ result, lastErrMsg, sas }: StandingRun): RunSummary {
    const { plan, setupFileName } = this.#options;
    const { tally } = this.#context;
    return {
      role: plan.role,
      startEpochMs: this.toEpoch(this.#startMs),
      testEndEpochMs: plan.runningTimeMs > 0
        ? this.toEpoch(this.#startMs + plan.runningTimeMs)
        : undefined,
      actualEndEpochMs: this.#epoch(this.#endMs),
      creationStartEpochMs: this.#epoch(this.#creationStart()),
      creationFinishEpochMs: this.#epoch(this.#creationFinishMs),
      createDurationMs: this.#createDurationMs(),
      setupFileName,
      createdTunnels: tally.established,
      setupRate: this.#setupRate(),
      ikeSasByState: sas.byState,
      ikeSasTotal: sas.total,
      live: sas.live,
      hasChild: sas.hasChild,
      createdLive: sas.tunnels,
      configured: ownTunnels(plan),
      ...(plan.slice && { slice: plan.slice }),
      flapping: this.#role.flapping.down,
      result,
      lastErrMsg,
    };
  }

  /** All figures except those of SAs, the data path and pings: see {@linkcode RunFigures}. */
  figures(): Omit<RunFigures, OfOtherParts> {
    const { env, transport, notYet = [] } = this.#options;
    const { tally, loop } = this.#context;
    const role = this.#role;
    const { admission } = loop.endpoint;
    const nowMs = this.#endMs ?? this.#clock.nowMs();
    const elapsedMs = nowMs - this.#startMs;
    const cpuMs = this.#cpuEndMs ?? processorMs() - this.#cpuStartMs;
    const cpuOfTunnelsMs = this.#cpuCreationMs ?? cpuMs;
    return {
      created: role.created,
      established: tally.established,
      failed: tally.failed,
      retries: tally.retries,
      lost: tally.lost,
      halfOpen: role.halfOpen,
      retransmissions: loop.retransmissions,
      ikeRekeys: tally.ikeRekeys,
      childRekeys: tally.childRekeys,
      reauthentications: tally.reauthentications,
      redirections: tally.redirections,
      tickets: tally.tickets,
      resumptions: tally.resumptions,
      crashAnswers: loop.endpoint.crashAnswers.total,
      resumptionsRefused: tally.resumptionsRefused.figures(),
      ...tally.sas.figures(),
      flaps: role.flapping.flaps,
      rebuilds: role.flapping.rebuilds,
      setupRate: this.#setupRate(),
      recentRate: tally.recentRate(nowMs),
      isEnding: this.#context.ending,
      timeLeftMs: this.#timeLeftMs(nowMs),
      elapsedMs,
      ikeSaInitMs: tally.ikeSaInitMs.figures(),
      ikeAuthMs: tally.ikeAuthMs.figures(),
      ikeSessionResumeMs: tally.ikeSessionResumeMs.figures(),
      ikeIntermediateMs: tally.ikeIntermediateMs.figures(),
      setupMs: tally.setupMs.figures(),
      createChildMs: tally.createChildMs.figures(),
      followupKeMs: tally.followupKeMs.figures(),
      informationalMs: tally.informationalMs.figures(),
      setupAgainMs: tally.setupAgainMs.figures(),
      setupFromDueMs: tally.setupFromDueMs.figures(),
      failures: tally.failures(),
      suites: tally.suites.counts(),
      peers: tally.peers.counts(),
      vendorIds: tally.vendorIds.counts(),
      strangers: role.strangers,
      cookies: { asked: admission.cookiesAsked, automatic: admission.cookiesAutomatic },
      puzzles: puzzleFigures(admission.puzzles, tally.puzzles),
      drops: loop.endpoint.drops,
      datagramsSent: loop.datagramsSent - (transport.sendErrors?.unsentIke ?? 0),
      datagramsReceived: loop.datagramsReceived,
      sendErrors: transport.sendErrors?.figures() ?? [],
      impairment: transport.impairment ?? [],
      connections: transport.connections && { ...transport.connections.counters },
      keepalivesSent: transport.counters.keepalivesSent,
      keepalivesReceived: transport.counters.keepalives,
      deletesUnanswered: this.#deletesUnanswered,
      cpuMs,
      cpuMsPerTunnel: tally.established > 0 ? cpuOfTunnelsMs / tally.established : undefined,
      rssBytes: Deno.memoryUsage().rss,
      transport: transport.name,
      crypto: env.crypto.name,
      notYet,
    };
  }

  /** Milliseconds until the running time ends, or the time after creation; undefined: neither is known. */
  #timeLeftMs(nowMs: number): number | undefined {
    const { runningTimeMs, soakMs = Infinity } = this.#options.plan;
    const timeMs = runningTimeMs > 0 ? this.#startMs + runningTimeMs : Infinity;
    const endMs = Math.min(timeMs, (this.#creationFinishMs ?? Infinity) + soakMs);
    return endMs === Infinity ? undefined : Math.max(0, endMs - nowMs);
  }

  #createDurationMs(): number | undefined {
    const startMs = this.#creationStart();
    if (startMs === undefined) return undefined;
    return (this.#creationFinishMs ?? this.#endMs ?? this.#clock.nowMs()) - startMs;
  }

  /** The start of the first tunnel. A peer that is being set up may be it, or turn out to be a stranger. */
  #creationStart(): number | undefined {
    return this.#creationStartMs ?? this.#role.firstOnItsWayMs();
  }

  #setupRate(): number | undefined {
    const durationMs = this.#createDurationMs();
    const { plan } = this.#options;
    // Both the duration and the number of tunnels end with the last configured tunnel.
    const tunnels = Math.min(this.#context.tally.established, ownTunnels(plan));
    return tunnels > 0 && durationMs ? tunnels / (durationMs / 1_000) : undefined;
  }

  #epoch(coreMs: number | undefined): number | undefined {
    return coreMs === undefined ? undefined : this.toEpoch(coreMs);
  }
}

/** Puzzles that this end gave as a responder, and those that it got as an initiator. */
function puzzleFigures(
  { given, solved, unsolved, wrong }: PuzzleCounts,
  own: { readonly solved: number; readonly unsolved: number; readonly tries: number },
) {
  return {
    given,
    solved: solved + own.solved,
    unsolved: unsolved + own.unsolved,
    wrong,
    tries: own.tries,
  };
}

/** User and system time of the whole process so far, in milliseconds. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
