/**
 * Decides how many packets are lost, by the second in which they were sent: some seconds after it, what has not
 * come back is lost. A packet tells itself when it was sent.
 * @module
 */

/** How long packets are waited for after the second in which they were sent, in milliseconds. */
const WAIT_MS = 2_000;
const SECOND_MS = 1_000;
/**
 * A process that has looked at nothing for so long was held up: packets that came meanwhile still wait to be
 * read, for which it then has some time.
 */
const HELD_UP_MS = 1_000;
const READ_MS = 500;
/** Seconds that are kept, more than can be open at a time. */
const KEPT = 8;

/** The counts of the last seconds. */
export class SecondCounts {
  /** Packets that did not come back in time, those that did, and those that came after they were lost. */
  lost = 0;
  received = 0;
  late = 0;
  readonly #startMs: number;
  readonly #sent = new Float64Array(KEPT);
  readonly #came = new Float64Array(KEPT);
  /** Seconds before this one are judged, those from `#end` on have no packet yet. */
  #judged = 0;
  #end = 0;
  #lastMs = Infinity;
  #holdUntilMs = -Infinity;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** Judges the seconds whose time is up. */
  advance(nowMs: number): void {
    if (nowMs - this.#lastMs > HELD_UP_MS) this.#holdUntilMs = nowMs + READ_MS;
    this.#lastMs = nowMs;
    if (nowMs < this.#holdUntilMs) return;
    const due = Math.floor((nowMs - this.#startMs - WAIT_MS) / SECOND_MS);
    while (this.#judged < this.#end && this.#judged < due) this.#judge();
    this.#judged = Math.max(this.#judged, due);
  }

  /** Judges everything. */
  judgeAll(): void {
    while (this.#judged < this.#end) this.#judge();
  }

  /** Counts a packet that is sent. */
  sent(nowMs: number): void {
    const second = this.#secondOf(nowMs);
    while (second - this.#judged >= KEPT) this.#judge();
    this.#end = Math.max(this.#end, second + 1);
    this.#sent[second % KEPT]!++;
  }

  /** Whether the second in which a packet was sent is judged. */
  isJudged(sentMs: number): boolean {
    return this.#secondOf(sentMs) < this.#judged;
  }

  /** Counts a packet that came back. */
  came(sentMs: number): void {
    this.received++;
    this.#came[this.#secondOf(sentMs) % KEPT]!++;
  }

  #judge(): void {
    const at = this.#judged++ % KEPT;
    this.lost += Math.max(0, this.#sent[at]! - this.#came[at]!);
    this.#sent[at] = this.#came[at] = 0;
  }

  #secondOf(ms: number): number {
    return Math.max(0, Math.floor((ms - this.#startMs) / SECOND_MS));
  }
}
