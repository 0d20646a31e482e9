/**
 * The end of a run: what ends it, which result it has, and how its IKE SAs are taken down.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import type { PingRun } from "@/engine/load/ping_run.ts";
import { Ending } from "@/engine/run/ending.ts";
import type { NeighbourWatch } from "@/engine/run/neighbour_watch.ts";
import type { RunParts } from "@/engine/run/part.ts";
import type { RunPlan } from "@/engine/run/plan.ts";
import type { Floor, Role } from "@/engine/run/run_context.ts";
import { RUN_RESULT_NAMES, RunResult } from "@/engine/show/view.ts";
import { dispatch } from "@/ike/endpoint.ts";
import { CloseCode } from "@/ike/records/failure.ts";

/** Deletes of a gateway that may wait for their answers before the pace alone sends more. */
const GATEWAY_WINDOW = 64;

/** Why a run ends. */
export type EndKind = "time" | "nothing-left" | "stopped" | "aborted" | "broken";

/** What the end of a run has to do with. */
export interface RunEndOptions {
  readonly floor: Floor;
  readonly plan: RunPlan;
  readonly role: Role;
  readonly ping: PingRun;
  readonly neighbours: NeighbourWatch;
  readonly parts: RunParts;
  readonly nowMs: () => number;
  /** All is decided and nothing moves any more; the deletes that went unanswered, null: none was sent. */
  readonly over: (deletesUnanswered: number | null) => void;
  /** How long the run took, in milliseconds. */
  readonly elapsedMs: () => number;
  /** Everything is told: sockets and data path may be closed. */
  readonly finished: () => void;
}

/** See the file. */
export class RunEnd {
  /** Whether the end has begun. */
  hasBegun = false;
  result: RunResult = RunResult.RUNNING;
  /** The first reason of a failure; empty: there is none. */
  firstError = "";
  readonly #options: RunEndOptions;
  #ending: Ending | undefined;
  #isOver = false;

  constructor(options: RunEndOptions) {
    this.#options = options;
  }

  /** A request from outside; a second one, or one that is not graceful, ends at once. */
  stop(gracefully: boolean): void {
    const { loop } = this.#options.floor;
    if (this.#isOver) return;
    loop.turn(() => {
      if (!this.hasBegun) return this.begin("stopped", gracefully);
      if (this.#ending) this.#ending.cut();
      else this.#options.ping.hurry();
    });
  }

  /** Pings get their last replies first, where the tunnels are still there. */
  begin(kind: EndKind, gracefully = true): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    const { role, ping, nowMs } = this.#options;
    role.ended();
    const isPatient = gracefully && (kind === "time" || kind === "stopped");
    ping.end(nowMs(), isPatient, () => this.#conclude(kind, gracefully));
  }

  /** The run cannot go on, not even to say goodbye. */
  broken(error: unknown): void {
    const known = error instanceof SystemError || error instanceof SetupError;
    const message = error instanceof Error ? error.message : String(error);
    const words = known ? message : `Internal error: ${message}`;
    const stack = !known && error instanceof Error ? `\n${error.stack}` : "";
    this.#options.floor.events.publish(1, `The test cannot go on: ${words}${stack}`);
    this.firstError ||= words;
    if (this.hasBegun) return this.#finish(RunResult.FAILED, null);
    this.begin("broken", false);
  }

  /** Decides the result, then takes the SAs down; the decision stands whatever happens then. */
  #conclude(kind: EndKind, gracefully: boolean): void {
    const { floor: { events, loop }, neighbours, plan } = this.#options;
    const result = this.#verdict(kind);
    if (result === RunResult.FAILED) this.firstError ||= this.#shortfall() ?? "Test failed";
    const overflow = neighbours.end();
    if (overflow) events.publish(2, `While the test ran, ${overflow}`);
    if (overflow && result === RunResult.FAILED) this.firstError += `; ${overflow}`;
    if (!gracefully) return this.#finish(result, null);
    loop.turn((nowMs) => {
      const window = plan.role === "client" ? plan.halfOpenMax : GATEWAY_WINDOW;
      this.#ending = new Ending(this.#options.floor, { window, nowMs }, (sent, unanswered) => {
        if (unanswered > 0) events.publish(3, `${unanswered} of ${sent} deletes went unanswered`);
        this.#finish(result, sent > 0 ? unanswered : null);
      });
      this.#options.parts.add(this.#ending);
      this.#ending.begin(nowMs);
    });
  }

  #shortfall(): string | undefined {
    return this.#options.role.shortfall() ?? this.#options.ping.shortfall();
  }

  #verdict(kind: EndKind): RunResult {
    if (kind === "broken" || kind === "aborted") return RunResult.FAILED;
    const complete = this.#shortfall() === undefined, { plan, floor, ping } = this.#options;
    if (kind === "stopped") {
      // Without a running time the request to stop is the end that was meant.
      if (complete && plan.runningTimeMs === 0) return RunResult.PASSED;
      const isSound = floor.tally.failed === 0 && ping.shortfall() === undefined;
      return isSound ? RunResult.STOPPED : RunResult.FAILED;
    }
    return complete ? RunResult.PASSED : RunResult.FAILED;
  }

  #finish(result: RunResult, deletesUnanswered: number | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { floor: { loop, events }, over, elapsedMs, finished } = this.#options;
    this.#abandon();
    loop.stop();
    over(deletesUnanswered);
    this.result = result;
    if (result !== RunResult.FAILED) this.firstError = "";
    const words = `Test ${RUN_RESULT_NAMES[result]} after ${showDuration(Math.round(elapsedMs()))}`;
    const level = result === RunResult.FAILED ? 2 : 4;
    events.publish(level, words + (this.firstError ? `: ${this.firstError}` : ""));
    finished();
  }

  /**
   * What is still there at the end of a run is gone with it, and no peer is told. Nothing is left to
   * perform what the core wishes then: the data path and the sockets are closed as a whole.
   */
  #abandon(): void {
    const { floor: { loop: { endpoint }, events }, nowMs } = this.#options;
    const atMs = nowMs(), nowhere = { push: () => {} };
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
