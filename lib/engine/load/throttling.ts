/**
 * Recognizes at a client that its peer throttles: it demands cookies, does not answer some requests while it
 * answers others, or refuses further SAs. Each is reported when it begins, and counted.
 *
 * A peer that limits half-open SAs, in all or for each source address, drops the IKE_SA_INIT requests of those
 * beyond its limit. A network that loses messages does so with any number of them. So the client remembers for
 * each set-up how many were on their way when it began, and whether its first request was answered.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { CauseCounts } from "@/engine/show/cause_counts.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";

/** The names by which it is counted. */
const COOKIES = "COOKIE";
const SILENCE = "SILENCE";
const NO_MORE = "NO_ADDITIONAL_SAS";

/** Numbers of set-ups on their way that are told apart; more of them count as so many. */
const ON_THEIR_WAY_MAX = 4_096;
/** The least number of set-ups below a limit that were answered, and of those above it that were not. */
const SURE_MIN = 3;
/** The least part of the set-ups above a limit whose first request was not answered. */
const SILENT_PART = 0.5;

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
  /** How many set-ups were on their way when that of a tunnel began, itself included. */
  readonly #begun = new Map<number, number>();
  /** Set-ups by that number: those whose first request was answered, and those whose was not. */
  readonly #answered = new Uint32Array(ON_THEIR_WAY_MAX + 1);
  readonly #silent = new Uint32Array(ON_THEIR_WAY_MAX + 1);
  /** When the first request was sent that was not answered while others were; undefined: there is none. */
  #silentMs: number | undefined;
  /** The limit that was reported. */
  #told: number | undefined;

  constructor(options: ThrottlingOptions) {
    this.#options = options;
  }

  /** The recognized means, the most frequent first. */
  figures(): FailureFigures[] {
    const limit = this.#limit();
    const known = this.#counts.figures();
    if (limit === undefined) return known;
    const count = this.#silent.reduce((sum, n) => sum + n, 0);
    const words = this.#silenceWords(limit);
    return [...known.filter(({ cause }) => cause !== SILENCE), {
      cause: SILENCE,
      count,
      example: words,
    }].sort((a, b) => b.count - a.count);
  }

  /** Records that a tunnel is dialled. */
  begun(index: number, nowMs: number): void {
    this.#beganMs ??= nowMs;
    this.#begun.set(index, Math.min(ON_THEIR_WAY_MAX, this.#options.halfOpen()));
  }

  readonly handlers: EffectHandlers = {
    established: (_, _sa, nowMs) => void (this.#establishedMs = nowMs),
    answered: ({ exchange, transmissions }, sa) => {
      if (exchange === ExchangeType.IKE_SA_INIT) this.#heard(sa, transmissions > 1);
    },
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
    if (sa.suite !== undefined) return;
    this.#heard(sa, true);
    if (this.#establishedMs <= sa.startedMs) return;
    this.#count(
      SILENCE,
      nowMs,
      (n) =>
        `tunnel ${sa.index} had no answer to IKE_SA_INIT while others were established, ${n} being on ` +
        `their way. The peer drops requests: set maxhalfopen or a longer setupinterval, or ${RAISE}`,
    );
  }

  /** Records whether the first request of a set-up was answered, while others were. */
  #heard({ index, startedMs }: IkeSa, isSilent: boolean): void {
    const onTheirWay = this.#begun.get(index);
    if (onTheirWay === undefined) return;
    this.#begun.delete(index);
    if (!isSilent) return void this.#answered[onTheirWay]!++;
    if (this.#establishedMs <= startedMs) return;
    this.#silent[onTheirWay]!++;
    this.#silentMs ??= startedMs;
    const limit = this.#limit();
    if (limit === undefined || this.#told !== undefined) return;
    this.#told = limit;
    this.#options.say(3, `The peer throttles, ${this.#silenceWords(limit)}`);
  }

  /**
   * The most set-ups on their way with which all first requests were answered, where most of those with more
   * were not; undefined: there is no such number.
   */
  #limit(): number | undefined {
    const first = this.#silent.findIndex((n) => n > 0);
    if (first < 1) return undefined;
    const sum = (counts: Uint32Array, from: number, to?: number) =>
      counts.subarray(from, to).reduce((total, n) => total + n, 0);
    const silent = sum(this.#silent, first);
    const isSure = sum(this.#answered, 0, first) >= SURE_MIN && silent >= SURE_MIN &&
      silent >= SILENT_PART * (silent + sum(this.#answered, first));
    return isSure ? first - 1 : undefined;
  }

  #silenceWords(limit: number): string {
    const silent = this.#silent.reduce((sum, n) => sum + n, 0);
    const above = this.#answered.subarray(limit + 1).reduce((sum, n) => sum + n, silent);
    const sinceMs = Math.round((this.#silentMs ?? 0) - (this.#beganMs ?? 0));
    return `from ${
      showDuration(sinceMs)
    } on: of ${above} set-ups that began with more than ${limit} on ` +
      `their way, itself included, the peer did not answer the first request of ${silent}, and it answered ` +
      `all others. It drops requests beyond a number of half-open SAs, in all or for each source address: ` +
      `set maxhalfopen to ${limit}, or ${RAISE}`;
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

/** The end of sentences about silence. */
const RAISE =
  "raise its limits (strongSwan: charon.block_threshold, charon.init_limit_half_open, " +
  "charon.dos_protection)";
