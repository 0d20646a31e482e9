/**
 * Watches instances until they end. A test of ours with a `runningtime` ends by itself; one without is
 * stopped when all those have ended.
 * @module
 */
import { Refusal } from "@/api/calls.ts";
import { type ListedInstance, type Summary, wordsOf } from "@/control/daemon_client.ts";
import type { Daemons } from "@/control/daemons.ts";
import type { InstanceOutcome, InstanceResult } from "@/control/outcome.ts";
import { pause } from "@/control/pause.ts";
import { InstanceApi } from "@/daemon/instance_api.ts";
import { InstanceState } from "@/daemon/record.ts";

/** What is asked of the run. */
export interface WatchOptions {
  /** After so long everything is stopped; 0: never. */
  readonly timeoutMs: number;
  readonly tell: (level: 2 | 3 | 4, words: string) => void;
}

/** Pause between two looks. */
const LOOK_MS = 500;
/** A daemon that is silent for so long is given up. */
const SILENCE_MAX_MS = 30_000;
/** How long the API of an instance may take to hear that its summary is waited for. */
const HEAR_MS = 5_000;
/** How long its summary may be on the way when its daemon has ended it. */
const FINAL_MS = 2_000;
/** `SummaryResp.Result`: stopped before its end with nothing failed. */
const STOPPED = 3;

/** A test that did not come to its end has not passed. */
const STOPPED_BY_OTHERS =
  "it was stopped before its end, and not by this recipe; its log says who asked for that";

/** What is known of an instance while it runs. */
interface Watched {
  readonly begunMs: number;
  /** Since when its daemon has said nothing. */
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

  /** An instance runs since `begunMs`. */
  started(outcome: InstanceOutcome, begunMs: number): void {
    this.#watched.set(outcome, { begunMs, silentSinceMs: undefined, api: null });
  }

  /** Resolves when all tests of ours among these have ended, or could not be ended. */
  async wait(defined: Iterable<InstanceOutcome>): Promise<void> {
    const pending = new Set([...defined].filter((o) => isOurs(o) && this.#watched.has(o)));
    const hasOwnEnd = [...pending].some(endsItself);
    if (pending.size > 0 && !hasOwnEnd && this.#options.timeoutMs === 0) {
      this.#options.tell(3, "No instance has a runningtime: they run until a signal comes");
    }
    const untilMs = this.#options.timeoutMs > 0 ? Date.now() + this.#options.timeoutMs : Infinity;
    while (pending.size > 0 && !this.#cancel.aborted && Date.now() < untilMs) {
      await this.#look(pending);
      if (hasOwnEnd && ![...pending].some(endsItself)) break;
      await pause(Math.min(LOOK_MS, untilMs - Date.now()), this.#cancel);
    }
    const isLate = !this.#cancel.aborted && Date.now() >= untilMs;
    const late = isLate ? [...pending].filter(endsItself) : [];
    await this.#stop(pending);
    for (const outcome of late) {
      outcome.result = "timed out";
      outcome.words = `it did not end within ${this.#options.timeoutMs / 1000} s`;
    }
  }

  /** How other programs stand, just before they are taken away. */
  async lookAtOthers(defined: Iterable<InstanceOutcome>): Promise<void> {
    const others = [...defined].filter((o) => !isOurs(o) && this.#watched.has(o));
    for (const outcome of others) {
      const { instance } = outcome, watched = this.#watched.get(outcome)!;
      try {
        const state = await this.#daemons.client(instance.daemonName).state(instance.name);
        outcome.durationSec = (Date.now() - watched.begunMs) / 1000;
        if (state === InstanceState.RUNNING) continue;
        outcome.result = state === undefined ? "unknown" : "died";
        outcome.words = state === undefined ? "it is gone" : "it runs no more";
      } catch (e) {
        outcome.result = "unknown";
        outcome.words = wordsOf(e);
      }
    }
  }

  /** Asks all daemons of pending instances at the same time; what has ended is pending no more. */
  async #look(pending: Set<InstanceOutcome>): Promise<void> {
    const byDaemon = Map.groupBy(pending, ({ instance }) => instance.daemonName);
    await Promise.all([...byDaemon].map(async ([daemonName, outcomes]) => {
      const client = this.#daemons.client(daemonName);
      try {
        const names = outcomes.map(({ instance }) => instance.name);
        const states = await Promise.all(names.map((name) => client.state(name)));
        // Asked after the states: a test that has ended has its last summary now.
        const listed = new Map((await client.list()).map((one) => [one.name, one]));
        for (const [i, outcome] of outcomes.entries()) {
          this.#heard(outcome, states[i], listed.get(names[i]!));
          if (hasEnded(outcome)) pending.delete(outcome);
        }
      } catch (e) {
        if (!(e instanceof Refusal)) throw e;
        for (const outcome of outcomes) if (this.#silent(outcome, e)) pending.delete(outcome);
      }
    }));
  }

  #heard(
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
    const words = outcome.summary?.LastErrMsg ?? "";
    switch (state) {
      case InstanceState.PASSED:
        if (isStopped) return this.#ended(outcome, "failed", STOPPED_BY_OTHERS);
        return this.#ended(outcome, "passed", "");
      case InstanceState.FAILED:
        return this.#ended(outcome, "failed", words);
      case InstanceState.COULD_NOT_START:
        return this.#ended(outcome, "could not start", words);
      case InstanceState.DIED:
        return this.#ended(outcome, "died", words || "its process ended without a result");
      case undefined:
        return this.#ended(outcome, "unknown", "somebody else has destroyed it");
    }
  }

  /** Whether that was too long. */
  #silent(outcome: InstanceOutcome, e: unknown): boolean {
    const watched = this.#watched.get(outcome)!;
    watched.silentSinceMs ??= Date.now();
    if (Date.now() - watched.silentSinceMs < SILENCE_MAX_MS) return false;
    this.#ended(outcome, "unknown", wordsOf(e));
    return true;
  }

  #ended(outcome: InstanceOutcome, result: InstanceResult, words: string): void {
    outcome.result = result;
    outcome.words = words;
    const why = words === "" ? "" : `: ${words}`;
    const level = result === "passed" || result === "stopped" ? 4 : 2;
    this.#options.tell(level, `${outcome.instance.name}: ${result}${why}`);
  }

  /** Has their daemons end them, with word to their peers, and hears their results from themselves. */
  async #stop(pending: Set<InstanceOutcome>): Promise<void> {
    await Promise.all([...pending].map(async (outcome) => {
      const summary = await this.#end(outcome);
      if (hasEnded(outcome)) return;
      if (summary) this.#told(outcome, summary);
      else this.#guess(outcome);
    }));
  }

