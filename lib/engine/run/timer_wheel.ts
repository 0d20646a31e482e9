/**
 * A hashed timer wheel for all deadlines of a run. An item has its own `deadlineMs`; the wheel only knows in
 * which tick to look at it next. Moving a deadline to a later time, or removing it, costs nothing: when the
 * old tick comes, the item is moved to where it belongs.
 * @module
 */

/** Something with a deadline on the caller's clock, in milliseconds; Infinity: it has none. */
export interface Timed {
  deadlineMs: number;
}

const SLOT_COUNT = 4096;
/** Marks an item whose tick has come and that was not looked at yet. */
const LEFT = -1;

/** What is done with items whose tick has come. */
interface Work<T> {
  readonly nowMs: number;
  readonly due: (item: T) => void;
  readonly enough: () => boolean;
}

/** A wheel of 4096 slots. A deadline that is more than one revolution away is passed over until it is due. */
export class TimerWheel<T extends Timed> {
  readonly #tickMs: number;
  /** Items by tick modulo the number of slots, with the tick for which each entry was made. */
  readonly #items: T[][] = Array.from({ length: SLOT_COUNT }, () => []);
  readonly #ticks: number[][] = Array.from({ length: SLOT_COUNT }, () => []);
  /** The tick in which each item is expected; an entry for another tick is outdated. */
  readonly #awaited = new Map<T, number>();
  /** Items whose tick has come but that were left when `enough` was true, in order. */
  #left: T[] = [];
  /** The last tick whose items were handled. */
  #tick: number;
  /** No slot before this tick has an item, so that the search for the next one begins here. */
  #hint: number;

  /** `nowMs` is the caller's clock; `tickMs` is by how much a deadline may be noticed late. */
  constructor(nowMs: number, tickMs = 10) {
    this.#tickMs = tickMs;
    this.#tick = Math.floor(nowMs / tickMs);
    this.#hint = this.#tick + 1;
  }

  /** Number of items that are waited for. */
  get size(): number {
    return this.#awaited.size;
  }

  /** Must be called whenever an item is new or its deadline has changed. */
  arm(item: T): void {
    if (item.deadlineMs === Infinity) return;
    const tick = this.#tickOf(item.deadlineMs);
    const awaited = this.#awaited.get(item);
    if (awaited === undefined || tick < awaited) this.#put(item, tick);
  }

  /** Removes an item. */
  disarm(item: T): void {
    this.#awaited.delete(item);
  }

  /**
   * Calls `due` for every item whose deadline is not after `nowMs`, in the order of ticks, until `enough`
   * returns true; the others are due at the next call. `due` moves the item's deadline; an item whose
   * deadline stays in the past comes again with the next tick.
   */
  advance(nowMs: number, due: (item: T) => void, enough: () => boolean = () => false): void {
    const left = this.#left;
    this.#left = [];
    const isEnough = this.#workOff(left, { nowMs, due, enough });
    if (isEnough) return;
    const last = Math.floor(nowMs / this.#tickMs);
    // If the clock has not been read for long, one revolution covers every slot.
    const first = Math.max(this.#tick + 1, last - SLOT_COUNT + 1);
    for (let tick = first; tick <= last; tick++) {
      const slot = tick % SLOT_COUNT;
      if (this.#items[slot]!.length === 0) continue;
      this.#tick = tick;
      // The remaining ticks are handled by the next call.
      if (this.#workOff(this.#dueOf(slot, last), { nowMs, due, enough })) return;
    }
    this.#tick = Math.max(this.#tick, last);
  }

  /** When {@linkcode advance} has something to do; Infinity: nothing is waited for. */
  nextMs(): number {
    if (this.#awaited.size === 0) return Infinity;
    if (this.#left.length > 0) return -Infinity;
    const first = Math.max(this.#tick + 1, this.#hint);
    for (let tick = first; tick <= this.#tick + SLOT_COUNT; tick++) {
      if (this.#items[tick % SLOT_COUNT]!.length === 0) continue;
      this.#hint = tick;
      return tick * this.#tickMs;
    }
    return Infinity;
  }

  /** Takes the items of a slot whose tick has come; those of later revolutions stay. */
  #dueOf(slot: number, last: number): T[] {
    const items = this.#items[slot]!;
    const ticks = this.#ticks[slot]!;
    const due: T[] = [];
    this.#items[slot] = [];
    this.#ticks[slot] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      const tick = ticks[i]!;
      if (this.#awaited.get(item) !== tick) continue;
      if (tick > last) {
        this.#items[slot]!.push(item);
        this.#ticks[slot]!.push(tick);
        continue;
      }
      this.#awaited.set(item, LEFT);
      due.push(item);
    }
    return due;
  }

  /** Handles items; returns whether `enough` was true, so that the rest waits for the next call. */
  #workOff(items: readonly T[], { nowMs, due, enough }: Work<T>): boolean {
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      if (this.#awaited.get(item) !== LEFT) continue;
      this.#awaited.delete(item);
      const isDue = item.deadlineMs <= nowMs;
      if (isDue) due(item);
      this.arm(item);
      if (!isDue || !enough()) continue;
      for (let rest = i + 1; rest < items.length; rest++) this.#left.push(items[rest]!);
      return true;
    }
    return false;
  }

  #put(item: T, tick: number): void {
    this.#awaited.set(item, tick);
    // An item of a later revolution is in a slot of this one, and is looked at there.
    const near = tick - Math.floor((tick - this.#tick - 1) / SLOT_COUNT) * SLOT_COUNT;
    if (near < this.#hint) this.#hint = near;
    const slot = tick % SLOT_COUNT;
    this.#items[slot]!.push(item);
    this.#ticks[slot]!.push(tick);
  }

  /**
   * The tick of a deadline, rounded up so that nothing is due early, and never one that is already handled.
   */
  #tickOf(deadlineMs: number): number {
    return Math.max(Math.ceil(deadlineMs / this.#tickMs), this.#tick + 1);
  }
}
