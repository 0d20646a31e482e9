/**
 * A test that runs: a client or a gateway with one loop of the core, from its start to its result. It only
 * puts the parts of a run together.
 * @module
 */
import { ownTunnels, type RunPlan } from "@/engine/run/plan.ts";
import { WHOLE } from "@/base/slice.ts";
import { KeyStock } from "@/crypto/key_stock.ts";
import { Client } from "@/engine/load/client.ts";
import { Gateway } from "@/engine/load/gateway.ts";
import { PingRun } from "@/engine/load/ping_run.ts";
import { allProbes } from "@/engine/load/probes.ts";
import { TrafficRun } from "@/engine/load/traffic_run.ts";
import { InnerEcho } from "@/datapath/inner_echo.ts";
import { Storms } from "@/engine/load/storms.ts";
import { Throttling } from "@/engine/load/throttling.ts";
import { ChildHistory } from "@/engine/run/child_history.ts";
import { ChildPaths } from "@/engine/run/child_paths.ts";
import { CoreLoop, type LoopListener } from "@/engine/run/core_loop.ts";
import { Recorders } from "@/engine/run/hooks.ts";
import { MissingChildren } from "@/engine/run/missing_children.ts";
import { tunnelOfDatagram } from "@/engine/run/datagram_tunnel.ts";
import { EventWriter } from "@/engine/run/event_writer.ts";
import { NeighbourWatch } from "@/engine/run/neighbour_watch.ts";
import { RunParts } from "@/engine/run/part.ts";
import { PathCommands } from "@/engine/run/path_commands.ts";
import { Profiles } from "@/engine/run/profiles.ts";
import { Rekeys } from "@/engine/run/rekeys.ts";
import type { TicketStore } from "@/engine/run/ticket_file.ts";
import { TicketKeeper } from "@/engine/run/ticket_keeper.ts";
import { RunTotals } from "@/engine/run/run_totals.ts";
import { alarm, onceAt, type Role, type RunContext } from "@/engine/run/run_context.ts";
import { RunEnd } from "@/engine/run/run_end.ts";
import { completed, type CompleteOptions, type TestRunOptions } from "@/engine/run/run_options.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import { type SaCounts, SaList } from "@/engine/show/sa_list.ts";
import { brokenMeanwhile, judge } from "@/engine/show/thresholds.ts";
import { setUpIsOver } from "@/engine/show/run_words.ts";
import { Tally } from "@/engine/show/tally.ts";
import type { FinalResult, RunSummary } from "@/engine/show/view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import type { Failure } from "@/ike/records/failure.ts";
import type { Setup } from "@/setup/setup.ts";
import type { Datagram } from "@/transport/transport.ts";

/** Interval at which the kernel's neighbour tables are read while a test runs, in milliseconds. */
const NEIGHBOURS_MS = 5_000;
/** Interval at which the thresholds are checked while a test runs, in milliseconds. */
const THRESHOLDS_MS = 1_000;

/** One run; nothing happens before {@linkcode TestRun.start}. */
export class TestRun implements RunContext, LoopListener {
  readonly setup: Setup;
  readonly events: EventHub;
  /** Resolves once, at the end; never rejects. */
  readonly finalResult: Promise<FinalResult>;
  readonly loop: CoreLoop;
  readonly tally = new Tally();
  /** The lists of its IKE SAs and CHILD_SAs. */
  readonly sas: SaList;
  /** Its ping test. */
  readonly ping: PingRun;
  /** Its test traffic; undefined: it has none. */
  readonly traffic: TrafficRun | undefined;
  /** The requested rekeys. */
  readonly rekeys: Rekeys;
  readonly datagram: LoopListener["datagram"];
  readonly #options: CompleteOptions;
  readonly #role: Role;
  readonly #parts = new RunParts();
  readonly #missing = new MissingChildren();
  readonly #paths: ChildPaths;
  readonly #eventWriter: EventWriter;
  readonly #totals: RunTotals;
  readonly #neighbours: NeighbourWatch;
  readonly #throttling: Throttling;
  readonly #storms: Storms;
  #profiles: Profiles | undefined;
  #areAllCreated = false;
  readonly #end: RunEnd;
  #resolve: (result: FinalResult) => void = () => {};

