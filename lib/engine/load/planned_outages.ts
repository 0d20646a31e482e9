/**
 * Tunnels of a client that are down on purpose, as they flap or as a storm took them down. Each part knows its
 * own; a client asks all of them as if they were one.
 * @module
 */
import type { FlapCounts } from "@/engine/run/run_context.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

/** What takes tunnels down on purpose, and has them dialled again. It is only called within turns of the loop. */
export interface PlannedOutage extends FlapCounts {
  /** Records that a tunnel is established, for the first time or again. */
  established(sa: IkeSa, nowMs: number): void;
  /** Records that `by` has the tunnel now, in place of `sa`. */
  replaced(sa: IkeSa, by: IkeSa): void;
  /** Records the end of an established tunnel; returns whether it was on purpose, so that it will be dialled. */
  closed(sa: IkeSa, nowMs: number): boolean;
  /** Records that a tunnel will not be established again; returns whether it was down on purpose. */
  givenUp(index: number): boolean;
}

/** All outages of a client. */
export class PlannedOutages implements PlannedOutage {
  readonly #parts: readonly PlannedOutage[];

  constructor(parts: readonly (PlannedOutage | undefined)[]) {
    this.#parts = parts.filter((part) => part !== undefined);
  }

  get down(): number {
    return this.#parts.reduce((sum, { down }) => sum + down, 0);
  }

  get flaps(): number {
    return this.#parts.reduce((sum, { flaps }) => sum + flaps, 0);
  }

  get rebuilds(): number {
    return this.#parts.reduce((sum, { rebuilds }) => sum + rebuilds, 0);
  }

  established(sa: IkeSa, nowMs: number): void {
    for (const part of this.#parts) part.established(sa, nowMs);
  }

  replaced(sa: IkeSa, by: IkeSa): void {
    for (const part of this.#parts) part.replaced(sa, by);
  }

  closed(sa: IkeSa, nowMs: number): boolean {
    return this.#parts.map((part) => part.closed(sa, nowMs)).includes(true);
  }

  givenUp(index: number): boolean {
    return this.#parts.map((part) => part.givenUp(index)).includes(true);
  }
}
