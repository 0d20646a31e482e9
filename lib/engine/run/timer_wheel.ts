/**
 * One hashed timer wheel for all deadlines of a run. An item carries its own `deadlineMs`; the wheel
 * only remembers in which tick it will look at it next. A deadline that moves later, or away, costs
 * nothing: when its old tick comes the item is put where it belongs now.
 * @module
 */

/** Something with a deadline on the caller's clock, in milliseconds; Infinity: none. */
export interface Timed {
  deadlineMs: number;
}

const SLOT_COUNT = 4096;
/** Stands for the tick of an item whose own has come, and that was not looked at yet. */
const LEFT = -1;

/** What is done with items whose tick has come. */
interface Work<T> {
  readonly nowMs: number;
  readonly due: (item: T) => void;
  readonly enough: () => boolean;
}

/** A wheel of 4096 slots; a deadline further away than one revolution is passed over until due. */
export class TimerWheel<T extends Timed> {
  readonly #tickMs: number;
  /** Items by tick modulo the slot count, and the tick each entry stands for. */
  readonly #items: T[][] = Array.from({ length: SLOT_COUNT }, () => []);
  readonly #ticks: number[][] = Array.from({ length: SLOT_COUNT }, () => []);
  /** The tick each item is awaited in; an entry of another tick is stale. */
  readonly #awaited = new Map<T, number>();
  /** Items whose tick has come when it was enough, in order. */
  #left: T[] = [];
  /** The last tick that was worked off. */
  #tick: number;
  /** No slot before this tick holds anything: where the search for the next one begins. */
  #hint: number;

  /** `nowMs` is the caller's clock; `tickMs` how late a deadline may be noticed. */
  constructor(nowMs: number, tickMs = 10) {
    this.#tickMs = tickMs;
    this.#tick = Math.floor(nowMs / tickMs);
    this.#hint = this.#tick + 1;
  }

  /** Items that are awaited. */
  get size(): number {
    return this.#awaited.size;
  }

  /** To be called whenever an item is new or its deadline has changed. */
  arm(item: T): void {
    if (item.deadlineMs === Infinity) return;
    const tick = this.#tickOf(item.deadlineMs);
    const awaited = this.#awaited.get(item);
    if (awaited === undefined || tick < awaited) this.#put(item, tick);
  }

  /** Forgets an item. */
  disarm(item: T): void {
    this.#awaited.delete(item);
  }

  /**
   * Calls `due` for every item whose deadline is not after `nowMs`, in order of ticks, until `enough`
   * says so: the others are due when this is called next. `due` moves the item's deadline; an item
   * whose deadline stays in the past comes again with the next tick.
   */
  advance(nowMs: number, due: (item: T) => void, enough: () => boolean = () => false): void {
    const left = this.#left;
    this.#left = [];
    const isEnough = this.#workOff(left, { nowMs, due, enough });
    if (isEnough) return;
    const last = Math.floor(nowMs / this.#tickMs);
    // After a clock that stood still for long, one revolution sees every slot.
    const first = Math.max(this.#tick + 1, last - SLOT_COUNT + 1);
    for (let tick = first; tick <= last; tick++) {
      const slot = tick % SLOT_COUNT;
      if (this.#items[slot]!.length === 0) continue;
      this.#tick = tick;
      // Ticks that were not looked at are still to come.
      if (this.#workOff(this.#dueOf(slot, last), { nowMs, due, enough })) return;
    }
    this.#tick = Math.max(this.#tick, last);
  }

  /** When {@linkcode advance} is worth calling again; Infinity with nothing awaited. */
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
    const items = this.#items[slot]!, ticks = this.#ticks[slot]!, due: T[] = [];
    this.#items[slot] = [];
    this.#ticks[slot] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!, tick = ticks[i]!;
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

  /** Whether it was enough; what is left then waits for the next call. */
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
    // An item of a later revolution lies in a slot of this one, and is looked at there.
    const near = tick - Math.floor((tick - this.#tick - 1) / SLOT_COUNT) * SLOT_COUNT;
    if (near < this.#hint) this.#hint = near;
    const slot = tick % SLOT_COUNT;
    this.#items[slot]!.push(item);
    this.#ticks[slot]!.push(tick);
  }

  /** Rounded up, so that nothing is due early, and never a tick already worked off. */
  #tickOf(deadlineMs: number): number {
    return Math.max(Math.ceil(deadlineMs / this.#tickMs), this.#tick + 1);
  }
}
