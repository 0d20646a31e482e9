/**
 * The IKE SAs of tunnels that authenticate again before their IKE SA ends (`reauthmode: make`): which one
 * replaces which.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";

/** One tunnel that authenticates again. */
export interface Renewal {
  /** The IKE SA that has the tunnel, or the one that its rekeys have made. */
  old: IkeSa;
  /** The IKE SA that is going to replace it; undefined: none is being set up. */
  next: IkeSa | undefined;
  /** Whether `next` is established, though not all of its CHILD_SAs may be. */
  isUp: boolean;
  tries: number;
}

/** The tunnels that authenticate again now. */
export class Renewals {
  readonly #byTunnel = new Map<number, Renewal>();
  /** IKE SAs that are being closed after another one has their tunnel. */
  readonly #leaving = new WeakSet<IkeSa>();

  /** Begins the renewal of the tunnel that `old` has; false: it has begun already. */
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

  /** The renewal of which an IKE SA is the previous or the next one. */
  of(sa: IkeSa): Renewal | undefined {
    const renewal = this.#byTunnel.get(sa.index);
    return renewal?.old === sa || renewal?.next === sa ? renewal : undefined;
  }

  /** Whether an IKE SA is going to replace another one that still has the tunnel. */
  isNext(sa: IkeSa): boolean {
    return this.of(sa)?.next === sa;
  }

  /** Whether an IKE SA is being closed because another one has its tunnel. */
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

  /** Ends the renewal of a tunnel. `leaving` is an IKE SA of it that will be closed. */
  end({ old }: Renewal, leaving?: IkeSa): void {
    this.#byTunnel.delete(old.index);
    if (leaving) this.#leaving.add(leaving);
  }
}
