/**
 * The ping test of a run: which tasks begin when and by which carrier, and what is reported of them. `ping/`
 * makes the requests and judges the replies.
 * @module
 */
import { LastAnswers } from "@/engine/load/last_answers.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { PingFigures, PingTaskView } from "@/engine/show/ping_table.ts";
import { type IpAddress, isUnspecified, showAddress } from "@/base/address.ts";
import type { DataPath } from "@/datapath/data_path.ts";
import type { InnerEcho } from "@/datapath/inner_echo.ts";
import type { Clock } from "@/engine/run/clock.ts";
import { alarm, type RunContext } from "@/engine/run/run_context.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import { pingFiguresOf, worstLoss } from "@/engine/show/ping_figures.ts";
import type { PingPlan } from "@/engine/load/ping_plan.ts";
import { endsOfTask, endsOfTunnel, type TaskEnds, TunnelTasks } from "@/engine/load/task_ends.ts";
import { MoveLosses, type MoveLossFigures } from "@/engine/load/move_losses.ts";
import type { RunPlan } from "@/engine/run/plan.ts";

import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { PingCarrier } from "@/ping/carrier.ts";
import { Pinger } from "@/ping/pinger.ts";

/** Interval at which losses are checked, in milliseconds. */
const LOSS_EVERY_MS = 1_000;
/** The least number of judged requests for which a loss rate is reported. */
const JUDGED_MIN = 10;
/**
 * Delay of a gateway's first request, which must not overtake the message that establishes the tunnel at the
 * client.
 */
const GATEWAY_DELAY_MS = 200;

/** Opens sockets of the system for the pings of a plan. */
export type OpenPingSockets = (plan: PingPlan, failed: (error: unknown) => void) => PingCarrier;

/** The options of a ping test. */
export interface PingRunOptions {
  readonly context: RunContext;
  readonly clock: Clock;
  readonly plan: RunPlan;
  /** The plan; undefined: nothing is pinged, but pings of peers are answered. */
  readonly ping: PingPlan | undefined;
  readonly path: DataPath;
  /** Pings by inner packets; undefined: they go by sockets of the system. */
  readonly echo: InnerEcho | undefined;
  readonly openSockets: OpenPingSockets;
}

/** The ping test of one run. */
export class PingRun implements RunPart {
  readonly #options: PingRunOptions;
  readonly #echo: InnerEcho | undefined;
  readonly #carrier: PingCarrier | undefined;
  readonly #pinger: Pinger | undefined;
  #latencyMs = new Histogram();
  readonly #firstMs = new Histogram();
  /** When the tunnel of each task was established; at a gateway only for tasks whose tunnel is known. */
  readonly #upMs = new Map<number, number>();
  /** Addresses of tasks that are taken from their tunnels. */
  readonly #ends = new Map<number, TaskEnds>();
  /** The pinger's number of each task that was started. */
  readonly #started = new Map<number, number>();
  /** The task of each tunnel. */
  readonly #tasks = new WeakMap<IkeSa, number>();
  readonly #taskTable: TunnelTasks | undefined;
  /** The time from which tasks may start; Infinity: it is not known yet. */
  #fromMs = Infinity;
  #untold = 0;
  #isOver = false;
  /** The rest of {@linkcode PingRun.end}, while replies are awaited. */
  #last: LastAnswers | undefined;
  #wasAbove = false;
  #tasksAbove = 0;
  readonly #moveLosses = new MoveLosses();
  readonly #hold = alarm((nowMs) => this.#startAll(nowMs));
  readonly #beat = alarm(() => this.#pump());
  readonly #watch = alarm((nowMs) => this.#look(nowMs));

