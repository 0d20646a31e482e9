/**
 * The graceful end of a run: every live SA is deleted, at a rate that peers can follow. It ends when all have
 * answered, or after {@linkcode ENDING_MS}.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { Alarm } from "@/engine/run/core_loop.ts";
import type { RunContext } from "@/engine/run/run_context.ts";
import { isLive } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";

/** Milliseconds after which the end comes without answers, within the 10 s that are documented. */
export const ENDING_MS = 8_000;
/** Milliseconds within which about all Deletes are sent, answered or not. */
const SENDING_MS = 3_000;
const STEP_MS = 20;

/** Closes all SAs of a run, then calls `finished` once with the number of unanswered Deletes. */
export class Ending implements Alarm, RunPart {
  deadlineMs = 0;
  readonly #context: RunContext;
  readonly #window: number;
  readonly #finished: (sent: number, unanswered: number) => void;
  /** SAs to be deleted, from index `#next` on. */
  readonly #all: IkeSa[];
  readonly #halfOpen: readonly IkeSa[];
  #next = 0;
  readonly #open = new Set<IkeSa>();
  #unanswered = 0;
  readonly #perStep: number;
  readonly #untilMs: number;
  #over = false;

  /** `window`: how many Deletes may be unanswered before only the rate decides when the next is sent. */
  constructor(
    context: RunContext,
    { window, nowMs }: { readonly window: number; readonly nowMs: number },
    finished: (sent: number, unanswered: number) => void,
  ) {
    this.#context = context;
    this.#window = window;
    this.#finished = finished;
    this.#untilMs = nowMs + ENDING_MS;
    const sas = [...context.loop.endpoint.bySpi.values()];
    this.#all = sas.filter(isLive);
    this.#perStep = Math.ceil(this.#all.length / (SENDING_MS / STEP_MS));
    this.#halfOpen = sas.filter((sa) => sa.phase !== "closed" && !isLive(sa));
  }

  /** Begins; only within a turn. */
  begin(nowMs: number): void {
    for (const sa of this.#halfOpen) this.#close(sa);
    this.#send(this.#window);
    this.#check(nowMs);
  }

  ring(nowMs: number): void {
    const free = this.#window - this.#open.size;
    this.#send(Math.max(free, this.#perStep));
    this.#check(nowMs);
  }

  readonly handlers: EffectHandlers = {
    closed: ({ unanswered }, sa, nowMs) => this.#closed(sa, unanswered, nowMs),
    // A rekey that was in progress has ended, so that the new SA is deleted in place of the old one.
    replaced: ({ by }, sa) => void (this.#open.has(sa) && this.#open.add(by)),
  };

  /** Handles that an SA is gone. */
  #closed(sa: IkeSa, unanswered: boolean, nowMs: number): void {
    if (unanswered) this.#unanswered++;
    if (!this.#open.delete(sa) || this.#next < this.#all.length) return;
    this.#check(nowMs);
  }

  /** Ends at once; SAs that are still open count as unanswered. */
  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.deadlineMs = Infinity;
    const waiting = [...this.#open].filter((sa) => sa.phase === "closing").length;
    this.#finished(this.#next, this.#unanswered + waiting);
  }

  #send(count: number): void {
    const end = Math.min(this.#all.length, this.#next + count);
    while (this.#next < end) {
      const sa = this.#all[this.#next++]!;
      if (isLive(sa)) this.#close(sa); // else the peer was faster
    }
  }

  /** Deletes an SA. One without keys is gone at once; one that waits for IKE_AUTH is deleted afterwards. */
  #close(sa: IkeSa): void {
    this.#context.loop.command(sa, { kind: "close", closeCode: CloseCode.STOPPED });
    if (sa.phase !== "closed") this.#open.add(sa);
  }

  #check(nowMs: number): void {
    const allSent = this.#next === this.#all.length;
    if (allSent && this.#open.size === 0 || nowMs >= this.#untilMs) return this.cut();
    this.deadlineMs = allSent ? this.#untilMs : nowMs + STEP_MS;
    this.#context.loop.arm(this);
  }
}
