/**
 * Tunnels of a client that authenticate again while their IKE SA goes on (`reauthmode: make`): which IKE SA is
 * to take the place of which. The client dials and closes; this file only knows.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";

/** One tunnel that authenticates again. */
export interface Renewal {
  /** The IKE SA that has the tunnel, or what its rekeys have made of it. */
  old: IkeSa;
  /** The IKE SA that is to take its place; undefined: none is on its way. */
  next: IkeSa | undefined;
  /** Whether `next` is established, though not all of its CHILD_SAs may be. */
  isUp: boolean;
  tries: number;
}

/** The tunnels that authenticate again now. */
export class Renewals {
  readonly #byTunnel = new Map<number, Renewal>();
  /** IKE SAs that are to go, whose end says nothing of their tunnel. */
  readonly #leaving = new WeakSet<IkeSa>();

  /** Begins for the tunnel that `old` has; false: it has begun already. */
  begin(old: IkeSa): boolean {
    if (this.#byTunnel.has(old.index)) return false;
    this.#byTunnel.set(old.index, { old, next: undefined, isUp: false, tries: 0 });
    return true;
  }

  /** The renewal of a tunnel for which an IKE SA is to be dialled now. */
  toDial(index: number): Renewal | undefined {
    const renewal = this.#byTunnel.get(index);
    return renewal && !renewal.next ? renewal : undefined;
  }

  /** The renewal that an IKE SA takes part in, as the old one or as the next. */
  of(sa: IkeSa): Renewal | undefined {
    const renewal = this.#byTunnel.get(sa.index);
    return renewal?.old === sa || renewal?.next === sa ? renewal : undefined;
  }

  /** Whether an IKE SA is to take the place of another that still has the tunnel. */
  isNext(sa: IkeSa): boolean {
    return this.of(sa)?.next === sa;
  }

  /** Whether an IKE SA is to go, because another has its tunnel. */
  isLeaving(sa: IkeSa): boolean {
    return this.#leaving.has(sa);
  }

  /** Records a rekey, after which `by` is the IKE SA. */
  replaced(sa: IkeSa, by: IkeSa): void {
    const renewal = this.of(sa);
    if (renewal?.old === sa) renewal.old = by;
    else if (renewal?.next === sa) renewal.next = by;
    if (this.#leaving.has(sa)) this.#leaving.add(by);
  }

  /** Ends the renewal of a tunnel. `leaving` is an IKE SA of it that is to go. */
  end({ old }: Renewal, leaving?: IkeSa): void {
    this.#byTunnel.delete(old.index);
    if (leaving) this.#leaving.add(leaving);
  }
}
