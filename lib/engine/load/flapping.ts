/**
 * Flapping: some tunnels of a client are torn down and rebuilt repeatedly, after random pauses. This file
 * only says when; the client closes and dials.
 * @module
 */
import type { Alarm } from "@/engine/run/core_loop.ts";
import type { RunContext } from "@/engine/run/run_context.ts";
import type { PlannedOutage } from "@/engine/load/planned_outages.ts";
import type { FlapPlan } from "@/engine/run/plan.ts";
import { showSa } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";

/** The stage of a flapping tunnel: up, being closed, down, or not flapping at present. */
type Stage = "up" | "closing" | "down" | "off";

/** The flapping of a client's first `plan.tunnels` tunnels. It is only called within turns of the loop. */
export class Flapping implements PlannedOutage {
  /** Number of tunnels that are down on purpose: until they are established again, or given up. */
  down = 0;
  /** How often a tunnel was torn down. */
  flaps = 0;
  /** How often a tunnel was established again afterwards. */
  rebuilds = 0;
  readonly #context: RunContext;
  readonly #plan: FlapPlan;
  readonly #dial: (index: number, nowMs: number) => void;
  readonly #tunnels = new Map<number, Flap>();

  /** `dial` is called when a tunnel has to be rebuilt. */
  constructor(context: RunContext, plan: FlapPlan, dial: (index: number, nowMs: number) => void) {
    this.#context = context;
    this.#plan = plan;
    this.#dial = dial;
  }

  /** Records that a tunnel is established, for the first time or again. */
  established(sa: IkeSa, nowMs: number): void {
    if (sa.index >= this.#plan.tunnels) return;
    let flap = this.#tunnels.get(sa.index);
    if (!flap) {
      flap = new Flap(sa.index, (due, dueMs) => this.#due(due, dueMs));
      this.#tunnels.set(sa.index, flap);
    }
    if (flap.stage === "down") {
      this.down--;
      this.rebuilds++;
    }
    flap.sa = sa;
    this.#enter(flap, "up", nowMs);
  }

  /** Records a rekey, after which `by` is the SA to be closed. */
  replaced(sa: IkeSa, by: IkeSa): void {
    const flap = this.#tunnels.get(sa.index);
    if (flap?.sa === sa) flap.sa = by;
  }

  /**
   * Records the end of an established tunnel; returns whether it was on purpose, so that the tunnel will be
   * rebuilt.
   */
  closed(sa: IkeSa, nowMs: number): boolean {
    const flap = this.#tunnels.get(sa.index);
    if (!flap) return false;
    const meant = flap.stage === "closing";
    flap.sa = undefined;
    if (meant) this.down++;
    this.#enter(flap, meant ? "down" : "off", nowMs);
    return meant;
  }

  /** Records that a tunnel will not be established again; returns whether it was down on purpose. */
  givenUp(index: number): boolean {
    const flap = this.#tunnels.get(index);
    if (flap?.stage !== "down") return false;
    this.down--;
    flap.stage = "off";
    return true;
  }

  #due(flap: Flap, nowMs: number): void {
    flap.deadlineMs = Infinity;
    if (this.#context.ending) return;
    if (flap.stage === "down") return this.#dial(flap.index, nowMs);
    const { sa } = flap;
    if (flap.stage !== "up" || !sa) return;
    flap.stage = "closing";
    this.flaps++;
    const { loop, events } = this.#context;
    const closeCode = CloseCode.FLAPPED;
    const how = this.#plan.resumes ? "dropping" : "closing";
    events.publish(4, () => `Tunnel ${flap.index} flaps: ${how} ${showSa(sa)}`);
    if (!this.#plan.resumes) return loop.command(sa, { kind: "close", closeCode });
    const why = "Dropped without a Delete, so that its ticket stays good (flapresume)";
    loop.command(sa, { kind: "abandon", closeCode, why });
  }

  /** Enters a stage, whose end comes after a pause if it has one. */
  #enter(flap: Flap, stage: Stage, nowMs: number): void {
    flap.stage = stage;
    flap.deadlineMs = stage === "off" ? Infinity : nowMs + this.#pauseMs();
    this.#context.loop.arm(flap);
  }

  /** A random pause between both limits, inclusive. */
  #pauseMs(): number {
    const { minMs, maxMs } = this.#plan;
    const [a, b, c, d] = this.#context.loop.endpoint.env.random(4);
    const drawn = (a! << 24 | b! << 16 | c! << 8 | d!) >>> 0;
    return minMs + (maxMs - minMs) * drawn / 0xffffffff;
  }
}

/** One flapping tunnel with its alarm. */
class Flap implements Alarm {
  deadlineMs = Infinity;
  stage: Stage = "off";
  /** The tunnel's IKE SA while it is established. */
  sa: IkeSa | undefined;

  constructor(readonly index: number, readonly due: (flap: Flap, nowMs: number) => void) {}

  ring(nowMs: number): void {
    this.due(this, nowMs);
  }
}
