/**
 * Flapping: some tunnels of a client are torn down and rebuilt for ever, after pauses that are drawn
 * anew each time. It only says when; closing and dialling are the client's.
 * @module
 */
import type { Alarm } from "@/engine/run/core_loop.ts";
import type { Floor } from "@/engine/run/run_context.ts";
import type { FlapPlan } from "@/engine/run/plan.ts";
import { showSa } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";

/** Where a tunnel that flaps stands: up, on its way down, down, or none of the flaps' business. */
type Stage = "up" | "closing" | "down" | "off";

/** The flaps of a client's first `plan.tunnels` tunnels. Called within turns of the loop only. */
export class Flapping {
  /** Tunnels that are down on purpose now: until they are up again, or given up. */
  down = 0;
  /** How often a tunnel was torn down. */
  flaps = 0;
  /** How often one was up again after that. */
  rebuilds = 0;
  readonly #floor: Floor;
  readonly #plan: FlapPlan;
  readonly #dial: (index: number, nowMs: number) => void;
  readonly #tunnels = new Map<number, Flap>();

  /** `dial` is called when a tunnel's time to be rebuilt has come. */
  constructor(floor: Floor, plan: FlapPlan, dial: (index: number, nowMs: number) => void) {
    this.#floor = floor;
    this.#plan = plan;
    this.#dial = dial;
  }

  /** The tunnel is up, for the first time or again. */
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

  /** A rekey: it is `by` that will be closed. */
  replaced(sa: IkeSa, by: IkeSa): void {
    const flap = this.#tunnels.get(sa.index);
    if (flap?.sa === sa) flap.sa = by;
  }

  /** An established tunnel has ended; returns whether that was meant, and it will be rebuilt. */
  closed(sa: IkeSa, nowMs: number): boolean {
    const flap = this.#tunnels.get(sa.index);
    if (!flap) return false;
    const meant = flap.stage === "closing";
    flap.sa = undefined;
    if (meant) this.down++;
    this.#enter(flap, meant ? "down" : "off", nowMs);
    return meant;
  }

  /** The tunnel will not be up again; returns whether it was down on purpose until now. */
  givenUp(index: number): boolean {
    const flap = this.#tunnels.get(index);
    if (flap?.stage !== "down") return false;
    this.down--;
    flap.stage = "off";
    return true;
  }

  #due(flap: Flap, nowMs: number): void {
    flap.deadlineMs = Infinity;
    if (this.#floor.ending) return;
    if (flap.stage === "down") return this.#dial(flap.index, nowMs);
    const { sa } = flap;
    if (flap.stage !== "up" || !sa) return;
    flap.stage = "closing";
    this.flaps++;
    this.#floor.events.publish(4, () => `Tunnel ${flap.index} flaps: closing ${showSa(sa)}`);
    this.#floor.loop.command(sa, { kind: "close", closeCode: CloseCode.FLAPPED });
  }

  /** What comes next comes after a pause, where anything does. */
  #enter(flap: Flap, stage: Stage, nowMs: number): void {
    flap.stage = stage;
    flap.deadlineMs = stage === "off" ? Infinity : nowMs + this.#pauseMs();
    this.#floor.loop.arm(flap);
  }

  /** Drawn evenly from both limits and what is between. */
  #pauseMs(): number {
    const { minMs, maxMs } = this.#plan;
    const [a, b, c, d] = this.#floor.loop.endpoint.env.random(4);
    const drawn = (a! << 24 | b! << 16 | c! << 8 | d!) >>> 0;
    return minMs + (maxMs - minMs) * drawn / 0xffffffff;
  }
}

/** One tunnel that flaps, and its alarm. */
class Flap implements Alarm {
  deadlineMs = Infinity;
  stage: Stage = "off";
  /** The tunnel's IKE SA while it is up. */
  sa: IkeSa | undefined;

  constructor(readonly index: number, readonly due: (flap: Flap, nowMs: number) => void) {}

  ring(nowMs: number): void {
    this.due(this, nowMs);
  }
}
