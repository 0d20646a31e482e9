/**
 * The test traffic of a run: which tunnels send when and by which carrier, and what is reported of it.
 * `traffic/` makes the packets and judges them.
 * @module
 */
import { LastAnswers } from "@/engine/load/last_answers.ts";
import { isUnspecified, showAddress } from "@/base/address.ts";
import type { DataPath } from "@/datapath/data_path.ts";
import type { InnerEcho } from "@/datapath/inner_echo.ts";
import type { Probe } from "@/engine/load/probes.ts";
import { endsOfTunnel, TunnelTasks } from "@/engine/load/task_ends.ts";
import type { TrafficPlan } from "@/engine/load/traffic_plan.ts";
import { type Clock, epochUs, hostClockId } from "@/engine/run/clock.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import { alarm, onceAt, type RunContext } from "@/engine/run/run_context.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import {
  flowFiguresOf,
  incomingFiguresOf,
  trafficFiguresOf,
  type TrafficSamples,
} from "@/engine/show/flow_figures.ts";
import type { FlowFigures, IncomingFigures, TrafficFigures } from "@/engine/show/flow_table.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { TrafficCarrier } from "@/traffic/carrier.ts";
import { TrafficGenerator } from "@/traffic/generator.ts";
import type { Phase } from "@/traffic/phases.ts";

/** Interval at which packets that did not come back are counted, in milliseconds. */
const LOOK_EVERY_MS = 500;
/** The shortest pause between two times at which packets are sent. */
const PAUSE_MS = 1;
/**
 * Delay of a gateway's first packet, which must not overtake the message that establishes the tunnel at the
 * client.
 */
const GATEWAY_DELAY_MS = 200;

/** Opens sockets of the system for traffic at a port. */
export type OpenTrafficSockets = (
  port: number,
  failed: (error: unknown) => void,
) => TrafficCarrier;

/** The options of the traffic of a run. */
export interface TrafficRunOptions {
  readonly context: RunContext;
  readonly clock: Clock;
  readonly role: "client" | "gateway";
  readonly traffic: TrafficPlan;
  readonly path: DataPath;
  /** Carries it as inner packets; undefined: it goes by sockets of the system. */
  readonly echo: InnerEcho | undefined;
  readonly openSockets: OpenTrafficSockets;
}

