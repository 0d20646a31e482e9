/**
 * The order in which a client dials its tunnels: those that failed, when their pause is over, then those that
 * were up before, then new ones at their configured rate.
 * @module
 */

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

/** The tunnels of one client that wait until they are dialled. Times are in milliseconds. */
export class DialQueue {
  readonly #slice: Slice;
  /** Number of tunnels of the slice. */
  readonly #tunnels: number;
  /** Time between two new tunnels of all slices; 0: they are made as fast as the peer follows. */
  readonly #intervalMs: number;
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

  /**
   * The tunnels of a slice of `tunnels`, of which one is due every `intervalMs`: those of the slice are due
   * when they would be if one process made all.
   */
  constructor(tunnels: number, intervalMs: number, slice: Slice = WHOLE) {
    this.#slice = slice;
    this.#tunnels = sizeOfSlice(slice, tunnels);
    this.#intervalMs = intervalMs;
  }

  /** Records that tunnel 0 is due now, whichever slice has it. */
  begin(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#nextMs = nowMs + indexInSlice(this.#slice, 0) * this.#intervalMs;
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
    const stepMs = this.#intervalMs * this.#slice.of;
    this.#nextMs = Math.max(this.#nextMs + stepMs, nowMs - CATCH_UP_MS);
    return { index: indexInSlice(this.#slice, this.#next++), wasUp: false };
  }

  /** When the next tunnel is due, not before `nowMs` if it was up before; Infinity: none waits. */
  dueMs(nowMs: number): number {
    const retryMs = this.#retries[this.#retryAt]?.atMs ?? Infinity;
    const againMs = this.#again.length > 0 ? nowMs : Infinity;
    return Math.min(retryMs, againMs, this.#next < this.#tunnels ? this.#nextMs : Infinity);
  }

  #takeRetry(): void {
    if (++this.#retryAt < TAKEN_MAX) return;
    this.#retries = this.#retries.slice(this.#retryAt);
    this.#retryAt = 0;
  }
}