  /** @throws {SetupError} if sockets for it cannot be opened. */
  constructor(options: PingRunOptions) {
    const { ping, clock, context, openSockets } = options;
    this.#options = options;
    this.#echo = options.echo;
    if (!ping) return;
    this.#taskTable = new TunnelTasks(options.plan.role, ping);
    this.#carrier = this.#echo?.carrier(ping.shape) ??
      openSockets(ping, (e) => context.events.publish(1, `Pings get no replies any more: ${e}`));
    this.#pinger = new Pinger({
      carrier: this.#carrier,
      intervalMs: ping.intervalMs,
      tasks: ping.tasks,
      firstIdentifier: crypto.getRandomValues(new Uint16Array(1))[0]!,
      nowMs: () => clock.nowMs(),
      replied: (latencyMs) => this.#latencyMs.add(latencyMs),
      first: (sinceUpMs) => this.#firstMs.add(sinceUpMs),
      lost: (task, sentMs) => this.#moveLosses.lost(task, sentMs),
    });
  }

  readonly handlers: EffectHandlers = {
    established: (_, sa, nowMs) => this.#established(sa, nowMs),
    replaced: ({ by }, sa) => this.#replaced(sa, by),
    closed: (_, sa) => this.#closed(sa),
    moved: ({ sinceMs }, sa, nowMs) => {
      const task = this.#tasks.get(sa);
      const started = task === undefined ? undefined : this.#started.get(task);
      if (sinceMs === undefined || started === undefined) return;
      this.#moveLosses.moved(started, sinceMs, nowMs);
    },
  };

  /** Handles the start of the run, at which a gateway is ready. */
  begin(nowMs: number): void {
    const { ping, plan } = this.#options;
    if (!ping) return;
    if (ping.withTunnel) this.#fromMs = nowMs;
    else if (plan.role === "gateway") this.#holdFrom(nowMs);
    this.#watch.deadlineMs = nowMs + LOSS_EVERY_MS;
    this.#options.context.loop.arm(this.#watch);
  }

  /** Handles an established tunnel. */
  #established(sa: IkeSa, nowMs: number): void {
    const { ping } = this.#options;
    const task = this.#taskTable?.taskOf(sa);
    if (!ping || task === undefined || this.#isOver) return;
    this.#tasks.set(sa, task);
    if (!this.#upMs.has(task)) this.#upMs.set(task, nowMs);
    const started = this.#started.get(task);
    if (started !== undefined) {
      this.#pinger!.resume(started);
      return this.#pinger!.tunnelUp(started, nowMs);
    }
    if (this.#needsTunnel(ping)) this.#ends.set(task, endsOfTunnel(ping, task, sa));
    // Only tunnels that come after the start of all tasks, or start with their tunnel, continue here.
    if (nowMs < this.#fromMs) return;
    const delayMs = this.#options.plan.role === "gateway" ? GATEWAY_DELAY_MS : 0;
    this.#start(task, nowMs + delayMs);
    this.#beatAt(nowMs);
  }

  /** Handles a rekey, after which `by` is the tunnel's IKE SA. */
  #replaced(sa: IkeSa, by: IkeSa): void {
    const task = this.#tasks.get(sa);
    if (task !== undefined) this.#tasks.set(by, task);
  }

  /** Handles the end of a tunnel; one that is down on purpose is not pinged until it is established again. */
  #closed(sa: IkeSa): void {
    const task = this.#tasks.get(sa);
    const started = task !== undefined && this.#started.get(task);
    const wasToGo = this.#options.plan.role === "client"
      ? sa.closeCode === CloseCode.FLAPPED
      : sa.closeCode === CloseCode.DELETED_BY_PEER;
    if (wasToGo && typeof started === "number") this.#pinger!.pause(started);
  }

  /** Handles that all configured tunnels are established or given up. */
  creationFinished(nowMs: number): void {
    const { ping, plan } = this.#options;
    if (ping && !ping.withTunnel && plan.role === "client") this.#holdFrom(nowMs);
  }

  /** Handles the end of a turn: the data path has its SAs, so that traffic of new tunnels may start. */
  settled(nowMs: number): void {
    if (this.#pinger && this.#pinger.nextMs() <= nowMs && !this.#isOver) this.#pump();
  }

  /**
   * Stops sending. `done` is called when all replies have come or time is up: within the turn if nothing is
   * waited for, otherwise as {@linkcode LastAnswers} says.
   */
  end(nowMs: number, isPatient: boolean, done: () => void): void {
    const pinger = this.#pinger;
    const { context } = this.#options;
    this.#isOver = true;
    for (const one of [this.#hold, this.#beat, this.#watch]) one.deadlineMs = Infinity;
    pinger?.stop();
    this.#last = new LastAnswers(() => pinger?.outstanding ?? 0, () => {
      pinger?.judgeAll();
      if (pinger?.begun === 0) context.events.publish(3, "The test ended before its pings began");
      this.#tellLoss();
      done();
    });
    this.#last.begin(nowMs, isPatient, context.loop);
  }

  /** Ends the wait of {@linkcode PingRun.end} at once. */
  hurry(): void {
    this.#last?.hurry();
  }

  /** The reason why pings make the test fail; undefined: they do not. */
  shortfall(): string | undefined {
    const { ping, plan } = this.#options;
    if (!ping || !this.#pinger || plan.role !== "client") return undefined;
    const { received, lost } = this.#pinger.totals;
    const rate = rateOf(lost, received);
    if (rate <= ping.lossMax) return undefined;
    return `${percent(rate)} of the pings lost, more than maxlossrate ${ping.lossMax} %`;
  }

  /** Tasks in the order of their creation. */
  list(start: number, len: number): PingTaskView[] {
    const pinger = this.#pinger;
    if (!pinger) return [];
    const end = Math.min(pinger.table.count, len === 0 ? Infinity : start + len);
    const tasks: PingTaskView[] = [];
    for (let task = start; task < end; task++) {
      const { sent, received } = pinger.counts;
      const [own, peer] = pinger.endsOf(task);
      tasks.push({ own, peer, sent: sent[task]!, received: received[task]! });
    }
    return tasks;
  }

  /** Number of requests and replies of all tasks. */
  get totals(): { readonly sent: number; readonly received: number } {
    const { sent = 0, received = 0 } = this.#pinger?.totals ?? {};
    return { sent, received };
  }

  /** The figures of the ping test; see RunFigures. */
  figures(): PingFigures | undefined {
    const { ping } = this.#options;
    const pinger = this.#pinger;
    if (!ping || !pinger) return undefined;
    const latencyMs = this.#latencyMs.figures();
    const firstPacketMs = this.#firstMs.figures();
    const unsent = this.#carrier!.unsent;
    return pingFiguresOf(pinger, { ping, latencyMs, firstPacketMs, unsent });
  }

  /** The pings that moves have cost. */
  get moveLosses(): MoveLossFigures {
    return this.#moveLosses.figures;
  }

  /** Number of pings of peers that this process answered. */
  get answered(): number {
    return this.#echo?.answered ?? 0;
  }

  /** Sets all counters to zero; the time to the first packet of a tunnel stays. */
  clear(): void {
    this.#pinger?.clear();
    this.#latencyMs = new Histogram();
    this.#wasAbove = false;
    this.#tasksAbove = 0;
  }

  /** Closes the sockets; the data path removes the addresses. */
  async close(): Promise<void> {
    await this.#carrier?.close();
  }

  #holdFrom(nowMs: number): void {
    this.#hold.deadlineMs = nowMs + this.#options.ping!.holdMs;
    this.#options.context.loop.arm(this.#hold);
  }

  /** Starts the tasks one after the other when the hold time is over; later tunnels are started with them. */
  #startAll(nowMs: number): void {
    const { plan, context, ping } = this.#options;
    this.#hold.deadlineMs = Infinity;
    if (this.#isOver) return;
    this.#fromMs = nowMs;
    const ofTunnels = plan.role === "client" || this.#needsTunnel(ping!);
    const tasks = ofTunnels
      ? [...this.#upMs.keys()].sort((a, b) => a - b)
      : Array.from({ length: ping!.tasks }, (_, task) => task);
    tasks.forEach((task, i) => this.#start(task, nowMs + i * ping!.setupIntervalMs));
    context.events.milestone(`${this.#started.size} ping tasks start`);
    if (this.#untold > 0) {
      context.events.publish(
        2,
        `${this.#untold} ping tasks are left out: their ends are others' too`,
      );
    }
    this.#beatAt(nowMs);
  }

  #start(task: number, startMs: number): void {
    const { ping, path } = this.#options;
    const pinger = this.#pinger!;
    const ends = this.#ends.get(task) ?? endsOfTask(ping!, task);
    this.#ends.delete(task);
    if (ping!.assignsOwn && !isUnspecified(ends.own)) {
      path.addInnerAddress({ address: ends.own, bits: 8 * ends.own.length });
    }
    const started = pinger.add({ ...ends, upMs: this.#upMs.get(task) ?? NaN, startMs });
    if (started === undefined) this.#untold++;
    else this.#started.set(task, started);
  }

  /** Whether a task's addresses are only known with its tunnel. */
  #needsTunnel({ auto, own }: PingPlan): boolean {
    return auto || this.#echo !== undefined && isUnspecified(own);
  }

  #pump(): void {
    this.#pinger!.pump();
    this.#beatAt(this.#pinger!.nextMs());
  }

  #beatAt(deadlineMs: number): void {
    this.#beat.deadlineMs = deadlineMs;
    this.#options.context.loop.arm(this.#beat);
  }

  #look(nowMs: number): void {
    this.#watch.deadlineMs = nowMs + LOSS_EVERY_MS;
    this.#tellLoss();
  }

  /** Reports losses above what is permitted, over all tasks, whenever more tasks are affected. */
  #tellLoss(): void {
    const { ping, context } = this.#options;
    const pinger = this.#pinger;
    if (!ping || !pinger) return;
    const { received, lost } = pinger.totals;
    const rate = rateOf(lost, received);
    const isAbove = rate > ping.lossMax;
    const isSure = this.#isOver || lost + received >= JUDGED_MIN;
    if (isAbove && !this.#wasAbove && isSure) {
      this.#wasAbove = true;
      context.events.publish(
        2,
        `Ping loss ${percent(rate)} (${lost} of ${lost + received}) is above maxlossrate ` +
          `${ping.lossMax} %`,
      );
    } else if (!isAbove && this.#wasAbove) {
      this.#wasAbove = false;
      context.events.milestone(`Ping loss ${percent(rate)} is within maxlossrate again`);
    }
    const { above, first } = worstLoss(pinger, ping.lossMax, this.#isOver ? 1 : JUDGED_MIN);
    if (above <= 2 * this.#tasksAbove || first === undefined) return;
    this.#tasksAbove = above;
    const [own, peer] = pinger.endsOf(first);
    const { counts } = pinger;
    const judged = counts.received[first]! + counts.lost[first]!;
    context.events.publish(
      2,
      `${above} of ${pinger.begun} ping tasks lose more than ${ping.lossMax} %, for example ` +
        `${showEnd(own)} → ${showAddress(peer)}: ${counts.lost[first]} of ${judged}`,
    );
  }
}

function rateOf(lost: number, received: number): number {
  return lost === 0 ? 0 : 100 * lost / (lost + received);
}

function percent(rate: number): string {
  return `${Math.round(rate * 100) / 100} %`;
}

function showEnd(address: IpAddress): string {
  return isUnspecified(address) ? "any" : showAddress(address);
}
