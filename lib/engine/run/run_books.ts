/**
 * The books of a run: its times, its processor time, and the answers that are made of them.
 * @module
 */
import type { IkeEnv } from "@/ike/records/sa.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import process from "node:process";
import type { Clock } from "@/engine/run/clock.ts";
import type { Floor, Role } from "@/engine/run/run_context.ts";
import type { RunPlan } from "@/engine/run/plan.ts";
import type { SaCounts } from "@/engine/show/sa_list.ts";
import type { RunResult, RunSummary } from "@/engine/show/view.ts";
import type { Transport } from "@/transport/transport.ts";

/** What the books take from the options of a run. */
export interface BooksOptions {
  readonly setupFileName: string;
  readonly plan: RunPlan;
  readonly env: IkeEnv;
  readonly transport: Transport;
  readonly notYet?: readonly string[];
}

/** How a run stands, as far as it is not of these books. */
export interface StandingRun {
  readonly result: RunResult;
  readonly lastErrMsg: string;
  readonly sas: SaCounts;
}

/** Figures that the books do not have: of the data path, of pings and of the kernel. */
type OfOtherParts =
  | "live"
  | "dataPath"
  | "packets"
  | "ping"
  | "pingsAnswered"
  | "neighbourOverflow";

/** Times are kept on the core's clock and told as milliseconds since 1970. */
export class RunBooks {
  /** From the core's clock to milliseconds since 1970. */
  readonly toEpoch = (coreMs: number): number => coreMs + this.#epochOffset;
  readonly #options: BooksOptions;
  readonly #clock: Clock;
  readonly #floor: Floor;
  readonly #role: Role;
  #epochOffset: number;
  #startMs: number;
  #endMs: number | undefined;
  #creationStartMs: number | undefined;
  #creationFinishMs: number | undefined;
  #cpuStartMs = 0;
  /** At the end of creation, for the cost of a tunnel. */
  #cpuCreationMs: number | undefined;
  #cpuEndMs: number | undefined;
  #deletesUnanswered: number | null = null;

  constructor(options: BooksOptions, clock: Clock, floor: Floor, role: Role) {
    this.#options = options;
    this.#clock = clock;
    this.#floor = floor;
    this.#role = role;
    this.#startMs = clock.nowMs();
    this.#epochOffset = clock.epochMs() - this.#startMs;
  }

  /** The run begins. */
  started(nowMs: number): void {
    this.#startMs = nowMs;
    this.#epochOffset = this.#clock.epochMs() - nowMs;
    this.#cpuStartMs = processorMs();
  }

  /** An IKE SA of a tunnel began at `startedMs`: the earliest counts. */
  creationStarted(startedMs: number): void {
    if (this.#creationFinishMs !== undefined) return;
    this.#creationStartMs = Math.min(this.#creationStartMs ?? Infinity, startedMs);
  }

  /** The last configured tunnel is up or given up; only the first call counts. */
  creationFinished(nowMs: number): void {
    if (this.#creationFinishMs !== undefined) return;
    this.#creationFinishMs = nowMs;
    this.#cpuCreationMs = processorMs() - this.#cpuStartMs;
  }

  /** The run is over. */
  ended(deletesUnanswered: number | null): void {
    this.#endMs = this.#clock.nowMs();
    this.#cpuEndMs = processorMs() - this.#cpuStartMs;
    this.#deletesUnanswered = deletesUnanswered;
  }

  /** See {@linkcode RunSummary}. */
  summary({ result, lastErrMsg, sas }: StandingRun): RunSummary {
    const { plan, setupFileName } = this.#options, { tally } = this.#floor;
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
      configured: plan.tunnels,
      flapping: this.#role.flapping.down,
      result,
      lastErrMsg,
    };
  }

  /** All figures that are not of SAs, of the data path or of pings: see {@linkcode RunFigures}. */
  figures(): Omit<RunFigures, OfOtherParts> {
    const { env, transport, plan, notYet = [] } = this.#options;
    const { tally, loop } = this.#floor, role = this.#role, { admission } = loop.endpoint;
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
      ...tally.sas.figures(),
      flaps: role.flapping.flaps,
      rebuilds: role.flapping.rebuilds,
      setupRate: this.#setupRate(),
      recentRate: tally.recentRate(nowMs),
      timeLeftMs: plan.runningTimeMs > 0 ? Math.max(0, plan.runningTimeMs - elapsedMs) : undefined,
      elapsedMs,
      ikeSaInitMs: tally.ikeSaInitMs.figures(),
      ikeAuthMs: tally.ikeAuthMs.figures(),
      setupMs: tally.setupMs.figures(),
      failures: tally.failures(),
      strangers: role.strangers,
      cookies: { asked: admission.cookiesAsked, automatic: admission.cookiesAutomatic },
      drops: loop.endpoint.drops,
      datagramsSent: loop.datagramsSent - (transport.sendErrors?.unsentIke ?? 0),
      datagramsReceived: loop.datagramsReceived,
      sendErrors: transport.sendErrors?.figures() ?? [],
      impairment: transport.impairment ?? [],
      connections: transport.connections ? { ...transport.connections.counters } : null,
      keepalivesSent: transport.counters.keepalivesSent,
      keepalivesReceived: transport.counters.keepalives,
      deletesUnanswered: this.#deletesUnanswered,
      cpuMs,
      cpuMsPerTunnel: tally.established > 0 ? cpuOfTunnelsMs / tally.established : null,
      rssBytes: Deno.memoryUsage().rss,
      transport: transport.name,
      crypto: env.crypto.name,
      notYet,
    };
  }

  #createDurationMs(): number | undefined {
    const startMs = this.#creationStart();
    if (startMs === undefined) return undefined;
    return (this.#creationFinishMs ?? this.#endMs ?? this.#clock.nowMs()) - startMs;
  }

  /** A peer on its way may be the first tunnel; that it was a stranger shows later. */
  #creationStart(): number | undefined {
    return this.#creationStartMs ?? this.#role.firstOnItsWayMs();
  }

  #setupRate(): number | null {
    const durationMs = this.#createDurationMs(), { plan } = this.#options;
    // The duration stands still when the last configured tunnel is up: so does what it is of.
    const tunnels = Math.min(this.#floor.tally.established, plan.tunnels);
    return tunnels > 0 && durationMs ? tunnels / (durationMs / 1_000) : null;
  }

  #epoch(coreMs: number | undefined): number | undefined {
    return coreMs === undefined ? undefined : this.toEpoch(coreMs);
  }
}

/** User and system time of the whole process so far. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
