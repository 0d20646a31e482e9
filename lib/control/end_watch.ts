/**
 * Watches the instances of a recipe until they end. A myikev2 test with a `runningtime` ends by
 * itself; tests without one are stopped when all tests with one have ended.
 * @module
 */
import { Refusal } from "@/api/refusal.ts";
import { describeError, type ListedInstance, type Summary } from "@/control/daemon_client.ts";
import type { Daemons } from "@/control/daemons.ts";
import type { InstanceOutcome, InstanceResult } from "@/control/outcome.ts";
import { pause } from "@/control/pause.ts";
import { InstanceApi } from "@/daemon/instance_api.ts";
import { InstanceState } from "@/daemon/record.ts";

/** What the watch needs of the run of a recipe. */
export interface WatchOptions {
  /** Milliseconds after which everything is stopped; 0: never. */
  readonly timeoutMs: number;
  readonly tell: (level: 2 | 3 | 4, text: string) => void;
}

/** Pause between two polls of the daemons, in milliseconds. */
const POLL_MS = 500;
/** Silence of a daemon after which its instances are given up, in milliseconds. */
const SILENCE_MAX_MS = 30_000;
/**
 * Time in which the API of an instance must accept the subscription to its summary, in
 * milliseconds.
 */
const SUBSCRIBE_MS_MAX = 5_000;
/**
 * Time in which the summary must arrive after the daemon has ended the instance, in milliseconds.
 */
const FINAL_SUMMARY_MS_MAX = 2_000;
/** Value of `SummaryResp.Result`: the test was stopped before its end, and nothing had failed. */
const STOPPED = 3;

/** Reason that is given for a test that did not come to its end, and so has not passed. */
const STOPPED_BY_OTHERS =
  "it was stopped before its end, and not by this recipe; its log says who asked for that";

/** What is known of an instance while it runs. */
interface Watched {
  readonly begunMs: number;
  /**
   * Time of the first unanswered query to its daemon, in milliseconds; undefined: the daemon
   * answers.
   */
  silentSinceMs: number | undefined;
  api: ListedInstance["api"];
}

/** Watches the instances of one recipe. */
export class EndWatch {
  readonly #daemons: Daemons;
  readonly #options: WatchOptions;
  readonly #cancel: AbortSignal;
  readonly #watched = new Map<InstanceOutcome, Watched>();

  constructor(daemons: Daemons, options: WatchOptions, cancel: AbortSignal) {
    this.#daemons = daemons;
    this.#options = options;
    this.#cancel = cancel;
  }

  /** Records that an instance runs since `begunMs`. */
  started(outcome: InstanceOutcome, begunMs: number): void {
    this.#watched.set(outcome, { begunMs, silentSinceMs: undefined, api: undefined });
  }

  /** Resolves when all myikev2 tests among the instances have ended, or could not be ended. */
  async wait(defined: Iterable<InstanceOutcome>): Promise<void> {
    const pending = new Set([...defined].filter((o) => isTest(o) && this.#watched.has(o)));
    const hasOwnEnd = [...pending].some(endsItself);
    if (pending.size > 0 && !hasOwnEnd && this.#options.timeoutMs === 0) {
      this.#options.tell(
        3,
        "No instance has a runningtime or a soak: they run until a signal comes",
      );
    }
    const untilMs = this.#options.timeoutMs > 0 ? Date.now() + this.#options.timeoutMs : Infinity;
    while (pending.size > 0 && !this.#cancel.aborted && Date.now() < untilMs) {
      await this.#poll(pending);
      if (hasOwnEnd && ![...pending].some(endsItself)) break;
      await pause(Math.min(POLL_MS, untilMs - Date.now()), this.#cancel);
    }
    const isLate = !this.#cancel.aborted && Date.now() >= untilMs;
    const late = isLate ? [...pending].filter(endsItself) : [];
    await this.#stop(pending);
    for (const outcome of late) {
      outcome.result = "timed out";
      outcome.reason = `it did not end within ${this.#options.timeoutMs / 1000} s`;
    }
  }

  /** Records the state of instances of other programs, just before they are destroyed. */
  async recordOtherPrograms(defined: Iterable<InstanceOutcome>): Promise<void> {
    const others = [...defined].filter((o) => !isTest(o) && this.#watched.has(o));
    for (const outcome of others) {
      const { instance } = outcome;
      const watched = this.#watched.get(outcome)!;
      try {
        const state = await this.#daemons.client(instance.daemonName).state(instance.name);
        outcome.durationSec = (Date.now() - watched.begunMs) / 1000;
        if (state === InstanceState.RUNNING) continue;
        outcome.result = state === undefined ? "unknown" : "died";
        outcome.reason = state === undefined ? "it no longer exists" : "it no longer runs";
      } catch (e) {
        outcome.result = "unknown";
        outcome.reason = describeError(e);
      }
    }
  }

  /**
   * Asks the daemons of all pending instances at the same time. An instance that has ended leaves
   * `pending`.
   */
  async #poll(pending: Set<InstanceOutcome>): Promise<void> {
    const byDaemon = Map.groupBy(pending, ({ instance }) => instance.daemonName);
    await Promise.all([...byDaemon].map(async ([daemonName, outcomes]) => {
      const client = this.#daemons.client(daemonName);
      try {
        const names = outcomes.map(({ instance }) => instance.name);
        const states = await Promise.all(names.map((name) => client.state(name)));
        // The list is asked for after the states, as a test that has ended has its last summary by
        // then.
        const listed = new Map((await client.list()).map((one) => [one.name, one]));
        for (const [i, outcome] of outcomes.entries()) {
          this.#update(outcome, states[i], listed.get(names[i]!));
          if (hasEnded(outcome)) pending.delete(outcome);
        }
      } catch (e) {
        if (!(e instanceof Refusal)) throw e;
        for (const outcome of outcomes) if (this.#noAnswer(outcome, e)) pending.delete(outcome);
      }
    }));
  }

  #update(
    outcome: InstanceOutcome,
    state: InstanceState | undefined,
    listed: ListedInstance | undefined,
  ): void {
    const watched = this.#watched.get(outcome)!;
    watched.silentSinceMs = undefined;
    outcome.durationSec = (Date.now() - watched.begunMs) / 1000;
    if (listed) {
      watched.api = listed.api;
      outcome.summary = listed.summary ?? outcome.summary;
      outcome.ping = listed.ping;
    }
    const isStopped = outcome.summary?.Result === STOPPED;
    const reason = outcome.summary?.LastErrMsg ?? "";
    switch (state) {
      case InstanceState.PASSED:
        if (isStopped) return this.#setResult(outcome, "failed", STOPPED_BY_OTHERS);
        return this.#setResult(outcome, "passed", "");
      case InstanceState.FAILED:
        return this.#setResult(outcome, "failed", reason);
      case InstanceState.COULD_NOT_START:
        return this.#setResult(outcome, "could not start", reason);
      case InstanceState.DIED:
        return this.#setResult(outcome, "died", reason || "its process ended without a result");
      case undefined:
        return this.#setResult(outcome, "unknown", "somebody else has destroyed it");
    }
  }

  /** Records that a daemon did not answer; returns whether it has been silent for too long. */
  #noAnswer(outcome: InstanceOutcome, e: unknown): boolean {
    const watched = this.#watched.get(outcome)!;
    watched.silentSinceMs ??= Date.now();
    if (Date.now() - watched.silentSinceMs < SILENCE_MAX_MS) return false;
    this.#setResult(outcome, "unknown", describeError(e));
    return true;
  }

  #setResult(outcome: InstanceOutcome, result: InstanceResult, reason: string): void {
    outcome.result = result;
    outcome.reason = reason;
    const why = reason === "" ? "" : `: ${reason}`;
    const level = result === "passed" || result === "stopped" ? 4 : 2;
    this.#options.tell(level, `${outcome.instance.name}: ${result}${why}`);
  }

