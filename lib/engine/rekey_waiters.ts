/**
 * Who waits for the rekey of a CHILD_SA that was asked for from outside.
 * @module
 */
import type { RekeyOutcome } from "@/engine/view.ts";
import type { ChildSa } from "@/ike/child_sa.ts";
import type { Failure } from "@/ike/event.ts";
import type { IkeSa } from "@/ike/ike_sa.ts";

type Tell = (outcome: RekeyOutcome) => void;

/** Waiters by the CHILD_SA that is to be replaced. */
export class RekeyWaiters {
  readonly #waiting = new Map<ChildSa, Tell[]>();

  /** What will become of the rekey of `child`. */
  awaited(child: ChildSa): Promise<RekeyOutcome> {
    return new Promise((resolve) => {
      const others = this.#waiting.get(child);
      if (others) others.push(resolve);
      else this.#waiting.set(child, [resolve]);
    });
  }

  /** It has been replaced, by whichever end's exchange. */
  done(old: ChildSa | undefined): void {
    this.#tell(old, { kind: "done" });
  }

  /** The exchange came to nothing. */
  failed(old: ChildSa | undefined, { cause, text }: Failure): void {
    this.#tell(old, { kind: "refused", cause, text });
  }

  /** An IKE SA is gone, and with it what hung on it. */
  closed(sa: IkeSa): void {
    for (const child of this.#waiting.keys()) {
      if (child.parent !== sa) continue;
      const cause = sa.failure?.cause ?? "CLOSED";
      const text = sa.failure?.text ?? "The IKE SA was closed meanwhile";
      this.#tell(child, { kind: "refused", cause, text });
    }
  }

  #tell(old: ChildSa | undefined, outcome: RekeyOutcome): void {
    if (!old) return;
    for (const tell of this.#waiting.get(old) ?? []) tell(outcome);
    this.#waiting.delete(old);
  }
}