/** The traffic of one run. */
export class TrafficRun implements RunPart, Probe {
  readonly #options: TrafficRunOptions;
  readonly #carrier: TrafficCarrier;
  readonly #generator: TrafficGenerator;
  readonly #tasks: TunnelTasks;
  readonly #samples: TrafficSamples = {
    latency: new Histogram(),
    jitter: new Histogram(),
    phases: {
      setup: new Histogram(),
      rekey: new Histogram(),
      move: new Histogram(),
      outage: new Histogram(),
    },
    came: new Histogram(),
    cameJitter: new Histogram(),
  };
  /** The flow of each task, and of each tunnel by its index. */
  readonly #flowOf = new Map<number, number>();
  readonly #flowOfTunnel = new Map<number, number>();
  readonly #flowOfSa = new WeakMap<IkeSa, number>();
  /** Flows whose tunnel is established, until traffic begins. */
  readonly #waiting = new Set<number>();
  /** Flows whose tunnel is closed. */
  readonly #down = new Set<number>();
  /** Tunnels whose destination nobody told. */
  #aimless = 0;
  #mayBegin = false;
  #isCreated = false;
  #beganMs: number | undefined;
  #stoppedMs: number | undefined;
  #isOver = false;
  #last: LastAnswers | undefined;
  readonly #beat = alarm(() => this.#pump());
  readonly #watch = alarm((nowMs) => {
    this.#watch.deadlineMs = nowMs + LOOK_EVERY_MS;
    this.#generator.look();
  });

  /** @throws {SetupError} if sockets for it cannot be opened. */
  constructor(options: TrafficRunOptions) {
    const { traffic, clock, context, echo, role, openSockets } = options;
    this.#options = options;
    this.#tasks = new TunnelTasks(role, traffic);
    const failed = (e: unknown) =>
      context.events.publish(1, `Traffic is not received any more: ${e}`);
    this.#carrier = echo?.traffic(traffic.port) ?? openSockets(traffic.port, failed);
    const { latency, jitter, phases, came, cameJitter } = this.#samples;
    this.#generator = new TrafficGenerator({
      carrier: this.#carrier,
      rate: traffic.rate,
      isEach: traffic.isEach,
      sizes: traffic.sizes,
      returns: traffic.returns,
      flowsMax: traffic.tasks,
      tag: crypto.getRandomValues(new Uint16Array(1))[0]!,
      clock: hostClockId(),
      nowMs: () => clock.nowMs(),
      nowUs: () => epochUs(clock),
      returned: (ms, phase) => {
        latency.add(ms);
        if (phase) phases[phase].add(ms);
      },
      jitter: (ms) => jitter.add(ms),
      came: (ms) => came.add(ms),
      cameJitter: (ms) => cameJitter.add(ms),
    });
  }

  readonly handlers: EffectHandlers = {
    established: (_, sa, nowMs) => this.#established(sa, nowMs),
    replaced: ({ by }, sa, nowMs) => {
      const flow = this.#flowOfSa.get(sa);
      if (flow === undefined) return;
      this.#flowOfSa.set(by, flow);
      this.#happens(flow, "rekey", nowMs);
    },
    child_up: ({ by, old }, _, nowMs) => {
      const flow = this.#flowOfSa.get(by.parent);
      if (flow !== undefined && old) this.#happens(flow, "rekey", nowMs);
    },
    moved: ({ sinceMs }, sa, nowMs) => {
      const flow = this.#flowOfSa.get(sa);
      if (flow !== undefined && sinceMs !== undefined) this.#happens(flow, "move", nowMs);
    },
    closed: (_, sa) => this.#closed(sa),
  };

  /** Handles the start of the run. */
  begin(nowMs: number): void {
    const { traffic, role, context } = this.#options;
    this.#mayBegin = traffic.withTunnel || role === "gateway";
    this.#watch.deadlineMs = nowMs + LOOK_EVERY_MS;
    context.loop.arm(this.#watch);
    context.loop.armExactly(this.#beat);
  }

  /** Handles that all configured tunnels are established or given up. */
  creationFinished(nowMs: number): void {
    this.#isCreated = true;
    for (const flow of this.#flowOf.values()) {
      if (!this.#down.has(flow)) this.#generator.phases.close(flow);
    }
    this.#mayBegin = true;
    for (const flow of this.#waiting) this.#resume(flow, nowMs);
    this.#waiting.clear();
  }

  /** Handles the end of a turn: the data path has its SAs, so that traffic of new tunnels may start. */
  settled(nowMs: number): void {
    if (!this.#isOver && this.#beat.deadlineMs <= nowMs) this.#pump();
  }

  end(nowMs: number, isPatient: boolean, done: () => void): void {
    const generator = this.#generator;
    const { context } = this.#options;
    this.#isOver = true;
    this.#stop(nowMs);
    this.#watch.deadlineMs = Infinity;
    this.#last = new LastAnswers(() => generator.outstanding, () => {
      generator.judgeAll();
      this.#tell();
      done();
    });
    this.#last.begin(nowMs, isPatient, context.loop);
  }

  hurry(): void {
    this.#last?.hurry();
  }

  shortfall(): string | undefined {
    const { traffic: { lossMax, rate, returns }, role } = this.#options;
    if (role !== "client" || !rate || !returns) return undefined;
    const { received, lost } = this.#generator;
    const percent = lost === 0 ? 0 : 100 * lost / (lost + received);
    if (percent <= lossMax) return undefined;
    return `${Math.round(100 * percent) / 100} % of the traffic did not come back, more than ` +
      `trafficconf.maxlossrate ${lossMax} %`;
  }

  /** The figures of what this end sent; undefined: it sends nothing. */
  figures(): TrafficFigures | undefined {
    if (!this.#options.traffic.rate) return undefined;
    return trafficFiguresOf(this.#generator, {
      samples: this.#samples,
      unsent: this.#carrier.unsent,
      returns: this.#options.traffic.returns,
      sendingMs: this.#sendingMs(),
      isJudged: this.#last?.isOver === true,
    });
  }

  /** The figures of what the other ends sent. */
  incoming(): IncomingFigures {
    return incomingFiguresOf(this.#generator.incoming, this.#samples);
  }

  /** The figures of a tunnel by its number; undefined: it had no traffic. */
  ofTunnel(index: number): FlowFigures | undefined {
    const flow = this.#flowOfTunnel.get(index);
    return flow === undefined ? undefined : flowFiguresOf(this.#generator, flow);
  }

  /** Closes the sockets; the data path removes the addresses. */
  async close(): Promise<void> {
    await this.#carrier.close();
  }

  #established(sa: IkeSa, nowMs: number): void {
    const task = this.#tasks.taskOf(sa);
    if (task === undefined || this.#isOver) return;
    const known = this.#flowOf.get(task);
    const flow = known ?? this.#newFlow(task, sa);
    if (flow === undefined) return;
    this.#flowOfSa.set(sa, flow);
    this.#flowOfTunnel.set(sa.index, flow);
    if (this.#down.delete(flow)) this.#happens(flow, "outage", nowMs);
    if (!this.#mayBegin) return void this.#waiting.add(flow);
    if (this.#options.role === "client") return this.#resume(flow, nowMs);
    const { loop } = this.#options.context;
    loop.arm(onceAt(nowMs + GATEWAY_DELAY_MS, (atMs) => this.#resume(flow, atMs)));
  }

  #newFlow(task: number, sa: IkeSa): number | undefined {
    const { traffic, path } = this.#options;
    const { own, peer } = endsOfTunnel(traffic, task, sa);
    if (isUnspecified(peer)) return void this.#aimless++;
    if (traffic.assignsOwn && !isUnspecified(own)) {
      path.addInnerAddress({ address: own, bits: 8 * own.length });
    }
    const flow = this.#generator.add({ own, peer });
    this.#flowOf.set(task, flow);
    if (!this.#isCreated && this.#options.role === "client") {
      this.#generator.phases.begin(flow, "setup");
    }
    return flow;
  }

  #resume(flow: number, nowMs: number): void {
    const { traffic: { durationMs }, context } = this.#options;
    if (this.#isOver || this.#stoppedMs !== undefined || this.#down.has(flow)) return;
    if (this.#beganMs === undefined) {
      this.#beganMs = nowMs;
      if (durationMs > 0) context.loop.arm(onceAt(nowMs + durationMs, (at) => this.#stop(at)));
    }
    this.#generator.resume(flow);
    this.#beatAt(nowMs);
  }

  /** Handles the end of a tunnel. What was on its way, and what follows until it is up again, is of the outage. */
  #closed(sa: IkeSa): void {
    const flow = this.#flowOfSa.get(sa);
    const { role } = this.#options;
    if (flow === undefined || this.#isOver || sa.closeCode === CloseCode.REKEYED) return;
    if (sa.closeCode === CloseCode.REAUTHENTICATED && this.#isBeside(sa, flow)) return;
    this.#down.add(flow);
    this.#waiting.delete(flow);
    this.#generator.phases.begin(flow, "outage");
    const wasToGo = role === "client"
      ? sa.closeCode === CloseCode.FLAPPED
      : sa.closeCode === CloseCode.DELETED_BY_PEER;
    if (wasToGo || role === "gateway") this.#generator.pause(flow);
  }

  /** Whether another IKE SA carries the tunnel already (`reauthmode: make`). */
  #isBeside(sa: IkeSa, flow: number): boolean {
    const { endpoint } = this.#options.context.loop;
    for (const other of endpoint.bySpi.values()) {
      if (other !== sa && other.phase === "established" && this.#flowOfSa.get(other) === flow) {
        return true;
      }
    }
    return false;
  }

  #happens(flow: number, phase: Phase, nowMs: number): void {
    if (!this.#down.has(flow)) this.#generator.phases.begin(flow, phase, nowMs);
  }

  #stop(nowMs: number): void {
    if (this.#stoppedMs !== undefined) return;
    this.#stoppedMs = nowMs;
    this.#generator.stop();
    this.#beat.deadlineMs = Infinity;
  }

  #sendingMs(): number {
    if (this.#beganMs === undefined) return 0;
    return (this.#stoppedMs ?? this.#options.clock.nowMs()) - this.#beganMs;
  }

  #pump(): void {
    this.#generator.pump();
    const { clock } = this.#options;
    this.#beatAt(Math.max(this.#generator.nextMs(), clock.nowMs() + PAUSE_MS));
  }

  #beatAt(deadlineMs: number): void {
    this.#beat.deadlineMs = deadlineMs;
    this.#options.context.loop.armExactly(this.#beat);
  }

  /** Reports at the end what the figures alone do not explain. */
  #tell(): void {
    const { context: { events }, traffic } = this.#options;
    if (this.#aimless > 0) {
      events.publish(
        2,
        `${this.#aimless} tunnels had no traffic: their remote selectors hold any address; set ` +
          "trafficconf.destaddr",
      );
    }
    if (traffic.rate && this.#generator.sent === 0) {
      events.publish(3, "The test ended before its traffic began");
    }
    const { behind, received, sent } = this.#generator;
    if (behind > 0) {
      events.publish(
        3,
        `${behind} packets of traffic were due and were not sent, as this process came too late: ` +
          "the rate is more than it can send",
      );
    }
    if (!traffic.returns || sent === 0 || received > 0) return;
    const { own, peer } = this.#generator.endsOf(0);
    events.publish(
      2,
      `Nothing of the traffic came back, for example ${showAddress(own)} → ${showAddress(peer)}: ` +
        `the other end needs a myikev2 with trafficconf, or myikev2 echosvr, at UDP port ${traffic.port}`,
    );
  }
}