  /**
   * Has the daemons end all pending instances gracefully, and receives the results from the
   * instances.
   */
  async #stop(pending: Set<InstanceOutcome>): Promise<void> {
    await Promise.all([...pending].map(async (outcome) => {
      const summary = await this.#end(outcome);
      if (hasEnded(outcome)) return;
      if (summary) this.#setResultBy(outcome, summary);
      else this.#judgeByLastSummary(outcome);
    }));
  }

  /** Ends an instance; returns the last summary that it sent, or undefined if it sent none. */
  async #end(outcome: InstanceOutcome): Promise<Summary | undefined> {
    const { instance } = outcome;
    const api = this.#watched.get(outcome)?.api;
    const client = api && new InstanceApi(api.address, api.port, instance.setup?.apiTls ?? false);
    try {
      const final = client?.finalSummary();
      const isSubscribed = final && await within(final.subscribed, SUBSCRIBE_MS_MAX);
      await this.#daemons.client(instance.daemonName).destroy(instance.name, true);
      if (!final || !isSubscribed) return undefined;
      return await within(final.summary, FINAL_SUMMARY_MS_MAX) as Summary | undefined;
    } catch (e) {
      if (!(e instanceof Refusal)) throw e;
      this.#options.tell(3, `Cannot stop ${instance.name}: ${describeError(e)}`);
      return undefined;
    } finally {
      client?.close();
    }
  }

  #setResultBy(outcome: InstanceOutcome, summary: Summary): void {
    outcome.summary = summary;
    const result = ({ 1: "passed", 2: "failed", [STOPPED]: "stopped" } as const)[summary.Result];
    if (result) this.#setResult(outcome, result, summary.LastErrMsg);
    else this.#judgeByLastSummary(outcome);
  }

  /** Judges an instance that is being ended by the last summary that was received of it. */
  #judgeByLastSummary(outcome: InstanceOutcome): void {
    const { summary } = outcome;
    const reason = summary?.LastErrMsg ?? "";
    if (reason !== "") return this.#setResult(outcome, "failed", reason);
    const isComplete = summary !== undefined && summary.Role > 0 &&
      summary.NumOfCreatedTunnel >= Number(summary.Configured_count);
    const why = "its API is out of reach from here, its daemon ended it";
    this.#setResult(outcome, isComplete ? "stopped" : "unknown", why);
  }
}

/** The result of a promise, or undefined after `ms` milliseconds. */
function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) =>
    timer = setTimeout(() => resolve(undefined), ms)
  );
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function isTest({ instance }: InstanceOutcome): boolean {
  return instance.setup !== undefined;
}

function endsItself({ instance }: InstanceOutcome): boolean {
  return instance.setup?.ends ?? false;
}

function hasEnded({ result }: InstanceOutcome): boolean {
  return result !== "running";
}
