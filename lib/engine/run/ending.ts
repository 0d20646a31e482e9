/**
 * The graceful end of a run: every live SA is deleted, through a window that follows the peers. The end is
 * over when all have answered, or when no answer has arrived for as long as `stoptimeout` says. If the peers
 * do not answer, the remaining Deletes are spread over the remaining time.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { Alarm } from "@/engine/run/core_loop.ts";
import type { RunContext } from "@/engine/run/run_context.ts";
import { DialWindow } from "@/engine/load/dial_window.ts";
import { isLive } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { STOP_MS_PER_TUNNEL } from "@/setup/stop_time.ts";

/** Milliseconds without an answer after which Deletes are sent without waiting for answers. */
const SILENT_MS = 2_000;
/** All Deletes are sent so many milliseconds before the end. */
const LAST_ANSWERS_MS = 1_000;
const STEP_MS = 20;

/** Options of an end. */
export interface EndingOptions {
  /** The most Deletes that are unanswered at a time, as long as peers answer. */
  readonly window: number;
  /** How long an answer is awaited after the last one, in milliseconds. */
  readonly timeoutMs: number;
  readonly nowMs: number;
}

/** Closes all SAs of a run, then calls `finished` once with the number of unanswered Deletes. */
export class Ending implements Alarm, RunPart {
  deadlineMs = 0;
  readonly #context: RunContext;
  readonly #window: DialWindow;
  readonly #timeoutMs: number;
  readonly #finished: (sent: number, unanswered: number) => void;
  /** SAs to be deleted, from index `#next` on. */
  readonly #all: IkeSa[];
  readonly #halfOpen: readonly IkeSa[];
  #next = 0;
  /** SAs that are being deleted, with their numbers in the window; undefined: they are not in it. */
  readonly #open = new Map<IkeSa, number | undefined>();
  #unanswered = 0;
  /** When the last answer arrived; at first the begin of the end. */
  #answeredMs: number;
  /** When the end is over at the latest. */
  readonly #untilMs: number;
  #over = false;

  constructor(
    context: RunContext,
    { window, timeoutMs, nowMs }: EndingOptions,
    finished: (sent: number, unanswered: number) => void,
  ) {
    this.#context = context;
    this.#window = new DialWindow({ max: window, adapts: true });
    this.#timeoutMs = timeoutMs;
    this.#finished = finished;
    this.#answeredMs = nowMs;
    const sas = [...context.loop.endpoint.bySpi.values()];
    this.#all = sas.filter(isLive);
    this.#untilMs = nowMs + timeoutMs + STOP_MS_PER_TUNNEL * this.#all.length;
    this.#halfOpen = sas.filter((sa) => sa.phase !== "closed" && !isLive(sa));
  }

  /** Begins; only within a turn. */
  begin(nowMs: number): void {
    for (const sa of this.#halfOpen) this.#close(sa, undefined);
    this.#send(nowMs);
    this.#check(nowMs);
  }

  ring(nowMs: number): void {
    this.#send(nowMs);
    this.#sendUnasked(nowMs);
    this.#check(nowMs);
  }

  readonly handlers: EffectHandlers = {
    closed: ({ unanswered }, sa, nowMs) => this.#closed(sa, unanswered, nowMs),
    // A rekey that was in progress has ended, so that the new SA is deleted in place of the old one.
    replaced: ({ by }, sa) => void (this.#open.has(sa) && this.#open.set(by, this.#open.get(sa))),
  };

  /** Handles that an SA is gone. */
  #closed(sa: IkeSa, unanswered: boolean, nowMs: number): void {
    if (unanswered) this.#unanswered++;
    if (!this.#open.has(sa)) return;
    const number = this.#open.get(sa);
    this.#open.delete(sa);
    if (unanswered) {
      if (number !== undefined) this.#window.failed(number);
    } else {
      this.#answeredMs = nowMs;
      if (number !== undefined) this.#window.established(number, nowMs);
    }
    this.#send(nowMs);
    this.#check(nowMs);
  }

  /** Ends at once; SAs that are still open count as unanswered. */
  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.deadlineMs = Infinity;
    const waiting = [...this.#open.keys()].filter((sa) => sa.phase === "closing").length;
    this.#finished(this.#next, this.#unanswered + waiting);
  }

  /** When the end is over if no answer arrives until then. */
  get #endMs(): number {
    return Math.min(this.#untilMs, this.#answeredMs + this.#timeoutMs);
  }

  #send(nowMs: number): void {
    while (!this.#over && this.#next < this.#all.length && this.#window.hasRoom(nowMs)) {
      const number = this.#next;
      const sa = this.#all[this.#next++]!;
      if (!isLive(sa)) continue; // The peer has deleted it already.
      this.#window.dialled(number, nowMs);
      this.#close(sa, number);
      if (sa.phase === "closed") this.#window.failed(number);
    }
  }

  /** Sends Deletes beyond the window, because the peers are silent or little time is left. */
  #sendUnasked(nowMs: number): void {
    const isSilent = nowMs >= this.#answeredMs + Math.min(SILENT_MS, this.#timeoutMs / 4);
    if (!isSilent && nowMs < this.#untilMs - this.#timeoutMs) return;
    const stepsLeft = Math.max(1, (this.#endMs - LAST_ANSWERS_MS - nowMs) / STEP_MS);
    const count = Math.ceil((this.#all.length - this.#next) / stepsLeft);
    for (let i = 0; i < count && this.#next < this.#all.length; i++) {
      const sa = this.#all[this.#next++]!;
      if (isLive(sa)) this.#close(sa, undefined);
    }
  }

  /**
   * Deletes an SA. One without keys is dropped at once; one that waits for IKE_AUTH is deleted afterwards.
   */
  #close(sa: IkeSa, number: number | undefined): void {
    this.#context.loop.command(sa, { kind: "close", closeCode: CloseCode.STOPPED });
    if (sa.phase !== "closed") this.#open.set(sa, number);
  }

  #check(nowMs: number): void {
    const allSent = this.#next === this.#all.length;
    if (allSent && this.#open.size === 0 || nowMs >= this.#endMs) return this.cut();
    this.deadlineMs = allSent ? this.#endMs : nowMs + STEP_MS;
    this.#context.loop.arm(this);
  }
}