  constructor(options: TestRunOptions) {
    this.#options = completed(options);
    const { setup, events, plan, clock, hooks, readNeighbours, openDataPath } = this.#options;
    this.setup = setup;
    this.events = events;
    this.finalResult = new Promise((resolve) => this.#resolve = resolve);
    const record = hooks.datagram;
    this.datagram = record &&
      ((sent, octets, path, nowMs) => {
        const tunnel = tunnelOfDatagram(this.loop.endpoint, sent, octets);
        record({ sent, octets, path, epochMs: this.#totals.toEpoch(nowMs), tunnel });
      });
    this.#neighbours = new NeighbourWatch(readNeighbours);
    this.#paths = new ChildPaths(openDataPath, new PathCommands(this));
    this.loop = this.#newLoop();
    this.#role = plan.role === "client"
      ? new Client(this, plan)
      : new Gateway(this, plan, this.#options.counts);
    this.#throttling = new Throttling({
      halfOpen: () => this.#role.halfOpen,
      isPressed: () => this.#role.isPressed,
      say: (level, text) => events.publish(level, text),
    });
    this.#storms = new Storms(this, {
      plans: plan.storms ?? [],
      isTunnel: (sa) => this.#role.isTunnel(sa),
      reconnects: this.#role.reconnects,
    });
    this.#totals = new RunTotals(options, clock, this, this.#role);
    const history = new ChildHistory(plan.childHistoryMax);
    this.sas = new SaList({
      endpoint: this.loop.endpoint,
      history,
      nowMs: () => clock.nowMs(),
      toEpoch: this.#totals.toEpoch,
      isOver: () => this.loop.isStopped,
    });
    this.rekeys = new Rekeys(this.loop, this.sas);
    const { inner } = this.#paths.path;
    const echo = inner && new InnerEcho(inner);
    this.ping = this.#newPing(echo);
    this.traffic = this.#newTraffic(echo);
    this.#end = this.#newEnd();
    // This part is first, as an effect may lead others to end the run.
    if (hooks.tunnels) {
      const { role, tunnels, slice = WHOLE } = plan;
      const { toEpoch } = this.#totals;
      const isEnding = () => this.ending;
      const trafficOf = (tunnel: number) => this.traffic?.ofTunnel(tunnel);
      this.#parts.add(
        hooks.tunnels.part({ role, tunnels, slice, isEnding, toEpoch, trafficOf }),
      );
    }
    // The parts that count tunnels handle an effect before those that act on it.
    this.#parts.add(
      this.tally,
      this.tally.sas,
      this.#role,
      this.ping,
      this.#paths,
      this.rekeys,
      this.#storms,
    );
    if (this.traffic) this.#parts.add(this.traffic);
    if (this.tickets) this.#parts.add(new TicketKeeper(this.tickets));
    this.#parts.add(this.#missing, history, new Recorders(hooks, this.#totals.toEpoch));
    this.#eventWriter = new EventWriter(events, this.#role);
    this.#parts.add(this.#eventWriter);
    this.#parts.add(...this.#options.parts ?? []);
    // A gateway does not dial, and its strangers are counted separately.
    if (plan.role === "client") this.#parts.add(this.#throttling);
  }

  /** Its plan. */
  get plan(): RunPlan {
    return this.#options.plan;
  }

  /** See {@linkcode RunContext}. */
  get tickets(): TicketStore | undefined {
    return this.#options.tickets;
  }

  /** See {@linkcode RunContext}. */
  get ending(): boolean {
    return this.#end.hasBegun;
  }

  /** Starts the run: the client dials, the gateway listens, the running time begins. */
  start(): void {
    const { runningTimeMs } = this.#options.plan;
    const tellsNeighbours = this.#neighbours.begin();
    this.loop.turn((nowMs) => {
      this.#totals.started(nowMs);
      if (runningTimeMs > 0) this.#endAt(nowMs + runningTimeMs);
      this.#watchThresholds(nowMs);
      if (tellsNeighbours) this.#watchNeighbours(nowMs);
      this.#storms.begin(nowMs);
      this.#role.begin(nowMs);
      this.ping.begin(nowMs);
      this.traffic?.begin(nowMs);
    });
  }

  /** See {@linkcode RunEnd.stop}. */
  stop(gracefully: boolean): void {
    this.#end.stop(gracefully);
  }

  /** The summary of the run for the API. */
  summary(): RunSummary {
    const { result, firstError } = this.#end;
    const lastErrMsg = firstError || this.#role.trouble() || this.#missing.first;
    return this.#totals.summary({ result, lastErrMsg, sas: this.#counts() });
  }

  /** The present figures of the run. */
  figures(): RunFigures {
    const { path } = this.#paths;
    const measured = {
      ...this.#totals.figures(),
      live: this.#counts().tunnels,
      dataPath: path.kind,
      packets: path.totals(),
      ping: this.ping.figures(),
      pingsAnswered: this.ping.answered,
      ...this.ping.moveLosses,
      traffic: this.traffic?.figures(),
      trafficIn: this.traffic?.incoming(),
      neighbourOverflow: this.#neighbours.overflow,
      storms: this.#storms.figures(),
      profiles: this.#profiles?.counts() ?? new Map(),
      throttled: this.#throttling.figures(),
    };
    const { plan } = this.#options;
    const { thresholds: rules } = plan;
    const tunnels = ownTunnels(plan);
    const verdicts = this.#end.verdicts ?? judge(rules, { figures: measured, tunnels });
    return { ...measured, thresholds: { rules, tunnels, verdicts } };
  }

  /** See {@linkcode LoopListener}. */
  effect(effect: IkeEffect, sa: IkeSa | undefined, nowMs: number): void {
    this.#parts.tell(effect, sa, nowMs);
  }

  /** See {@linkcode LoopListener}. */
  admits({ octets }: Datagram): boolean {
    // While the test ends no new peer is admitted: an SPIr of zero means IKE_SA_INIT.
    return !this.ending || octets.subarray(8, 16).some((octet) => octet !== 0);
  }

  /** See {@linkcode LoopListener}. */
  settled(): void {
    this.#paths.path.flush();
    const nowMs = this.#options.clock.nowMs();
    this.ping.settled(nowMs);
    this.traffic?.settled(nowMs);
  }

  /** See {@linkcode LoopListener}. */
  broken(error: unknown): void {
    this.#options.aborting?.();
    this.#end.broken(error);
  }

  /** See {@linkcode RunContext}. */
  tunnelFailed(failure: Failure, words: string): void {
    this.tally.countFailure(failure.cause, () => words);
    this.events.publish(2, words);
    this.#end.firstError ||= words;
    if (!this.#options.plan.abortOnError) return;
    this.#options.aborting?.();
    this.#end.begin("aborted");
  }

  /** See {@linkcode RunContext}. */
  creationStarted(startedMs: number): void {
    this.#totals.creationStarted(startedMs);
    this.#throttling.begun(startedMs);
  }

  /** See {@linkcode RunContext}. */
  creationFinished(nowMs: number): void {
    if (this.#totals.isCreated) return;
    this.#totals.creationFinished(nowMs);
    if (this.plan.shard) return this.#options.created?.();
    const { established, failed } = this.tally;
    this.events.milestone(setUpIsOver({ established, failed }));
    this.allCreated(nowMs);
  }

  /** Begins what waits for the tunnels of all workers. */
  allCreated(nowMs: number): void {
    if (this.#areAllCreated) return;
    this.#areAllCreated = true;
    this.#totals.creationFinished(nowMs);
    this.ping.creationFinished(nowMs);
    this.traffic?.creationFinished(nowMs);
    this.#storms.creationFinished(nowMs);
    const { soakMs } = this.#options.plan;
    if (soakMs !== undefined) this.#endAt(nowMs + soakMs);
  }

  /** See {@linkcode RunContext}. */
  nothingLeft(): void {
    const words =
      "The test ends: no tunnel is live, and none is left to be tried (with --hold its " +
      "API goes on)";
    if (!this.ending) this.events.publish(3, words);
    this.#end.begin("nothing-left");
  }

  /** Ends the run at a time, unless it has ended before. */
  #endAt(atMs: number): void {
    this.loop.arm(onceAt(atMs, () => this.#end.begin("time")));
  }

  /** Reports during the run that the kernel cannot resolve the hosts of its links. */
  #watchNeighbours(nowMs: number): void {
    const watch = alarm((atMs) => {
      const words = this.#neighbours.look();
      if (words) return this.events.publish(2, words[0]!.toUpperCase() + words.slice(1));
      watch.deadlineMs = atMs + NEIGHBOURS_MS;
      this.loop.arm(watch);
    });
    watch.deadlineMs = nowMs + NEIGHBOURS_MS;
    this.loop.arm(watch);
  }

  /** Ends the run at the first threshold that is broken, if the setup wants that. */
  #watchThresholds(nowMs: number): void {
    const { plan } = this.#options;
    const { thresholds, abortOnFail } = plan;
    const tunnels = ownTunnels(plan);
    if (!abortOnFail || thresholds.length === 0 || plan.slice || plan.shard) return;
    const watch = alarm((atMs) => {
      const broken = brokenMeanwhile(thresholds, { figures: this.figures(), tunnels });
      if (broken) return this.#end.thresholdBroken(broken);
      watch.deadlineMs = atMs + THRESHOLDS_MS;
      this.loop.arm(watch);
    });
    watch.deadlineMs = nowMs + THRESHOLDS_MS;
    this.loop.arm(watch);
  }

  #newLoop(): CoreLoop {
    const { env, config, plan, transport, clock, computeMax } = this.#options;
    const stock = plan.keys && new KeyStock(env.crypto, plan.keys);
    // The group of the first tries is known before any of them.
    stock?.backend.keyExchange(config.algorithms.groups[0]!);
    const { profiles = [] } = this.#options;
    const division = profiles.length > 0
      ? new Profiles(profiles.map((one) => ({ ...one, config: traced(one.config, this.events) })))
      : undefined;
    if (division) this.#parts.add(this.#profiles = division);
    return new CoreLoop({
      configOf: division && ((index) => division.of(index).config),
      env: stock ? { ...env, crypto: stock.backend } : env,
      keyStock: stock,
      config: traced(config, this.events),
      answers: plan.role === "gateway",
      transport,
      clock,
      listener: this,
      computeMax,
      silenceMs: ({ spiIn }) => this.#paths.path.silenceMs(spiIn),
    });
  }

  #newPing(echo: InnerEcho | undefined): PingRun {
    const { plan, ping, clock, openPingSockets: openSockets } = this.#options;
    const { path } = this.#paths;
    return new PingRun({ context: this, clock, plan, ping, path, echo, openSockets });
  }

  #newTraffic(echo: InnerEcho | undefined): TrafficRun | undefined {
    const { plan: { role }, traffic, clock, openTrafficSockets: openSockets } = this.#options;
    const { path } = this.#paths;
    return traffic &&
      new TrafficRun({ context: this, clock, role, traffic, path, echo, openSockets });
  }

  #newEnd(): RunEnd {
    return new RunEnd({
      context: this,
      plan: this.#options.plan,
      role: this.#role,
      probes: allProbes(this.traffic ? [this.ping, this.traffic] : [this.ping]),
      neighbours: this.#neighbours,
      parts: this.#parts,
      nowMs: () => this.#options.clock.nowMs(),
      over: (deletesUnanswered) => {
        this.rekeys.over();
        this.#eventWriter.over();
        this.#storms.over();
        this.#totals.ended(deletesUnanswered);
      },
      elapsedMs: () => this.#totals.figures().elapsedMs,
      judge: () => this.figures().thresholds.verdicts,
      finished: () => this.#close(),
    });
  }

  #counts(): SaCounts {
    return this.sas.counts((sa) => this.#role.isTunnel(sa));
  }

  /** Closes what is open, after the last responses are sent. */
  #close(): void {
    const final = { result: this.#end.result, summary: this.summary(), figures: this.figures() };
    // A socket that a worker closes would change to which of the others the kernel steers datagrams.
    Promise.resolve(this.#options.mayClose?.())
      .then(() => this.#options.transport.close()).catch(() => {})
      .then(() => this.ping.close())
      .then(() => this.traffic?.close())
      .then(() => this.#paths.path.close())
      .catch((e) => this.events.publish(2, `The data path is not closed: ${e}`))
      .then(() => this.#resolve(final));
  }
}

/** The configuration with `trace` set exactly while decoded messages are read. */
function traced(config: IkeConfig, events: EventHub): IkeConfig {
  const own = { ...config };
  Object.defineProperty(own, "trace", { get: () => events.wants(5), enumerable: true });
  return own;
}
