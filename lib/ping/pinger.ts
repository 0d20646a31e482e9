/**
 * The ping test: echo requests of any number of tasks, each at its own pace, and what becomes of them.
 * It has no clock and no timer of its own: who drives it calls {@linkcode Pinger.pump} by
 * {@linkcode Pinger.nextMs}. All tasks have one interval, so that who is due next is a queue.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { PingCarrier, ReplyReceiver } from "@/ping/carrier.ts";
import { TaskCounts } from "@/ping/task_counts.ts";
import { TaskTable } from "@/ping/task_table.ts";
import { RequestWindow, slotsFor } from "@/ping/window.ts";

/** What all tasks have in common. */
export interface PingerOptions {
  readonly carrier: PingCarrier;
  readonly intervalMs: number;
  /** Tasks that are expected; more may come. */
  readonly tasks: number;
  /** uint16. */
  readonly firstIdentifier: number;
  /** The caller's clock, for what takes longer than a moment. */
  readonly nowMs: () => number;
  /** A reply in time; `latencyMs` since its request. */
  readonly replied: (latencyMs: number) => void;
  /** The first reply of a task whose tunnel was up at a known time, so long ago. */
  readonly first: (sinceUpMs: number) => void;
}

/** A ping task to be. */
export interface TaskWish {
  /** Unspecified: the carrier's choice. */
  readonly own: IpAddress;
  readonly peer: IpAddress;
  /** When its tunnel was up, on the caller's clock; NaN: not known. */
  readonly upMs: number;
  /** When it begins; never before one that was added earlier. */
  readonly startMs: number;
}

/** What was counted over all tasks since the last clearing. */
export interface PingTotals {
  sent: number;
  /** Replies in time, each request counted once. */
  received: number;
  /** Requests nobody answered in time. */
  lost: number;
  /** Replies to requests that had one already. */
  duplicates: number;
  /** Replies to requests that were given up. */
  late: number;
  /** Replies that came after a reply to a later request. */
  reordered: number;
  /** Replies whose checksum or payload was not what was sent: they answer nothing. */
  altered: number;
  /** Most requests of one task lost one after the other. */
  burstMax: number;
}

/** Requests between two looks at the clock. */
const BATCH = 64;
/** Requests of one call of {@linkcode Pinger.pump}. */
const PUMP_MAX = 2048;
/** How far a short interval may catch up. */
const CATCH_UP_MS = 20;

/** See the module. */
export class Pinger implements ReplyReceiver {
  readonly table: TaskTable;
  readonly counts: TaskCounts;
  readonly totals: PingTotals = nothing();
  readonly #options: PingerOptions;
  readonly #window: RequestWindow;
  /** Own addresses that replies have told, of tasks that leave theirs to the carrier. */
  readonly #told = new Map<number, IpAddress>();
  /** Tasks that have not begun, from `#begun` on, in their order. */
  #begun = 0;
  /** Tasks that have begun, by when they are due: a ring. */
  readonly #ring = new DueRing();
  #lastDueMs = -Infinity;
  #stopped = false;

  constructor(options: PingerOptions) {
    const { carrier, firstIdentifier, intervalMs, tasks } = options;
    this.#options = options;
    this.counts = new TaskCounts(tasks);
    this.table = new TaskTable(firstIdentifier, tasks);
    this.#window = new RequestWindow(slotsFor(intervalMs, tasks), tasks);
    carrier.receiver = this;
  }

  /** Adds a task; undefined: its replies could not be told from those of others. */
  add({ own, peer, upMs, startMs }: TaskWish): number | undefined {
    const task = this.table.add(own, peer);
    if (task === undefined) return undefined;
    this.counts.reach(task);
    this.#window.reach(task);
    this.counts.upMs[task] = upMs;
    this.counts.dueMs[task] = startMs;
    return task;
  }

