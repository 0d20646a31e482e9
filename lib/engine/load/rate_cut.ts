/**
 * Recognizes at a client that its peer completes fewer set-ups a second than before, although tunnels wait for
 * it: it limits the rate, or has less to spare for them.
 * @module
 */

const SECOND_MS = 1_000;
/** The rates of so many seconds are compared; slow peers need more of them. */
const SPANS = [3, 12] as const;
/** Set-ups that a span must have had before, so that the rate is not by chance lower later. */
const SETUPS_MIN = 150;
/** The part of the rate before that is left at most. */
const LEFT_PART = 0.5;

/** A rate that was cut. */
export interface CutRate {
  /** When the first second began that had the lower rate. */
  readonly sinceMs: number;
  /** Set-ups a second before it, and in the seconds by which it was recognized. */
  readonly before: number;
  readonly after: number;
  /** Seconds in which the rate was lower. */
  readonly seconds: number;
}

/** The seconds of a span: its best rate so far, and the last of them. */
interface Span {
  readonly seconds: number;
  best: number;
}

/** Compares the rates of set-ups of one client. */
export class RateCut {
  /** The rate that was cut; undefined: it was not. */
  found: CutRate | undefined;
  readonly #isPressed: () => boolean;
  readonly #spans: readonly Span[] = SPANS.map((seconds) => ({ seconds, best: 0 }));
  /** Set-ups in each of the last seconds in which tunnels waited; emptied by one in which none did. */
  #last: number[] = [];
  #beganMs: number | undefined;
  /** Number of the present second, and the set-ups in it. */
  #second = 0;
  #setups = 0;

  /** `isPressed`: whether tunnels are due that are not dialled, as many are being set up. */
  constructor(isPressed: () => boolean) {
    this.#isPressed = isPressed;
  }

  /** Records the first dial. */
  begun(nowMs: number): void {
    this.#beganMs ??= nowMs;
  }

  /** Records a set-up. */
  established(nowMs: number): void {
    this.begun(nowMs);
    const second = Math.floor((nowMs - this.#beganMs!) / SECOND_MS);
    while (this.#second < second) this.#end();
    this.#setups++;
  }

  /** Ends the present second. */
  #end(): void {
    const setups = this.#setups;
    this.#second++;
    this.#setups = 0;
    // A client that dials nothing more, or only as its own pace wants it, tells nothing of the peer.
    if (!this.#isPressed()) return void (this.#last = []);
    this.#last.push(setups);
    if (this.#last.length > SPANS.at(-1)!) this.#last.shift();
    if (this.found) this.#goesOn(setups);
    else for (const span of this.#spans) this.#compare(span);
  }

  #compare(span: Span): void {
    const { seconds, best } = span;
    if (this.#last.length < seconds) return;
    const ofSpan = this.#last.slice(-seconds);
    const sum = ofSpan.reduce((all, n) => all + n, 0);
    const isCut = best >= SETUPS_MIN && sum <= LEFT_PART * best;
    span.best = Math.max(best, sum);
    if (!isCut || this.found) return;
    const before = best / seconds;
    const low = ofSpan.slice(ofSpan.findIndex((setups) => setups <= LEFT_PART * before));
    this.found = {
      sinceMs: this.#beganMs! + (this.#second - low.length) * SECOND_MS,
      before,
      after: low.reduce((all, n) => all + n, 0) / low.length,
      seconds: low.length,
    };
  }

  #goesOn(setups: number): void {
    const { before, seconds } = this.found!;
    if (setups <= LEFT_PART * before) this.found = { ...this.found!, seconds: seconds + 1 };
  }
}
