/**
 * A run that several workers share: it distributes tunnels and questions among them, and makes one answer of
 * theirs.
 * @module
 */
import { shardOfSpi, shardOfWord } from "@/base/shard.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import type { Slice } from "@/base/slice.ts";
import type { AnswerTo } from "@/engine/shards/shard_link.ts";
import { ShardLink } from "@/engine/shards/shard_link.ts";
import type { Question, ShardReady } from "@/engine/shards/messages.ts";
import { figuresOf, outcomeOf, type RunPartState, summaryOf } from "@/engine/shards/merged_run.ts";
import { writeRecords } from "@/engine/shards/record_pump.ts";
import { newSharedState } from "@/engine/shards/shared_state.ts";
import { brokenMeanwhile, verdictWords } from "@/engine/show/thresholds.ts";
import type { EventHub, EventLevel } from "@/engine/show/event_hub.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import { endOfTest, setUpIsOver } from "@/engine/show/run_words.ts";
import type { PingTaskView } from "@/engine/show/ping_table.ts";
import type {
  ChildSaDump,
  FinalResult,
  IkeSaDump,
  IkeSaSummary,
  PoolsUsage,
  RekeyIkeOutcome,
  RekeyOutcome,
  RunSummary,
  RunView,
} from "@/engine/show/view.ts";
import type { Setup } from "@/setup/setup.ts";
import type { NativeSockets } from "@/transport/native_sockets.ts";

/** Interval at which the main thread looks at all workers together, in milliseconds. */
const LOOK_MS = 250;

/** What a run of several workers is made of. */
export interface ShardedOptions {
  readonly setup: Setup;
  readonly text: string;
  readonly file: string;
  readonly lenient: boolean;
  readonly slice: Slice | undefined;
  /** The sockets of each worker. */
  readonly sockets: readonly NativeSockets[];
  readonly events: EventHub;
  /** The recorders of the run. */
  readonly hooks: RunHooks;
}

/** The state of one worker. */
interface ShardState {
  readonly link: ShardLink;
  /** Its last figures and summary that are known. */
  last: RunPartState | undefined;
  /** Whether its tunnels are set up or given up. */
  isCreated: boolean;
  /** Whether its result is decided. */
  isOver: boolean;
  final: FinalResult | undefined;
}

/** See above. */
export class ShardedRun implements RunView {
  readonly setup: Setup;
  readonly events: EventHub;
  readonly finalResult: Promise<FinalResult>;
  readonly #options: ShardedOptions;
  readonly #shards: readonly ShardState[];
  #resolve: (final: FinalResult) => void = () => {};
  #look: ReturnType<typeof setTimeout> | undefined;
  #level: EventLevel | 0;
  #isCreated = false;
  /** See {@linkcode ShardReady}. */
  #isIntroduced = false;
  #isStopping = false;
  #isOver = false;
  /** Whether the workers after the first one wait for its first tunnel. */
  #others: (() => void) | undefined;
  /** The first reason of a failure that concerns all workers; empty: there is none. */
  #firstError = "";
  /** The outcome of the run; undefined: it goes on. */
  #whole: FinalResult | undefined;

