/**
 * The order in which a client dials its tunnels: those that failed, when their pause is over, then those that
 * were up before, then new ones at their configured rate.
 * @module
 */
import { Arrivals } from "@/engine/load/arrivals.ts";
import type { LoadPlan } from "@/engine/run/plan.ts";
import { indexInSlice, sizeOfSlice, type Slice, WHOLE } from "@/base/slice.ts";

/** Milliseconds of creation that may be caught up after the process was held up. */
const CATCH_UP_MS = 100;
/** The list of failed tunnels is copied once so many of its first entries have been dialled. */
const TAKEN_MAX = 1_000;

/** A tunnel that is due. */
export interface DueTunnel {
  readonly index: number;
  /** Whether it was up before, or is up and authenticates again. */
  readonly wasUp: boolean;
}

/** When new tunnels are due. */
export interface DialPace {
  /** Milliseconds between two new tunnels of all slices; 0: they are made as fast as the peer follows. */
  readonly intervalMs: number;
  /** The stages of a load, which take the place of the interval; absent: there are none. */
  readonly load?: LoadPlan | undefined;
}

/** The tunnels of one client that wait until they are dialled. Times are in milliseconds. */
export class DialQueue {
  readonly #slice: Slice;
  /** Number of tunnels of the slice. */
  readonly #tunnels: number;
  readonly #intervalMs: number;
  readonly #arrivals: Arrivals | undefined;
  /** By the stages of a load: how long after the begin each dialled tunnel of the slice was due. */
  readonly #due: Float64Array;
  /** How many tunnels were tried, and when the next one is due. */
  #next = 0;
  #nextMs = 0;
  /** When tunnel 0 was due. */
  #beganMs = 0;
  /** Tunnels that are to be tried again, by time, from index `#retryAt` on. */
  #retries: { readonly index: number; readonly atMs: number }[] = [];
  #retryAt = 0;
  /** Tunnels that were up before, or are up and authenticate again. */
  readonly #again: number[] = [];

  /** The tunnels of a slice of `tunnels`, which are due when they would be if one process made all. */
  constructor(tunnels: number, { intervalMs, load }: DialPace, slice: Slice = WHOLE) {
    this.#slice = slice;
    this.#tunnels = sizeOfSlice(slice, tunnels);
    this.#intervalMs = intervalMs;
    this.#arrivals = load && new Arrivals(load);
    this.#due = new Float64Array(load ? this.#tunnels : 0);
  }

  /** Records that tunnel 0 is due now, whichever slice has it. */
  begin(nowMs: number): void {
    this.#beganMs = nowMs;
    const first = indexInSlice(this.#slice, 0);
    if (this.#arrivals) this.#arriveNext();
    else this.#nextMs = nowMs + first * this.#intervalMs;
  }

  /** The number of tunnels that were dialled at least once. */
  get created(): number {
    return this.#next;
  }

  /** Whether no tunnel waits. */
  get isEmpty(): boolean {
    return this.#retries.length === this.#retryAt && this.#again.length === 0 &&
      this.#next === this.#tunnels;
  }

  /** How long ago a tunnel was due; undefined: tunnels are made as fast as the peer follows. */
  sinceDueMs(index: number, nowMs: number): number | undefined {
    if (this.#arrivals) {
      const nth = (index - indexInSlice(this.#slice, 0)) / this.#slice.of;
      return nowMs - (this.#beganMs + this.#due[nth]!);
    }
    return this.#intervalMs === 0 ? undefined : nowMs - (this.#beganMs + index * this.#intervalMs);
  }

  /** Adds a tunnel whose set-up has failed. The pause is the same for all, so `atMs` never decreases. */
  retry(index: number, atMs: number): void {
    this.#retries.push({ index, atMs });
  }

  /** Adds a tunnel that was up before, or is up and authenticates again. It is due at once. */
  dialAgain(index: number): void {
    this.#again.push(index);
  }

  /** Takes the next tunnel that is due; undefined: there is none. */
  take(nowMs: number): DueTunnel | undefined {
    const retry = this.#retries[this.#retryAt];
    if (retry && retry.atMs <= nowMs) {
      this.#takeRetry();
      return { index: retry.index, wasUp: false };
    }
    if (this.#again.length > 0) return { index: this.#again.shift()!, wasUp: true };
    if (this.#next === this.#tunnels || this.#nextMs > nowMs) return undefined;
    const index = indexInSlice(this.#slice, this.#next++);
    if (this.#arrivals) this.#arriveNext();
    else {
      const stepMs = this.#intervalMs * this.#slice.of;
      this.#nextMs = Math.max(this.#nextMs + stepMs, nowMs - CATCH_UP_MS);
    }
    return { index, wasUp: false };
  }

  /** When the next tunnel is due, not before `nowMs` if it was up before; Infinity: none waits. */
  dueMs(nowMs: number): number {
    const retryMs = this.#retries[this.#retryAt]?.atMs ?? Infinity;
    const againMs = this.#again.length > 0 ? nowMs : Infinity;
    return Math.min(retryMs, againMs, this.#next < this.#tunnels ? this.#nextMs : Infinity);
  }

  /** Sets when the next tunnel is due by the stages; what could not be dialled yet stays due. */
  #arriveNext(): void {
    if (this.#next >= this.#tunnels) return;
    const atMs = this.#arrivals!.atMs(indexInSlice(this.#slice, this.#next));
    this.#due[this.#next] = atMs;
    this.#nextMs = this.#beganMs + atMs;
  }

  #takeRetry(): void {
    if (++this.#retryAt < TAKEN_MAX) return;
    this.#retries = this.#retries.slice(this.#retryAt);
    this.#retryAt = 0;
  }
}
