/**
 * A test that runs: a client or a gateway over one loop of the core, from its start to its result.
 * It does what the loop leaves to it: books, events, recorders, the end.
 * @module
 */
import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingTaskView } from "@/engine/show/ping_table.ts";
import { type Path, showEndpoint, showPath } from "@/base/address.ts";
import { showSpi32, showSpi64 } from "@/base/bytes.ts";
import { showDuration } from "@/base/duration.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import type { NeighbourTable } from "@/datapath/neighbour_table.ts";
import { NoDataPath } from "@/datapath/no_data_path.ts";
import { ChildHistory } from "@/engine/run/child_history.ts";
import { type ChildPathOwner, ChildPaths, type OpenDataPath } from "@/engine/run/child_paths.ts";
import { Client } from "@/engine/load/client.ts";
import { type Clock, systemClock } from "@/engine/run/clock.ts";
import { CoreLoop, type LoopListener } from "@/engine/run/core_loop.ts";
import { Ending } from "@/engine/run/ending.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import { alarm, type Floor, type Role } from "@/engine/run/run_context.ts";
import { Gateway } from "@/engine/load/gateway.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import { MissingChildren } from "@/engine/run/missing_children.ts";
import type { PingPlan } from "@/engine/load/ping_plan.ts";
import { type OpenPingSockets, PingRun } from "@/engine/load/ping_run.ts";
import { NeighbourWatch } from "@/engine/run/neighbour_watch.ts";
import type { RunPlan } from "@/engine/run/plan.ts";
import { RunBooks } from "@/engine/run/run_books.ts";
import { childDumpOf, dumpOf, isLive, showChildren, showSa } from "@/engine/show/sa_view.ts";
import { type SaCounts, SaList } from "@/engine/show/sa_list.ts";
import { RekeyWaiters } from "@/engine/run/rekey_waiters.ts";
import { Tally } from "@/engine/show/tally.ts";
import {
  type ChildSaDump,
  type FinalResult,
  type IkeSaDump,
  type IkeSaSummary,
  type PoolUsage,
  type RekeyIkeOutcome,
  type RekeyOutcome,
  RUN_RESULT_NAMES,
  RunResult,
  type RunSummary,
  type RunView,
} from "@/engine/show/view.ts";
import { ExchangeType, nameOfExchange } from "@/iana/exchange_type.ts";
import type { ChildSa, IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { dispatch } from "@/ike/endpoint.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";
import { isReplaced, isStranger, ownSpi } from "@/ike/records/ike_sa.ts";
import { hearTraffic } from "@/ike/window/lifetime.ts";
import type { AddressPool } from "@/ike/records/pool.ts";
import type { Setup } from "@/setup/setup.ts";
import type { Datagram, Transport } from "@/transport/transport.ts";
import { showMessage } from "@/wire/show.ts";

/** WebCrypto works on threads of its own: enough jobs for all of them. */
const COMPUTE_MAX = Math.max(4, 2 * navigator.hardwareConcurrency);

/** What those hear who wait for the rekey of a CHILD_SA that is deleted before. */
const DELETED_CHILD = {
  cause: "CLOSED",
  closeCode: CloseCode.OPEN,
  text: "The CHILD_SA was deleted meanwhile",
};

/** What a run is made of. */
export interface TestRunOptions {
  readonly setup: Setup;
  readonly setupFileName: string;
  readonly plan: RunPlan;
  /** `trace` is not looked at: messages are decoded when a reader of events wants them. */
  readonly config: IkeConfig;
  /** May be shared with other runs of this process. */
  readonly env: IkeEnv;
  /** Open already; the run closes it at its end. */
  readonly transport: Transport;
  /** Its maker ends it, after the result. */
  readonly events: EventHub;
  readonly hooks?: RunHooks;
  /** Absent: CHILD_SAs are negotiated and listed, and nothing carries packets. */
  readonly openDataPath?: OpenDataPath;
  /** Absent: nothing is pinged. */
  readonly ping?: PingPlan | undefined;
  /** What pings go by where the data path takes no packets of ours. */
  readonly openPingSockets?: OpenPingSockets;
  /** The kernel's neighbour tables; absent: they are not looked at. */
  readonly readNeighbours?: () => readonly NeighbourTable[];
  readonly clock?: Clock;
  /** Asymmetric jobs at a time, where the crypto backend answers by promise. */
  readonly computeMax?: number;
  readonly notYet?: readonly string[];
}

/** Why a run ends. */
type EndKind = "time" | "nothing-left" | "stopped" | "aborted" | "broken";

/** See {@linkcode RunView}; nothing happens before {@linkcode start}. */
export class TestRun implements RunView, Floor, LoopListener, ChildPathOwner {
  readonly setup: Setup;
  readonly events: EventHub;
  readonly finalResult: Promise<FinalResult>;
  readonly loop: CoreLoop;
  readonly tally = new Tally();
  readonly #childRekeys = new RekeyWaiters<ChildSa, { kind: "done" }>((child) => child.parent);
  readonly #ikeRekeys = new RekeyWaiters<IkeSa, { kind: "done"; spi: bigint }>((sa) => sa);
  readonly #missing = new MissingChildren();
  readonly #history: ChildHistory;
  readonly datagram: LoopListener["datagram"];
  ending = false;
  readonly #options: TestRunOptions;
  readonly #role: Role;
  readonly #clock: Clock;
  readonly #paths: ChildPaths;
  readonly #ping: PingRun;
  readonly #books: RunBooks;
  readonly #neighbours: NeighbourWatch;
  readonly #sas: SaList;
  #ending: Ending | undefined;
  #result: RunResult = RunResult.RUNNING;
  #over = false;
  #firstError = "";
  #resolve: (result: FinalResult) => void = () => {};

  constructor(options: TestRunOptions) {
    const { setup, events, plan, env, transport, clock = systemClock, computeMax = COMPUTE_MAX } =
      options;
    const record = options.hooks?.datagram;
    this.datagram = record &&
      ((sent, octets, path, nowMs) => record(sent, octets, path, this.#books.toEpoch(nowMs)));
    this.#options = options;
    this.#clock = clock;
    this.#history = new ChildHistory(plan.childHistoryMax);
    this.setup = setup;
    this.#neighbours = new NeighbourWatch(options.readNeighbours ?? (() => []));
    this.events = events;
    this.finalResult = new Promise((resolve) => this.#resolve = resolve);
    this.#paths = new ChildPaths(options.openDataPath ?? (() => new NoDataPath()), this);
    this.loop = new CoreLoop({
      env,
      config: traced(options.config, events),
      answers: plan.role === "gateway",
      transport,
      clock,
      listener: this,
      computeMax,
      silenceMs: ({ spiIn }) => this.#paths.path.silenceMs(spiIn),
    });
    this.#role = plan.role === "client" ? new Client(this, plan) : new Gateway(this, plan);
    this.#books = new RunBooks(options, clock, this, this.#role);
    this.#sas = new SaList({
      endpoint: this.loop.endpoint,
      history: this.#history,
      nowMs: () => clock.nowMs(),
      toEpoch: this.#books.toEpoch,
    });
    const openSockets = options.openPingSockets ?? (() => {
      throw new SetupError("Cannot ping: nothing carries packets");
    });
    const { path } = this.#paths, { ping } = options;
    this.#ping = new PingRun({ floor: this, clock, plan, ping, path, openSockets });
  }

  /** Begins: the client dials, the gateway listens, the running time runs. */
  start(): void {
    const { runningTimeMs } = this.#options.plan;
    this.#neighbours.begin();
    this.loop.turn((nowMs) => {
      this.#books.started(nowMs);
      if (runningTimeMs > 0) {
        const end = alarm(() => this.#end("time"));
        end.deadlineMs = nowMs + runningTimeMs;
        this.loop.arm(end);
      }
      this.#role.begin(nowMs);
      this.#ping.begin(nowMs);
    });
  }

  stop(gracefully: boolean): void {
    if (this.#over) return;
    this.loop.turn(() => {
      if (this.ending) return this.#ending ? this.#ending.cut() : this.#ping.hurry();
      this.#end("stopped", gracefully);
    });
  }

  summary(): RunSummary {
    const lastErrMsg = this.#firstError || this.#role.trouble() || this.#missing.first;
    return this.#books.summary({ result: this.#result, lastErrMsg, sas: this.#counts() });
  }

  figures(): RunFigures {
    const { path } = this.#paths, ping = this.#ping;
    return {
      ...this.#books.figures(),
      live: this.#counts().tunnels,
      dataPath: path.kind,
      packets: path.totals() ?? null,
      ping: ping.figures(),
      pingsAnswered: ping.answered,
      neighbourOverflow: this.#neighbours.overflow ?? null,
    };
  }

  pings(start: number, len: number): PingTaskView[] {
    return this.#ping.list(start, len);
  }

  pingTotals(): { readonly sent: number; readonly received: number } {
    const { sent, received } = this.#ping.totals;
    return { sent, received };
  }

  clearPings(): void {
    this.#ping.clear();
  }

  listIkeSas(start: number, len: number): IkeSaSummary[] {
    return this.#sas.ikeSas(start, len);
  }

  ikeSa(spi: bigint): IkeSaDump | undefined {
    const sa = this.loop.endpoint.bySpi.get(spi);
    if (sa && !this.#over) hearTraffic(sa, this.#clock.nowMs());
    return this.#sas.ikeSa(spi);
  }

  childSas(ikeSpi: bigint): number[] | undefined {
    return this.#sas.childSas(ikeSpi);
  }

  childSa(spi: number): ChildSaDump | undefined {
    return this.#sas.childSa(spi);
  }

  poolUsage(): { readonly v4: PoolUsage | undefined; readonly v6: PoolUsage | undefined } {
    const { pools } = this.loop.endpoint.env;
    const usage = (pool: AddressPool | undefined) =>
      pool && { start: pool.plan.first, assigned: pool.leased.size };
    return { v4: usage(pools?.v4), v6: usage(pools?.v6) };
  }

  rekeyChild(spi: number): Promise<RekeyOutcome> {
    const child = this.#sas.ownChild(spi);
    if (!child) {
      const kind = this.#history.get(spi) ? "not_established" : "unknown";
      return Promise.resolve({ kind });
    }
    if (this.#over || child.state !== "established" || !isLive(child.parent)) {
      return Promise.resolve({ kind: "not_established" });
    }
    const outcome = this.#childRekeys.awaited(child);
    this.loop.turn(() => this.loop.command(child.parent, { kind: "rekey_child", child }));
    return outcome;
  }

  rekeyIke(spi: bigint): Promise<RekeyIkeOutcome> {
    const sa = this.loop.endpoint.bySpi.get(spi);
    if (!sa) return Promise.resolve({ kind: "unknown" });
    if (this.#over || !isLive(sa)) return Promise.resolve({ kind: "not_established" });
    const outcome = this.#ikeRekeys.awaited(sa);
    this.loop.turn(() => this.loop.command(sa, { kind: "rekey_ike" }));
    return outcome;
  }

  /** See {@linkcode LoopListener}. */
  admits({ octets }: Datagram): boolean {
    // While the test ends nobody new is let in: an SPIr of zero is an IKE_SA_INIT request.
    return !this.ending || octets.subarray(8, 16).some((octet) => octet !== 0);
  }

  /** See {@linkcode LoopListener}. */
  settled(): void {
    this.#paths.path.flush();
    this.#ping.settled(this.#clock.nowMs());
  }

  /** See {@linkcode ChildPathOwner}. */
  installFailed(child: ChildSa, why: string): void {
    this.loop.turn(() => this.loop.command(child.parent, { kind: "install_failed", child, why }));
  }

  /** See {@linkcode ChildPathOwner}: somebody took its states away, so others are made. */
  wanted(child: ChildSa): void {
    this.#renew(child, "is not in the data path, and traffic wants it");
  }

  /** See {@linkcode ChildPathOwner}. */
  spent(child: ChildSa, hard: boolean): void {
    if (!hard) return this.#renew(child, "comes to the end of its packets or octets");
    this.loop.turn(() => this.loop.command(child.parent, { kind: "child_spent", child }));
  }

  /** See {@linkcode ChildPathOwner}. */
  peerMoved(child: ChildSa, path: Path): void {
    this.loop.turn(() => this.loop.command(child.parent, { kind: "esp_moved", path }));
  }

  #counts(): SaCounts {
    return this.#sas.counts((sa) => this.#role.isTunnel(sa));
  }

  #renew(child: ChildSa, why: string): void {
    if (this.#over || child.state !== "established" || !isLive(child.parent)) return;
    this.events.publish(3, () => `CHILD_SA ${showSpi32(child.spiIn)} ${why}: it is rekeyed`);
    this.loop.turn(() => this.loop.command(child.parent, { kind: "rekey_child", child }));
  }

  /** See {@linkcode ChildPathOwner}. */
  note(level: 1 | 2 | 3 | 4, text: string): void {
    this.events.publish(level, text);
  }

  /** See {@linkcode LoopListener}. */
  effect(effect: IkeEffect, sa: IkeSa | undefined, nowMs: number): void {
    this.tally.sas.effect(effect, sa);
    switch (effect.kind) {
      case "keyed":
        return this.#options.hooks?.ikeKeyed?.(dumpOf(sa!, this.#books.toEpoch));
      case "install":
        this.#paths.install(effect.child, effect.old, sa!);
        return this.#options.hooks?.childKeyed?.(childDumpOf(effect.child, this.#books.toEpoch));
      case "send_by":
        return this.#paths.sendBy(effect.child);
      case "uninstall":
        this.#paths.uninstall(effect.child);
        // Its rekey, if one was asked for, is told of before where it has been replaced.
        this.#childRekeys.failed(effect.child, DELETED_CHILD);
        return this.#history.keep(effect.child);
      case "answered":
        if (effect.exchange === ExchangeType.IKE_SA_INIT) {
          this.tally.ikeSaInitMs.add(effect.latencyMs);
        } else if (effect.exchange === ExchangeType.IKE_AUTH) {
          this.tally.ikeAuthMs.add(effect.latencyMs);
        }
        return;
      case "established":
        this.#role.established(sa!, nowMs);
        return this.#ping.established(sa!, nowMs);
      case "child_failed":
        return this.tunnelFailed(
          effect.failure,
          `No CHILD_SA: ${effect.failure.text}, ${showSa(sa!)}`,
        );
      case "closed":
        this.#role.closed(sa!, nowMs);
        this.#ping.closed(sa!);
        this.#paths.closed(sa!);
        this.#childRekeys.closed(sa!);
        this.#ikeRekeys.closed(sa!);
        this.#missing.closed(sa!);
        if (!isReplaced(sa!)) this.#history.dropped(sa!);
        return this.#ending?.closed(sa!, effect.unanswered, nowMs);
      case "replaced":
        this.#role.replaced(sa!, effect.by);
        this.#history.moved(sa!, effect.by);
        this.#ping.replaced(sa!, effect.by);
        this.#missing.replaced(sa!, effect.by);
        this.#paths.replaced(sa!, effect.by);
        this.#ending?.replaced(sa!, effect.by);
        this.tally.ikeRekeys++;
        this.#ikeRekeys.done(sa!, { kind: "done", spi: ownSpi(effect.by) });
        return this.events.publish(
          4,
          () => `IKE SA rekeyed: ${showSpi64(ownSpi(sa!))} is ${showSpi64(ownSpi(effect.by))} now`,
        );
      case "moved":
        this.#paths.moved(sa!);
        return this.events.publish(4, () => showMove(sa!, effect.from));
      case "child_up":
        if (effect.old) this.tally.childRekeys++;
        else this.#missing.up(sa!);
        this.#childRekeys.done(effect.old, { kind: "done" });
        return this.events.publish(4, () => showChildUp(effect.by, effect.old));
      case "create_child_failed":
        this.#childRekeys.failed(effect.old, effect.failure);
        if (!effect.old) this.#missing.refused(sa!, effect.failure);
        return this.#rekeyFailed(effect.failure, sa);
      case "rekey_ike_failed":
        this.#ikeRekeys.failed(sa, effect.failure);
        return this.#rekeyFailed(effect.failure, sa);
      case "child_lost":
        return this.events.publish(effect.left ? 3 : 2, () => effect.failure.text + aboutSa(sa));
      case "refused": {
        const { failure: { cause, text }, exchange } = effect;
        const what = `Refused ${nameOfExchange(exchange)} of the peer (${cause})`;
        return this.events.publish(3, () => `${what}: ${text}${aboutSa(sa)}`);
      }
      case "dropped":
        return this.events.publish(5, () => `Dropped: ${effect.reason}${aboutSa(sa)}`);
      case "trace":
        return this.events.publish(5, () => showTrace(effect));
      case "note":
        if (sa && isStranger(sa)) {
          return this.#role.strangerSaid(effect.level, effect.text + aboutSa(sa), nowMs);
        }
        return this.events.publish(effect.level, () => effect.text + aboutSa(sa));
    }
  }

  /** What the peer will take later is a warning; what it refuses for good may lose the tunnel. */
  #rekeyFailed({ cause, text }: Failure, sa: IkeSa | undefined): void {
    const level = cause === "TEMPORARY_FAILURE" ? 3 : 2;
    this.events.publish(level, () => text + aboutSa(sa));
  }

  /** See {@linkcode LoopListener}: the run cannot go on, not even to say goodbye. */
  broken(error: unknown): void {
    const known = error instanceof SystemError || error instanceof SetupError;
    const message = error instanceof Error ? error.message : String(error);
    const words = known ? message : `Internal error: ${message}`;
    const stack = !known && error instanceof Error ? `\n${error.stack}` : "";
    this.events.publish(1, `The test cannot go on: ${words}${stack}`);
    this.#firstError ||= words;
    if (this.ending) return this.#finish(RunResult.FAILED, null);
    this.#end("broken", false);
  }

  /** See {@linkcode Floor}. */
  tunnelFailed(failure: Failure, words: string): void {
    this.tally.countFailure(failure.cause, () => words);
    this.events.publish(2, words);
    this.#firstError ||= words;
    if (this.#options.plan.abortOnError) this.#end("aborted");
  }

  /** See {@linkcode Floor}. */
  creationStarted(startedMs: number): void {
    this.#books.creationStarted(startedMs);
  }

  /** See {@linkcode Floor}. */
  creationFinished(nowMs: number): void {
    this.#books.creationFinished(nowMs);
    this.#ping.creationFinished(nowMs);
  }

  /** See {@linkcode Floor}. */
  nothingLeft(): void {
    if (!this.ending) {
      const words = "The test ends: no tunnel is live, and none is left to be tried (with --hold " +
        "its API goes on)";
      this.events.publish(3, words);
    }
    this.#end("nothing-left");
  }

  /** Pings get their last replies first, where the tunnels are still there. */
  #end(kind: EndKind, gracefully = true): void {
    if (this.ending) return;
    this.ending = true;
    this.#role.ended();
    const isPatient = gracefully && (kind === "time" || kind === "stopped");
    this.#ping.end(this.#clock.nowMs(), isPatient, () => this.#conclude(kind, gracefully));
  }

  /** Decides the result, then takes the SAs down; the decision stands whatever happens then. */
  #conclude(kind: EndKind, gracefully: boolean): void {
    const result = this.#verdict(kind);
    if (result === RunResult.FAILED) this.#firstError ||= this.#shortfall() ?? "Test failed";
    const overflow = this.#neighbours.end();
    if (overflow) this.events.publish(2, `While the test ran, ${overflow}`);
    if (overflow && result === RunResult.FAILED) this.#firstError += `; ${overflow}`;
    if (!gracefully) return this.#finish(result, null);
    this.loop.turn((nowMs) => {
      const window = this.#options.plan.role === "client" ? this.#options.plan.halfOpenMax : 64;
      this.#ending = new Ending(this, { window, nowMs }, (sent, unanswered) => {
        if (unanswered > 0) {
          this.events.publish(3, `${unanswered} of ${sent} deletes went unanswered`);
        }
        this.#finish(result, sent > 0 ? unanswered : null);
      });
      this.#ending.begin(nowMs);
    });
  }

  #shortfall(): string | undefined {
    return this.#role.shortfall() ?? this.#ping.shortfall();
  }

  #verdict(kind: EndKind): RunResult {
    if (kind === "broken" || kind === "aborted") return RunResult.FAILED;
    const complete = this.#shortfall() === undefined;
    if (kind === "stopped") {
      // Without a running time the request to stop is the end that was meant.
      if (complete && this.#options.plan.runningTimeMs === 0) return RunResult.PASSED;
      const isSound = this.tally.failed === 0 && this.#ping.shortfall() === undefined;
      return isSound ? RunResult.STOPPED : RunResult.FAILED;
    }
    return complete ? RunResult.PASSED : RunResult.FAILED;
  }

  /**
   * What is still there at the end of a run is gone with it, and no peer is told. Nothing is left to
   * perform what the core wishes then: the data path and the sockets are closed as a whole.
   */
  #abandon(): void {
    const { endpoint } = this.loop, nowMs = this.#clock.nowMs(), nowhere = { push: () => {} };
    let untold = 0;
    for (const sa of [...endpoint.bySpi.values()]) {
      if (sa.phase === "closed") continue;
      if (sa.phase !== "closing") untold++;
      const event = { kind: "abandon", closeCode: CloseCode.STOPPED, why: "" } as const;
      dispatch(endpoint, { sa, event }, nowMs, nowhere);
    }
    if (untold > 0) this.events.publish(4, `${untold} IKE SAs end with the test, without a Delete`);
  }

  #finish(result: RunResult, deletesUnanswered: number | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#abandon();
    this.loop.stop();
    this.#childRekeys.over();
    this.#ikeRekeys.over();
    this.#books.ended(deletesUnanswered);
    this.#result = result;
    if (result !== RunResult.FAILED) this.#firstError = "";
    const { elapsedMs } = this.#books.figures();
    const name = RUN_RESULT_NAMES[result];
    this.events.publish(
      result === RunResult.FAILED ? 2 : 4,
      `Test ${name} after ${showDuration(Math.round(elapsedMs))}` +
        (this.#firstError ? `: ${this.#firstError}` : ""),
    );
    const final = { result, summary: this.summary(), figures: this.figures() };
    // The last responses leave first.
    this.#options.transport.close().catch(() => {})
      .then(() => this.#ping.close())
      .then(() => this.#paths.path.close())
      .catch((e) => this.events.publish(2, `The data path is not closed: ${e}`))
      .then(() => this.#resolve(final));
  }
}

/** The configuration with `trace` on exactly while somebody reads decoded messages. */
function traced(config: IkeConfig, events: EventHub): IkeConfig {
  const own = { ...config };
  Object.defineProperty(own, "trace", { get: () => events.wants(5), enumerable: true });
  return own;
}

function showTrace(trace: Extract<IkeEffect, { kind: "trace" }>): string {
  const { sent, path, header, payloads, fragments } = trace;
  const pieces = fragments > 1 ? ` in ${fragments} fragments` : "";
  return `${sent ? "Sent" : "Received"}${pieces} ${showPath(path)}\n${
    showMessage(header, payloads)
  }`;
}

/** Old and new SPIs of a rekey, with the tunnel and its IKE SA. */
function showChildUp(by: ChildSa, old: ChildSa | undefined): string {
  const now = showChildren([by]), where = `tunnel ${by.parent.index}${aboutSa(by.parent)}`;
  return old ? `${showChildren([old])} rekeyed: ${now} now, ${where}` : `${now} up, ${where}`;
}

/** The peer's NAT has given it another mapping, or it is in another connection. */
function showMove(sa: IkeSa, from: Path): string {
  if (sa.path.tcp) {
    return `The connection ${showPath(from)} is ${showPath(sa.path)} now${aboutSa(sa)}`;
  }
  const before = showEndpoint(from.peerAddress, from.peerPort);
  const now = showEndpoint(sa.path.peerAddress, sa.path.peerPort);
  return `The peer's NAT mapping changed: ${before} is ${now} now${aboutSa(sa)}`;
}

function aboutSa(sa: IkeSa | undefined): string {
  return sa ? `; ${showSa(sa)}` : "";
}