  /** The last summary of an instance that its daemon ends now; undefined: it said none. */
  async #end(outcome: InstanceOutcome): Promise<Summary | undefined> {
    const { instance } = outcome, api = this.#watched.get(outcome)?.api;
    const client = api && new InstanceApi(api.address, api.port, instance.setup?.apiTls ?? false);
    try {
      const final = client?.final();
      const isHeard = final && await within(final.heard, HEAR_MS);
      await this.#daemons.client(instance.daemonName).destroy(instance.name, true);
      if (!final || !isHeard) return undefined;
      return await within(final.summary, FINAL_MS) as Summary | undefined;
    } catch (e) {
      if (!(e instanceof Refusal)) throw e;
      this.#options.tell(3, `Cannot stop ${instance.name}: ${wordsOf(e)}`);
      return undefined;
    } finally {
      client?.close();
    }
  }

  #told(outcome: InstanceOutcome, summary: Summary): void {
    outcome.summary = summary;
    const result = ({ 1: "passed", 2: "failed", [STOPPED]: "stopped" } as const)[summary.Result];
    if (result) this.#ended(outcome, result, summary.LastErrMsg);
    else this.#guess(outcome);
  }

  /** Its daemon will end it; what it said until then is all that is known. */
  #guess(outcome: InstanceOutcome): void {
    const { summary } = outcome, words = summary?.LastErrMsg ?? "";
    if (words !== "") return this.#ended(outcome, "failed", words);
    const isComplete = summary !== null && summary.Role > 0 &&
      summary.NumOfCreatedTunnel >= Number(summary.Configured_count);
    const why = "its API is out of reach from here, its daemon ended it";
    this.#ended(outcome, isComplete ? "stopped" : "unknown", why);
  }
}

/** What a promise gives, if it does so in time. */
function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) =>
    timer = setTimeout(() => resolve(undefined), ms)
  );
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function isOurs({ instance }: InstanceOutcome): boolean {
  return instance.setup !== null;
}

function endsItself({ instance }: InstanceOutcome): boolean {
  return instance.setup?.ends ?? false;
}

function hasEnded({ result }: InstanceOutcome): boolean {
  return result !== "running";
}
