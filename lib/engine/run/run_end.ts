/**
 * The end of a run: what ends it, its result, and how its IKE SAs are closed.
 * @module
 */
import { SetupError, SystemError } from "@/base/errors.ts";
import type { Probe } from "@/engine/load/probes.ts";
import { Ending } from "@/engine/run/ending.ts";
import type { NeighbourWatch } from "@/engine/run/neighbour_watch.ts";
import type { RunParts } from "@/engine/run/part.ts";
import type { RunPlan } from "@/engine/run/plan.ts";
import type { Role, RunContext } from "@/engine/run/run_context.ts";
import { type ThresholdVerdict, verdictWords } from "@/engine/show/thresholds.ts";
import { endOfTest } from "@/engine/show/run_words.ts";
import { RunResult } from "@/engine/show/view.ts";
import { dispatch } from "@/ike/endpoint.ts";
import { CloseCode } from "@/ike/records/failure.ts";

/** The most unanswered Deletes of a gateway at a time. */
const GATEWAY_WINDOW = 2_000;

/** The reason why a run ends. */
export type EndKind = "time" | "nothing-left" | "stopped" | "aborted" | "broken";

/** The reason in words, behind "The test ends at once". */
const END_WORDS: Readonly<Record<EndKind, string>> = {
  "time": ": its time is over",
  "nothing-left": ": nothing is left of it",
  "stopped": ", as it was asked to",
  "aborted": ", as a threshold is broken",
  "broken": ", as it cannot go on",
};

/** The options of the end of a run. */
export interface RunEndOptions {
  readonly context: RunContext;
  readonly plan: RunPlan;
  readonly role: Role;
  /** Pings and traffic. */
  readonly probes: Probe;
  readonly neighbours: NeighbourWatch;
  readonly parts: RunParts;
  readonly nowMs: () => number;
  /**
   * Is called when the result is decided and nothing moves any more, with the number of unanswered Deletes;
   * undefined: none was sent.
   */
  readonly over: (deletesUnanswered: number | undefined) => void;
  /** The verdicts on the thresholds of the run as it stands. */
  readonly judge: () => readonly ThresholdVerdict[];
  /** How long the run took, in milliseconds. */
  readonly elapsedMs: () => number;
  /** Is called when everything is reported, so that sockets and data path may be closed. */
  readonly finished: () => void;
}

/** The end of a run. */
export class RunEnd {
  /** Whether the end has begun. */
  hasBegun = false;
  result: RunResult = RunResult.RUNNING;
  /** The first reason of a failure; empty: there is none. */
  firstError = "";
  /** The verdicts at the end; undefined: it has not come. */
  verdicts: readonly ThresholdVerdict[] | undefined;
  readonly #options: RunEndOptions;
  #ending: Ending | undefined;
  #isOver = false;

  constructor(options: RunEndOptions) {
    this.#options = options;
  }

