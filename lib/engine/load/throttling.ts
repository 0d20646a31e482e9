/**
 * Recognizes at a client that its peer throttles: it demands cookies, does not answer some requests while it
 * answers others, or refuses further SAs. Each is reported when it begins, and counted.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { CauseCounts } from "@/engine/show/cause_counts.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";

/** The names by which it is counted. */
const COOKIES = "COOKIE";
const SILENCE = "SILENCE";
const NO_MORE = "NO_ADDITIONAL_SAS";

/** The parts of a run that are needed here. */
export interface ThrottlingOptions {
  /** Number of tunnels that are being set up. */
  readonly halfOpen: () => number;
  /** Writes a line into the log. */
  readonly say: (level: EventLevel, text: string) => void;
}

/** Counts by which means a peer throttles. */
export class Throttling implements RunPart {
  readonly #options: ThrottlingOptions;
  readonly #counts = new CauseCounts();
  /** When the first tunnel was dialled, and when the last was established; undefined: not yet. */
  #beganMs: number | undefined;
  #establishedMs = -Infinity;

  constructor(options: ThrottlingOptions) {
    this.#options = options;
  }

  /** The recognized means, the most frequent first. */
  figures(): FailureFigures[] {
    return this.#counts.figures();
  }

  /** Records that a tunnel is dialled. */
  begun(nowMs: number): void {
    this.#beganMs ??= nowMs;
  }

  readonly handlers: EffectHandlers = {
    established: (_, _sa, nowMs) => void (this.#establishedMs = nowMs),
    cookie_asked: (_, _sa, nowMs) =>
      this.#count(
        COOKIES,
        nowMs,
        (n) =>
          `with ${n} tunnels on their way the peer demanded cookies (RFC 7296 §2.6), which cost a round ` +
          `trip each. Set maxhalfopen below ${n}, or raise its threshold (strongSwan: ` +
          "charon.cookie_threshold, charon.dos_protection)",
      ),
    failed: ({ failure }, sa, nowMs) => this.#failed(failure, sa, nowMs),
    child_failed: ({ failure }, sa, nowMs) => this.#failed(failure, sa, nowMs),
    create_child_failed: ({ failure }, sa, nowMs) => this.#failed(failure, sa, nowMs),
  };

  #failed({ cause }: Failure, sa: IkeSa, nowMs: number): void {
    if (cause === NO_MORE) {
      this.#count(
        NO_MORE,
        nowMs,
        () =>
          "the peer accepted no more SAs. Set fewer in numberoftunnels or childlist, or raise its limit",
      );
    }
    // A peer that does not exist answers no request.
    if (cause !== "NO_ANSWER" || sa.phase !== "init" && sa.phase !== "closed") return;
    if (sa.suite !== undefined || this.#establishedMs <= sa.startedMs) return;
    this.#count(
      SILENCE,
      nowMs,
      (n) =>
        `tunnel ${sa.index} had no answer to IKE_SA_INIT while others were established, ${n} being on ` +
        "their way. The peer drops requests: set maxhalfopen or a longer setupinterval, or raise its " +
        "limits (strongSwan: charon.block_threshold, charon.init_limit_half_open)",
    );
  }

  #count(cause: string, nowMs: number, wordsOf: (halfOpen: number) => string): void {
    this.#counts.add(cause, () => {
      const sinceMs = Math.round(nowMs - (this.#beganMs ?? nowMs));
      const words = `from ${showDuration(sinceMs)} on: ${wordsOf(this.#options.halfOpen())}`;
      this.#options.say(3, `The peer throttles, ${words}`);
      return words;
    });
  }
}
