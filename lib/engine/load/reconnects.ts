/**
 * Tunnels of a client that a storm takes down, with a Delete or without, and that are dialled again at once.
 * @module
 */
import type { PlannedOutage } from "@/engine/load/planned_outages.ts";
import type { ReconnectedTunnels, ReconnectWatch, RunContext } from "@/engine/run/run_context.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";

/** The tunnels of a client that are taken down once each time. */
export class Reconnects implements PlannedOutage, ReconnectedTunnels {
  flaps = 0;
  rebuilds = 0;
  readonly #context: RunContext;
  readonly #dial: (index: number, nowMs: number) => void;
  /** Tunnels whose end was asked for, and those that are down, by index. */
  readonly #closing = new Map<number, ReconnectWatch>();
  readonly #down = new Map<number, ReconnectWatch>();
  /** Tunnels that are to be dialled in the next turn. */
  #dialled: number[] = [];

  /** `dial` is called when a tunnel has to be set up again. */
  constructor(context: RunContext, dial: (index: number, nowMs: number) => void) {
    this.#context = context;
    this.#dial = dial;
  }

  get down(): number {
    return this.#down.size;
  }

  /** See {@linkcode ReconnectedTunnels}. */
  begin(sa: IkeSa, drops: boolean, watch: ReconnectWatch): void {
    this.#closing.set(sa.index, watch);
    this.flaps++;
    const closeCode = CloseCode.FLAPPED;
    if (!drops) return this.#context.loop.command(sa, { kind: "close", closeCode });
    const why = "Dropped without a Delete by a storm";
    this.#context.loop.command(sa, { kind: "abandon", closeCode, why });
  }

  established({ index }: IkeSa, nowMs: number): void {
    const watch = this.#down.get(index);
    if (!watch) return;
    this.#down.delete(index);
    this.rebuilds++;
    watch.up(nowMs);
  }

  /** A tunnel is known by its index, which the new IKE SA has too. */
  replaced(): void {}

  closed({ index }: IkeSa): boolean {
    const watch = this.#closing.get(index);
    if (!watch) return false;
    this.#closing.delete(index);
    this.#down.set(index, watch);
    // The client has to know that the tunnel is down before it dials it.
    if (this.#dialled.push(index) === 1) this.#context.loop.soon((nowMs) => this.#dialAll(nowMs));
    return true;
  }

  givenUp(index: number): boolean {
    const watch = this.#down.get(index);
    if (!watch) return false;
    this.#down.delete(index);
    watch.failed();
    return true;
  }

  #dialAll(nowMs: number): void {
    const indices = this.#dialled;
    this.#dialled = [];
    if (this.#context.ending) return;
    for (const index of indices) this.#dial(index, nowMs);
  }
}
