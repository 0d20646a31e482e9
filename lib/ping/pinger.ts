/**
 * The ping test: sends echo requests of any number of tasks at a common interval, and judges what becomes of
 * them. It has no clock and no timer: its driver calls {@linkcode Pinger.pump} at the time of {@linkcode
 * Pinger.nextMs}. As all tasks have one interval, the order in which they are due is a queue.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { PingCarrier, ReplyReceiver } from "@/ping/carrier.ts";
import { TaskCounts } from "@/ping/task_counts.ts";
import { TaskTable } from "@/ping/task_table.ts";
import { RequestWindow, slotsFor } from "@/ping/window.ts";

/** Options that all tasks share. */
export interface PingerOptions {
  readonly carrier: PingCarrier;
  readonly intervalMs: number;
  /** Expected number of tasks; there may be more. */
  readonly tasks: number;
  /** The first identifier, uint16. */
  readonly firstIdentifier: number;
  /** Reads the driver's clock, for actions that take longer than a moment. */
  readonly nowMs: () => number;
  /** Is called for a reply in time, `latencyMs` after its request. */
  readonly replied: (latencyMs: number) => void;
  /**
   * Is called for the first reply of a task, `sinceUpMs` after its tunnel was established, if that time is
   * known.
   */
  readonly first: (sinceUpMs: number) => void;
  /** Is called for a request that nobody answered in time, with the time at which it was sent. */
  readonly lost?: (task: number, sentMs: number) => void;
}

/** A ping task that is to be added. */
export interface NewTask {
  /** The own address; unspecified: the carrier chooses it. */
  readonly own: IpAddress;
  readonly peer: IpAddress;
  /** When its tunnel was established, on the driver's clock; NaN: unknown. */
  readonly upMs: number;
  /** When the task begins; never before a task that was added earlier. */
  readonly startMs: number;
}

/** Counters of all tasks since they were last cleared. */
export interface PingTotals {
  sent: number;
  /** Number of requests that were answered in time. */
  received: number;
  /** Number of requests that nobody answered in time. */
  lost: number;
  /** Number of replies to requests that had been answered already. */
  duplicates: number;
  /** Number of replies to requests that had been counted as lost. */
  late: number;
  /** Number of replies that came after the reply to a later request. */
  reordered: number;
  /** Number of replies with a wrong checksum or a changed payload, which answer nothing. */
  altered: number;
  /** The most consecutive requests of one task that were lost. */
  burstMax: number;
}

/** Number of requests that are sent between two readings of the clock. */
const BATCH = 64;
/** The most requests of one call of {@linkcode Pinger.pump}. */
const PUMP_MAX = 2048;
/** Milliseconds by which a short interval may be caught up. */
const CATCH_UP_MS = 20;

/** Drives all ping tasks of a test. */
export class Pinger implements ReplyReceiver {
  readonly table: TaskTable;
  readonly counts: TaskCounts;
  readonly totals: PingTotals = nothing();
  readonly #options: PingerOptions;
  readonly #window: RequestWindow;
  /** Own addresses of tasks whose address the carrier chose, as replies have shown them. */
  readonly #told = new Map<number, IpAddress>();
  /** Index of the first task that has not begun. */
  #begun = 0;
  /** Tasks that have begun, in the order in which they are due. */
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

  /** Adds a task; undefined: its replies could not be told from those of other tasks. */
  add({ own, peer, upMs, startMs }: NewTask): number | undefined {
    const task = this.table.add(own, peer);
    if (task === undefined) return undefined;
    this.counts.reach(task);
    this.#window.reach(task);
    this.counts.upMs[task] = upMs;
    this.counts.dueMs[task] = startMs;
    return task;
  }

  /** Sets when the tunnel of a task was established, if that was unknown. */
  tunnelUp(task: number, nowMs: number): void {
    if (Number.isNaN(this.counts.upMs[task])) this.counts.upMs[task] = nowMs;
  }