  constructor(options: ShardedOptions) {
    this.#options = options;
    this.setup = options.setup;
    this.events = options.events;
    this.finalResult = new Promise((resolve) => this.#resolve = resolve);
    this.#level = options.events.wanted;
    this.#shards = options.sockets.map((_, number) => this.#newShard(number));
  }

  /** Lets the workers make their parts of the run. @throws {SetupError | SystemError} if one cannot. */
  async make(): Promise<ShardReady> {
    const { text, file, lenient, slice, sockets } = this.#options;
    const of = sockets.length;
    const { datagram, ikeKeyed, tunnels } = this.#options.hooks;
    const wanted = {
      datagrams: datagram !== undefined,
      keys: ikeKeyed !== undefined,
      tunnels: tunnels !== undefined,
    };
    const shared = this.setup.role === "gateway" ? newSharedState(this.setup) : undefined;
    const tasks = this.#shards.map(({ link }, number) => {
      const shard = { number, of };
      return link.make(
        { shard, slice, text, file, lenient, shared, wanted, sockets: sockets[number]! },
        this.#level,
      );
    });
    const all = await Promise.all(tasks);
    for (const [number, ready] of all.entries()) this.#shards[number]!.last = ready;
    const [first] = all;
    this.#isIntroduced = first!.isIntroduced;
    return first!;
  }

  /** Starts the run. */
  start(): void {
    const [first, ...others] = this.#shards;
    const rest = () => others.forEach(({ link }) => link.tell({ kind: "start" }));
    first!.link.tell({ kind: "start" });
    if (this.#isIntroduced) this.#others = rest;
    else rest();
    this.#lookSoon();
  }

  /** See {@linkcode RunView}. */
  stop(gracefully: boolean): void {
    if (!this.#isStopping) {
      this.events.milestone(
        `The test ends ${gracefully ? "gracefully" : "at once"}, as it was asked to`,
      );
    }
    this.#isStopping = true;
    this.#startOthers();
    for (const { link, final } of this.#shards) {
      if (!final) link.tell({ kind: "stop", gracefully });
    }
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    clearTimeout(this.#look);
    this.#isOver = true;
    await Promise.all(this.#shards.map(({ link }) => link.close()));
  }

  /** Lets a worker end by an error; for tests. */
  breakWorker(number: number): void {
    this.#shards[number]!.link.tell({ kind: "break" });
  }

  /** See {@linkcode RunView}. */
  async summary(): Promise<RunSummary> {
    if (this.#whole) return this.#whole.summary;
    await this.#refresh();
    return summaryOf(this.#options, this.#known());
  }

  /** See {@linkcode RunView}. */
  async figures(): Promise<RunFigures> {
    if (this.#whole) return this.#whole.figures;
    await this.#refresh();
    return figuresOf(this.#options, this.#known());
  }

  /** See {@linkcode RunView}: those of the first worker first. */
  async listIkeSas(start: number, len: number): Promise<IkeSaSummary[]> {
    const page: IkeSaSummary[] = [];
    let skipped = 0;
    for (const number of this.#shards.keys()) {
      const left = len === 0 ? 0 : len - page.length;
      if (len > 0 && left === 0) break;
      const total = (await this.#askOne(number, "summary"))?.ikeSasTotal ?? 0;
      const from = Math.min(total, start - skipped);
      skipped += from;
      if (from === total) continue;
      page.push(...await this.#askOne(number, "listIkeSas", from, left) ?? []);
    }
    return page;
  }

  /** See {@linkcode RunView}. */
  async ikeSa(spi: bigint): Promise<IkeSaDump | undefined> {
    return await this.#askOne(shardOfSpi(spi, this.#shards.length), "ikeSa", spi);
  }

  /** See {@linkcode RunView}. */
  async childSas(ikeSpi: bigint): Promise<number[] | undefined> {
    return await this.#askOne(shardOfSpi(ikeSpi, this.#shards.length), "childSas", ikeSpi);
  }

  /** See {@linkcode RunView}. */
  async childSa(spi: number): Promise<ChildSaDump | undefined> {
    return await this.#askOne(shardOfWord(spi, this.#shards.length), "childSa", spi);
  }

  /** See {@linkcode RunView}. */
  async poolUsage(): Promise<PoolsUsage> {
    // All workers share the pools.
    const [usage] = await this.#askAll("poolUsage");
    return usage ?? { v4: undefined, v6: undefined };
  }

  /** See {@linkcode RunView}: those of the first worker first. */
  async pings(start: number, len: number): Promise<PingTaskView[]> {
    const wanted = len === 0 ? 0 : start + len;
    const all = (await this.#askAll("pings", 0, wanted)).flat();
    return all.slice(start, len === 0 ? undefined : wanted);
  }

  /** See {@linkcode RunView}. */
  async pingTotals(): Promise<{ readonly sent: number; readonly received: number }> {
    const all = await this.#askAll("pingTotals");
    const sum = (of: "sent" | "received") => all.reduce((total, one) => total + one[of], 0);
    return { sent: sum("sent"), received: sum("received") };
  }

  /** See {@linkcode RunView}. */
  async clearPings(): Promise<void> {
    await this.#askAll("clearPings");
  }

  /** See {@linkcode RunView}. */
  async rekeyChild(spi: number): Promise<RekeyOutcome> {
    const answer = await this.#askOne(shardOfWord(spi, this.#shards.length), "rekeyChild", spi);
    return answer ?? { kind: "unknown" };
  }

  /** See {@linkcode RunView}. */
  async rekeyIke(spi: bigint): Promise<RekeyIkeOutcome> {
    const answer = await this.#askOne(shardOfSpi(spi, this.#shards.length), "rekeyIke", spi);
    return answer ?? { kind: "unknown" };
  }

  #newShard(number: number): ShardState {
    const { events } = this;
    const link = new ShardLink({
      events: (batch) => {
        for (const event of batch) events.relay(event);
      },
      contact: (contact) => {
        for (const [other, { link }] of this.#shards.entries()) {
          if (other !== number) link.tell({ kind: "displace", contact });
        }
      },
      first: () => this.#startOthers(),
      over: () => this.#over(number),
      created: () => {
        this.#shards[number]!.isCreated = true;
        this.#sayIfCreated();
      },
      aborting: () => this.#endOthers(),
      records: (records) => writeRecords(records, this.#options.hooks),
      final: (final, tunnels) => {
        this.#options.hooks.tunnels?.take(tunnels);
        this.#ended(number, final);
      },
      died: (words) => this.#died(number, words),
    });
    return { link, last: undefined, isCreated: false, isOver: false, final: undefined };
  }

  #startOthers(): void {
    this.#others?.();
    this.#others = undefined;
  }

  /** Looks at all workers together at regular intervals. */
  #lookSoon(): void {
    this.#look = setTimeout(async () => {
      const level = this.events.wanted;
      if (level !== this.#level) {
        this.#level = level;
        for (const { link } of this.#shards) link.tell({ kind: "level", level });
      }
      await this.#refresh();
      this.#judgeMeanwhile();
      if (!this.#isOver) this.#lookSoon();
    }, LOOK_MS);
  }

  #judgeMeanwhile(): void {
    const { role, numberoftunnels, thresholds, abortonfail } = this.setup;
    const figures = figuresOf(this.#options, this.#known());
    if (role === "gateway" && figures.established >= numberoftunnels) this.#sayCreated();
    if (!abortonfail || this.#options.slice || this.#isStopping) return;
    const broken = brokenMeanwhile(thresholds, { figures, tunnels: figures.thresholds.tunnels });
    if (broken) this.#failAll(`Threshold ${verdictWords(broken)}`);
  }

  /** Ends the test, which has failed. */
  #failAll(words: string): void {
    this.#firstError ||= words;
    this.events.publish(2, `The test ends: ${words}`);
    this.#endOthers();
  }

  #over(number: number): void {
    this.#shards[number]!.isOver = true;
    if (number === 0) this.#startOthers();
    this.#sayIfCreated();
    this.#releaseIfOver();
  }

  /** Lets all workers end that have not begun to. */
  #endOthers(): void {
    this.#isStopping = true;
    this.#startOthers();
    for (const { link } of this.#shards) link.tell({ kind: "end" });
  }

  /** Tells the workers of a client when the tunnels of all of them are set up or given up. */
  #sayIfCreated(): void {
    if (this.setup.role === "gateway") return;
    const isAwaited = ({ isCreated, isOver, link }: ShardState) =>
      !isCreated && !isOver && !link.isDead;
    if (!this.#shards.some(isAwaited)) this.#sayCreated();
  }

  #sayCreated(): void {
    if (this.#isCreated) return;
    this.#isCreated = true;
    this.figures().then((figures) => {
      this.events.milestone(setUpIsOver(figures));
      for (const { link } of this.#shards) link.tell({ kind: "created" });
    });
  }

  #ended(number: number, final: FinalResult): void {
    const shard = this.#shards[number]!;
    shard.final = final;
    shard.last = final;
    this.#finishIfOver();
  }

  #died(number: number, words: string): void {
    const text = `Worker ${number + 1} of ${this.#shards.length} has ended: ${words}`;
    this.events.publish(1, `The test cannot go on: ${text}`);
    this.#firstError ||= text;
    if (this.#options.hooks.tunnels) {
      this.events.publish(3, `The records of the tunnels of worker ${number + 1} are missing`);
    }
    if (!this.#isOver) this.#endOthers();
    this.#sayIfCreated();
    this.#releaseIfOver();
    this.#finishIfOver();
  }

  /** Lets the workers close their data paths, whose routes and rules they share, when none is used any more. */
  #releaseIfOver(): void {
    if (this.#shards.some(({ isOver, link }) => !isOver && !link.isDead)) return;
    for (const { link } of this.#shards) link.tell({ kind: "release" });
  }

  #finishIfOver(): void {
    if (this.#isOver || this.#shards.some(({ final, link }) => !final && !link.isDead)) return;
    this.#isOver = true;
    clearTimeout(this.#look);
    const final = outcomeOf(this.#options, this.#known(), this.#firstError);
    this.#whole = final;
    const { result, summary: { lastErrMsg: error }, figures: { elapsedMs } } = final;
    const { level, words } = endOfTest({ result, elapsedMs, error });
    this.events.publish(level, words);
    this.#resolve(final);
  }

  async #refresh(): Promise<void> {
    await Promise.all(this.#shards.map(async (shard) => {
      if (shard.final || shard.link.isDead) return;
      try {
        const [figures, summary] = await Promise.all([
          shard.link.ask("figures"),
          shard.link.ask("summary"),
        ]);
        if (!shard.final) shard.last = { figures, summary };
      } catch {
        // It has ended meanwhile, and its last figures stay.
      }
    }));
  }

  #known(): RunPartState[] {
    return this.#shards.map(({ last }) => last).filter((last) => last !== undefined);
  }

  /** Asks one worker; undefined: it has ended. */
  async #askOne<Q extends Question>(
    number: number,
    name: Q,
    ...args: Parameters<RunView[Q]>
  ): Promise<AnswerTo<Q> | undefined> {
    try {
      return await this.#shards[number]!.link.ask(name, ...args);
    } catch {
      return undefined;
    }
  }

  /** Asks all workers; those that have ended do not answer. */
  async #askAll<Q extends Question>(
    name: Q,
    ...args: Parameters<RunView[Q]>
  ): Promise<AnswerTo<Q>[]> {
    const all = await Promise.all(this.#shards.map((_, i) => this.#askOne(i, name, ...args)));
    return all.filter((answer) => answer !== undefined) as AnswerTo<Q>[];
  }
}