  /** Its tunnel is up, where that was not known before. */
  tunnelUp(task: number, nowMs: number): void {
    if (Number.isNaN(this.counts.upMs[task])) this.counts.upMs[task] = nowMs;
  }

  /** Own and peer's address; the own one is unspecified until it is known. */
  endsOf(task: number): readonly [own: IpAddress, peer: IpAddress] {
    return [
      (this.#told.get(task) ?? this.table.ownOf(task)).slice(),
      this.table.peerOf(task).slice(),
    ];
  }

  /** Tasks that have begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Requests that may still be answered. */
  get outstanding(): number {
    return this.totals.sent - this.totals.received - this.totals.lost;
  }

  /** When {@linkcode pump} is worth calling; Infinity: not without a new task. */
  nextMs(): number {
    if (this.#stopped) return Infinity;
    const { dueMs } = this.counts;
    const begins = this.#begun < this.table.count ? dueMs[this.#begun]! : Infinity;
    return Math.min(begins, this.#ring.size > 0 ? dueMs[this.#ring.first]! : Infinity);
  }

  /** Sends what is due, up to a limit: some may be left, and {@linkcode nextMs} says so. */
  pump(): void {
    const { carrier, nowMs: clock } = this.#options;
    let nowMs = clock();
    for (let sent = 0; sent < PUMP_MAX && this.nextMs() <= nowMs; sent++) {
      if (sent % BATCH === 0 && sent > 0) {
        carrier.flush();
        nowMs = clock();
      }
      const { dueMs } = this.counts, next = this.#begun;
      const begins = next < this.table.count && dueMs[next]! <= nowMs;
      if (begins) this.#begun++;
      this.#turn(begins ? next : this.#ring.shift(), nowMs);
    }
    carrier.flush();
  }

  /** See {@linkcode ReplyReceiver}. */
  reply(own: IpAddress, peer: IpAddress, identifier: number, wire: number): boolean {
    const task = this.table.find(own, peer, identifier);
    if (task === undefined) return false;
    const { counts, totals } = this, last = counts.next[task]! - 1;
    // The latest request that has these lower bits.
    const sequence = last - (last - wire & 0xffff);
    if (sequence < 0 || sequence < counts.base[task]!) return true;
    if (sequence < counts.judged[task]!) return !!++totals.late;
    const sentMs = this.#window.sentMs(task, sequence);
    if (sentMs === undefined) return !!++totals.duplicates;
    this.#answered(task, sequence, Math.max(0, this.#options.nowMs() - sentMs));
    if (!this.#told.has(task) && isAny(this.table.ownOf(task))) this.#told.set(task, own.slice());
    return true;
  }

  /** See {@linkcode ReplyReceiver}. */
  altered(own: IpAddress, peer: IpAddress, identifier: number): boolean {
    if (this.table.find(own, peer, identifier) === undefined) return false;
    this.totals.altered++;
    return true;
  }

  /**
   * A task's tunnel is down on purpose: it sends nothing, and what is on its way counts no more, not
   * even as sent.
   */
  pause(task: number): void {
    const { counts, totals } = this;
    if (counts.paused[task] === 1) return;
    counts.paused[task] = 1;
    for (let sequence = counts.judged[task]!; sequence < counts.next[task]!; sequence++) {
      if (this.#window.sentMs(task, sequence) === undefined) continue;
      totals.sent--;
      counts.sent[task]!--;
    }
    counts.base[task] = counts.judged[task] = counts.next[task]!;
  }

  /** It is up again. */
  resume(task: number): void {
    this.counts.paused[task] = 0;
  }

  /** Nothing more is sent; replies still count. */
  stop(): void {
    this.#stopped = true;
  }

  /** Who has not answered by now will not: all requests are judged. */
  judgeAll(): void {
    for (let task = 0; task < this.#begun; task++) this.#judge(task, this.counts.next[task]!);
  }

  /** Sets all counters to zero. Requests on their way count no more, and neither do their replies. */
  clear(): void {
    this.counts.clear(this.table.count);
    Object.assign(this.totals, nothing());
  }

  #turn(task: number, nowMs: number): void {
    const { counts } = this, { intervalMs } = this.#options;
    if (counts.paused[task] === 0) this.#request(task, nowMs);
    // Who was held up does not catch up with a burst; the queue stays in order.
    const onTimeMs = counts.dueMs[task]! + intervalMs, leastMs = nowMs + leastPause(intervalMs);
    this.#lastDueMs = Math.max(onTimeMs, leastMs, this.#lastDueMs);
    counts.dueMs[task] = this.#lastDueMs;
    this.#ring.push(task);
  }

  #request(task: number, nowMs: number): void {
    const { counts, table, totals } = this, { carrier } = this.#options;
    const sequence = counts.next[task]!++;
    this.#judge(task, sequence + 1 - this.#window.slots);
    this.#window.sent(task, sequence, nowMs);
    totals.sent++;
    counts.sent[task]!++;
    const identifier = table.identifierOf(task);
    carrier.send(table.ownOf(task), table.peerOf(task), identifier, sequence & 0xffff);
  }

  #answered(task: number, sequence: number, latencyMs: number): void {
    const { counts, totals } = this;
    this.#window.answered(task, sequence);
    totals.received++;
    counts.received[task]!++;
    if (sequence + 1 < counts.top[task]!) totals.reordered++;
    else counts.top[task] = sequence + 1;
    counts.addLatency(task, latencyMs);
    this.#options.replied(latencyMs);
    if (!Number.isNaN(counts.firstMs[task]) || Number.isNaN(counts.upMs[task])) return;
    const sinceUpMs = this.#options.nowMs() - counts.upMs[task]!;
    counts.firstMs[task] = sinceUpMs;
    this.#options.first(sinceUpMs);
  }

  /** Requests before `end` are answered, or lost. */
  #judge(task: number, end: number): void {
    const { counts, totals } = this;
    for (let sequence = counts.judged[task]!; sequence < end; sequence++) {
      counts.judged[task] = sequence + 1;
      if (this.#window.sentMs(task, sequence) === undefined) {
        counts.burst[task] = 0;
        continue;
      }
      totals.lost++;
      counts.lost[task]!++;
      const burst = ++counts.burst[task]!;
      if (burst > counts.burstMax[task]!) counts.burstMax[task] = burst;
      if (burst > totals.burstMax) totals.burstMax = burst;
    }
  }
}

/** Who is driven by ticks longer than the interval sends several at a time. */
function leastPause(intervalMs: number): number {
  return intervalMs > 2 * CATCH_UP_MS ? intervalMs / 2 : -CATCH_UP_MS;
}

function nothing(): PingTotals {
  return {
    ...{ sent: 0, received: 0, lost: 0, duplicates: 0, late: 0, reordered: 0, altered: 0 },
    burstMax: 0,
  };
}

function isAny(address: IpAddress): boolean {
  for (const octet of address) if (octet !== 0) return false;
  return true;
}

/** A queue of tasks in a ring that grows. */
class DueRing {
  size = 0;
  #tasks = new Uint32Array(64);
  #at = 0;

  /** The first; there must be one. */
  get first(): number {
    return this.#tasks[this.#at]!;
  }

  push(task: number): void {
    if (this.size === this.#tasks.length) this.#grow();
    this.#tasks[this.#at + this.size & this.#tasks.length - 1] = task;
    this.size++;
  }

  shift(): number {
    const task = this.first;
    this.#at = this.#at + 1 & this.#tasks.length - 1;
    this.size--;
    return task;
  }

  #grow(): void {
    const grown = new Uint32Array(2 * this.#tasks.length);
    grown.set(this.#tasks.subarray(this.#at));
    grown.set(this.#tasks.subarray(0, this.#at), this.#tasks.length - this.#at);
    [this.#tasks, this.#at] = [grown, 0];
  }
}
