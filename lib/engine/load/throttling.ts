/**
 * Recognizes at a client that its peer throttles: it demands cookies, does not answer some requests while it
 * answers others, or refuses further SAs. Each is reported when it begins, and counted.
 *
 * A peer that limits half-open SAs, in all or for each source address, drops IKE_SA_INIT requests beyond its limit,
 * and answers them when they are repeated later. A network that loses messages loses those of IKE_AUTH as well.
 * The limit shows in how many set-ups were at most between the answer to IKE_SA_INIT and their end, as the peer
 * counts them. A peer that lets requests wait shows in the rate at which it completes set-ups (`rate_cut.ts`).
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { RateCut } from "@/engine/load/rate_cut.ts";
import { CauseCounts } from "@/engine/show/cause_counts.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";

/** The names by which it is counted. */
const COOKIES = "COOKIE";
/** The name of silence to some requests while others are answered. */
export const SILENCE = "SILENCE";
const NO_MORE = "NO_ADDITIONAL_SAS";
/** The name of a lower rate at which it completes set-ups. */
const RATE_CUT = "RATE_CUT";

/** The least number of IKE_SA_INIT requests that had to be repeated, and their least part of all. */
const SILENT_MIN = 3;
const SILENT_PART = 0.1;
/** The most IKE_AUTH requests that were repeated, as a part of that: more are lost by a network. */
const AUTH_PART = 0.2;

/** The parts of a run that are needed here. */
export interface ThrottlingOptions {
  /** Number of tunnels that are being set up. */
  readonly halfOpen: () => number;
  /** Whether tunnels are due that are not dialled, as many are being set up. */
  readonly isPressed: () => boolean;
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
  /** Requests that were answered: at once, and after a repetition, while others were established. */
  readonly #init = { answered: 0, repeated: 0 };
  readonly #auth = { answered: 0, repeated: 0 };
  /** Tunnels whose IKE_SA_INIT was answered and that are not complete; the most of them at a time. */
  readonly #open = new Set<number>();
  #openMax = 0;
  /** When the first request was sent that had to be repeated; undefined: there is none. */
  #silentMs: number | undefined;
  #isTold = false;
  readonly #rate: RateCut;
  #isCutTold = false;

  constructor(options: ThrottlingOptions) {
    this.#options = options;
    this.#rate = new RateCut(options.isPressed);
  }

  /** The recognized means, the most frequent first. */
  figures(): FailureFigures[] {
    const found = this.#counts.figures();
    const known = this.#isCut() ? [...found, this.#cutFigure()] : found;
    const most = (figures: FailureFigures[]) => figures.sort((a, b) => b.count - a.count);
    if (!this.#isLimited()) return most(known);
    const failed = known.find(({ cause }) => cause === SILENCE)?.count ?? 0;
    const silence = {
      cause: SILENCE,
      count: failed + this.#init.repeated,
      example: this.#limitWords(),
    };
    return most([...known.filter(({ cause }) => cause !== SILENCE), silence]);
  }

  /** Records that a tunnel is dialled. */
  begun(nowMs: number): void {
    this.#beganMs ??= nowMs;
    this.#rate.begun(nowMs);
  }

  readonly handlers: EffectHandlers = {
    established: (_, { index }, nowMs) => {
      this.#establishedMs = nowMs;
      this.#open.delete(index);
      this.#rate.established(nowMs);
      if (this.#isCutTold || !this.#isCut()) return;
      this.#isCutTold = true;
      this.#options.say(3, `The peer throttles, ${this.#cutFigure().example}`);
    },
    closed: (_, { index }) => void this.#open.delete(index),
    // An answer that demands a cookie opens nothing at the peer.
    keyed: (_, { index, setup }) => {
      if (!setup) return;
      this.#open.add(index);
      this.#openMax = Math.max(this.#openMax, this.#open.size);
    },
    answered: ({ exchange, transmissions }, sa) => {
      if (exchange === ExchangeType.IKE_SA_INIT) this.#initAnswered(sa, transmissions > 1);
      if (exchange !== ExchangeType.IKE_AUTH) return;
      this.#auth.answered++;
      if (transmissions > 1) this.#auth.repeated++;
    },
    cookie_asked: (_, _sa, nowMs) => {
      this.#init.answered--;
      this.#count(
        COOKIES,
        nowMs,
        (n) =>
          `with ${n} tunnels on their way the peer demanded cookies (RFC 7296 §2.6), which cost a round ` +
          `trip each. Set maxhalfopen below ${n}, or raise its threshold (strongSwan: ` +
          "charon.cookie_threshold, charon.dos_protection)",
      );
    },
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
        `their way. The peer drops requests: set maxhalfopen or a longer setupinterval, or ${RAISE}`,
    );
  }

  /** Records an answer to IKE_SA_INIT; its request had to be repeated although the peer was there, or not. */
  #initAnswered({ startedMs }: IkeSa, wasRepeated: boolean): void {
    this.#init.answered++;
    if (!wasRepeated || this.#establishedMs <= startedMs) return;
    this.#init.repeated++;
    this.#silentMs ??= startedMs;
    if (this.#isTold || !this.#isLimited()) return;
    this.#isTold = true;
    this.#options.say(3, `The peer throttles, ${this.#limitWords()}`);
  }

  /** Whether requests of IKE_SA_INIT had to be repeated, and those of IKE_AUTH hardly. */
  #isLimited(): boolean {
    const part = ({ answered, repeated }: { answered: number; repeated: number }) =>
      repeated / Math.max(1, answered);
    const silent = part(this.#init);
    return this.#init.repeated >= SILENT_MIN && silent >= SILENT_PART &&
      part(this.#auth) <= AUTH_PART * silent;
  }

  /** Whether the peer completes fewer set-ups a second than before, and not for requests that it drops. */
  #isCut(): boolean {
    return this.#rate.found !== undefined && !this.#isLimited();
  }

  #cutFigure(): FailureFigures {
    const { sinceMs, before, after, seconds } = this.#rate.found!;
    const from = showDuration(Math.round(sinceMs - (this.#beganMs ?? 0)));
    const example =
      `from ${from} on: the peer completed ${Math.round(after)} set-ups a second, after ` +
      `${
        Math.round(before)
      } before, while tunnels waited for it. It limits the rate, or has less to ` +
      `spare: set a rate of at most ${Math.round(after)} in loadconf.stages, or a longer ` +
      "setupinterval, or raise its limit; unless this host itself was busy (cpuMs of the timeline)";
    return { cause: RATE_CUT, count: seconds, example };
  }

  #limitWords(): string {
    const { answered, repeated } = this.#init;
    const sinceMs = Math.round((this.#silentMs ?? 0) - (this.#beganMs ?? 0));
    return `from ${
      showDuration(sinceMs)
    } on: ${repeated} of ${answered} IKE_SA_INIT requests were answered ` +
      `only when they were repeated, and at most ${this.#openMax} SAs were half-open at the peer at a time. ` +
      "It drops requests beyond a number of half-open SAs, in all or for each source address: set " +
      `maxhalfopen to ${this.#openMax} or less, or ${RAISE}`;
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