  /** Handles a request to stop. A second request, or one that is not graceful, ends the run at once. */
  stop(gracefully: boolean): void {
    const { loop } = this.#options.context;
    if (this.#isOver) return;
    loop.turn(() => {
      if (!this.hasBegun) return this.begin("stopped", gracefully);
      if (this.#ending) this.#ending.cut();
      else this.#options.probes.hurry();
    });
  }

  /** Begins the end. Pings and traffic get their last answers first, while the tunnels still exist. */
  begin(kind: EndKind, gracefully = true): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    const { role, probes, nowMs, context } = this.#options;
    role.ended();
    const how = gracefully ? "gracefully" : "at once";
    const words = `The test ends ${how}${END_WORDS[kind]}`;
    if (!this.#options.plan.shard) context.events.milestone(words);
    const isPatient = gracefully && (kind === "time" || kind === "stopped");
    probes.end(nowMs(), isPatient, () => this.#conclude(kind, gracefully));
  }

  /** Ends the run, as a threshold is broken. */
  thresholdBroken(verdict: ThresholdVerdict): void {
    const words = `Threshold ${verdictWords(verdict)}`;
    this.firstError ||= words;
    this.#options.context.events.publish(2, `The test ends: ${words}`);
    this.begin("aborted");
  }

  /** Ends a run that cannot continue, without Deletes. */
  broken(error: unknown): void {
    const known = error instanceof SystemError || error instanceof SetupError;
    const message = error instanceof Error ? error.message : String(error);
    const words = known ? message : `Internal error: ${message}`;
    const stack = !known && error instanceof Error ? `\n${error.stack}` : "";
    this.#options.context.events.publish(1, `The test cannot go on: ${words}${stack}`);
    this.firstError ||= words;
    if (this.hasBegun) return this.#finish(RunResult.FAILED, undefined);
    this.begin("broken", false);
  }

  /** Decides the result, then closes the SAs. The decision does not change afterwards. */
  #conclude(kind: EndKind, gracefully: boolean): void {
    const { context: { events, loop }, neighbours, plan } = this.#options;
    this.verdicts = this.#options.judge();
    // What holds for all slices together is for `myikev2 merge` to judge, and for all workers where they are.
    const broken = plan.slice || plan.shard ? undefined : this.verdicts.find(({ held }) => !held);
    const result = broken ? RunResult.FAILED : this.#verdict(kind);
    const words = broken && `Threshold ${verdictWords(broken)}`;
    if (result === RunResult.FAILED) {
      this.firstError ||= this.#shortfall() ?? words ?? "Test failed";
    }
    const overflow = neighbours.end();
    if (overflow) events.publish(2, `While the test ran, ${overflow}`);
    if (overflow && result === RunResult.FAILED) this.firstError += `; ${overflow}`;
    if (!gracefully) return this.#finish(result, undefined);
    loop.turn((nowMs) => {
      const window = plan.role === "client" ? plan.halfOpenMax : GATEWAY_WINDOW;
      const options = { window, timeoutMs: plan.stopTimeoutMs, nowMs };
      this.#ending = new Ending(this.#options.context, options, (sent, unanswered) => {
        if (unanswered > 0) events.publish(3, `${unanswered} of ${sent} deletes went unanswered`);
        this.#finish(result, sent > 0 ? unanswered : undefined);
      });
      this.#options.parts.add(this.#ending);
      this.#ending.begin(nowMs);
    });
  }

  #shortfall(): string | undefined {
    return this.#options.role.shortfall() ?? this.#options.probes.shortfall();
  }

  #verdict(kind: EndKind): RunResult {
    if (kind === "broken" || kind === "aborted") return RunResult.FAILED;
    const complete = this.#shortfall() === undefined;
    const { plan, context, probes } = this.#options;
    if (kind === "stopped") {
      // If the test has no end of its own, a request to stop is the regular end.
      const endsItself = plan.runningTimeMs > 0 || plan.soakMs !== undefined;
      if (complete && !endsItself) return RunResult.PASSED;
      const isSound = context.tally.failed === 0 && probes.shortfall() === undefined;
      return isSound ? RunResult.STOPPED : RunResult.FAILED;
    }
    return complete ? RunResult.PASSED : RunResult.FAILED;
  }

  #finish(result: RunResult, deletesUnanswered: number | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { context: { loop, events }, over, elapsedMs, finished } = this.#options;
    this.#abandon();
    loop.stop();
    over(deletesUnanswered);
    this.result = result;
    if (result !== RunResult.FAILED) this.firstError = "";
    const { level, words } = endOfTest({
      result,
      elapsedMs: elapsedMs(),
      error: this.firstError,
    });
    // The result of a worker is not that of the test.
    if (!this.#options.plan.shard) events.publish(level, words);
    finished();
  }

  /**
   * Drops the SAs that exist at the end without telling their peers. Effects of the core are not performed
   * any more, as the data path and the sockets are closed as a whole.
   */
  #abandon(): void {
    const { context: { loop: { endpoint }, events }, nowMs } = this.#options;
    const atMs = nowMs();
    const nowhere = { push: () => {} };
    let untold = 0;
    for (const sa of [...endpoint.bySpi.values()]) {
      if (sa.phase === "closed") continue;
      if (sa.phase !== "closing") untold++;
      const event = { kind: "abandon", closeCode: CloseCode.STOPPED, why: "" } as const;
      dispatch(endpoint, { sa, event }, atMs, nowhere);
    }
    if (untold > 0) events.publish(4, `${untold} IKE SAs end with the test, without a Delete`);
  }
}