  /** The addresses of both ends; the own one is unspecified until it is known. */
  endsOf(task: number): readonly [own: IpAddress, peer: IpAddress] {
    return [
      (this.#told.get(task) ?? this.table.ownOf(task)).slice(),
      this.table.peerOf(task).slice(),
    ];
  }

  /** Number of tasks that have begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Number of requests that may still be answered. */
  get outstanding(): number {
    return this.totals.sent - this.totals.received - this.totals.lost;
  }

  /** When {@linkcode pump} has something to do; Infinity: not before a task is added. */
  nextMs(): number {
    if (this.#stopped) return Infinity;
    const { dueMs } = this.counts;
    const begins = this.#begun < this.table.count ? dueMs[this.#begun]! : Infinity;
    return Math.min(begins, this.#ring.size > 0 ? dueMs[this.#ring.first]! : Infinity);
  }

  /** Sends the requests that are due, up to a limit. If some are left, {@linkcode nextMs} says so. */
  pump(): void {
    const { carrier, nowMs: clock } = this.#options;
    let nowMs = clock();
    for (let sent = 0; sent < PUMP_MAX && this.nextMs() <= nowMs; sent++) {
      if (sent % BATCH === 0 && sent > 0) {
        carrier.flush();
        nowMs = clock();
      }
      const { dueMs } = this.counts;
      const next = this.#begun;
      const begins = next < this.table.count && dueMs[next]! <= nowMs;
      if (begins) this.#begun++;
      this.#turn(begins ? next : this.#ring.shift(), nowMs);
    }
    carrier.flush();
  }

  /** Takes a reply; see {@linkcode ReplyReceiver}. */
  reply(own: IpAddress, peer: IpAddress, identifier: number, wire: number): boolean {
    const task = this.table.find(own, peer, identifier);
    if (task === undefined) return false;
    const { counts, totals } = this;
    const last = counts.next[task]! - 1;
    // The reply is to the latest request with these lower 16 bits of the sequence number.
    const sequence = last - (last - wire & 0xffff);
    if (sequence < 0 || sequence < counts.base[task]!) return true;
    if (sequence < counts.judged[task]!) return !!++totals.late;
    const sentMs = this.#window.sentMs(task, sequence);
    if (sentMs === undefined) return !!++totals.duplicates;
    this.#answered(task, sequence, Math.max(0, this.#options.nowMs() - sentMs));
    if (!this.#told.has(task) && isAny(this.table.ownOf(task))) this.#told.set(task, own.slice());
    return true;
  }

  /** Takes an altered reply; see {@linkcode ReplyReceiver}. */
  altered(own: IpAddress, peer: IpAddress, identifier: number): boolean {
    if (this.table.find(own, peer, identifier) === undefined) return false;
    this.totals.altered++;
    return true;
  }

  /**
   * Pauses a task whose tunnel is taken down on purpose: it sends nothing, and its unanswered requests no
   * longer count, not even as sent.
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

  /** Resumes a paused task, as its tunnel is established again. */
  resume(task: number): void {
    this.counts.paused[task] = 0;
  }

  /** Stops sending; replies still count. */
  stop(): void {
    this.#stopped = true;
  }

  /** Judges all requests, so that those without an answer are lost. */
  judgeAll(): void {
    for (let task = 0; task < this.#begun; task++) this.#judge(task, this.counts.next[task]!);
  }

  /** Sets all counters to zero. Unanswered requests and their replies no longer count. */
  clear(): void {
    this.counts.clear(this.table.count);
    Object.assign(this.totals, nothing());
  }

  #turn(task: number, nowMs: number): void {
    const { counts } = this;
    const { intervalMs } = this.#options;
    if (counts.paused[task] === 0) this.#request(task, nowMs);
    // A driver that was held up must not catch up with a burst; the order of the queue is kept.
    const onTimeMs = counts.dueMs[task]! + intervalMs;
    const leastMs = nowMs + leastPause(intervalMs);
    this.#lastDueMs = Math.max(onTimeMs, leastMs, this.#lastDueMs);
    counts.dueMs[task] = this.#lastDueMs;
    this.#ring.push(task);
  }

  #request(task: number, nowMs: number): void {
    const { counts, table, totals } = this;
    const { carrier } = this.#options;
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

  /** Judges the requests before `end`: they are answered, or lost. */
  #judge(task: number, end: number): void {
    const { counts, totals } = this;
    for (let sequence = counts.judged[task]!; sequence < end; sequence++) {
      counts.judged[task] = sequence + 1;
      const sentMs = this.#window.sentMs(task, sequence);
      if (sentMs === undefined) {
        counts.burst[task] = 0;
        continue;
      }
      this.#options.lost?.(task, sentMs);
      totals.lost++;
      counts.lost[task]!++;
      const burst = ++counts.burst[task]!;
      if (burst > counts.burstMax[task]!) counts.burstMax[task] = burst;
      if (burst > totals.burstMax) totals.burstMax = burst;
    }
  }
}

/**
 * The smallest pause between two requests of a task: a driver with ticks longer than the interval sends
 * several.
 */
function leastPause(intervalMs: number): number {
  return intervalMs > 2 * CATCH_UP_MS ? intervalMs / 2 : -CATCH_UP_MS;
}

function nothing(): PingTotals {
  return {
    sent: 0,
    received: 0,
    lost: 0,
    duplicates: 0,
    late: 0,
    reordered: 0,
    altered: 0,
    burstMax: 0,
  };
}

function isAny(address: IpAddress): boolean {
  for (const octet of address) if (octet !== 0) return false;
  return true;
}

/** A queue of tasks in a ring buffer that grows. */
class DueRing {
  size = 0;
  #tasks = new Uint32Array(64);
  #at = 0;

  /** The first task; the queue must not be empty. */
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
