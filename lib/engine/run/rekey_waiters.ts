/**
 * Who waits for a rekey that was asked for from outside, of a CHILD_SA or of an IKE SA.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";
import type { RefusedRekey } from "@/engine/show/view.ts";

/** Waiters by what is to be replaced; `D` is what they are told when it has been. */
export class RekeyWaiters<T, D> {
  readonly #waiting = new Map<T, ((outcome: D | RefusedRekey) => void)[]>();
  readonly #ikeSaOf: (one: T) => IkeSa;

  /** `ikeSaOf`: the IKE SA whose end is the end of a rekey too. */
  constructor(ikeSaOf: (one: T) => IkeSa) {
    this.#ikeSaOf = ikeSaOf;
  }

  /** What will become of the rekey of `old`. */
  awaited(old: T): Promise<D | RefusedRekey> {
    return new Promise((resolve) => {
      const others = this.#waiting.get(old);
      if (others) others.push(resolve);
      else this.#waiting.set(old, [resolve]);
    });
  }

  /** It has been replaced, by whichever end's exchange. */
  done(old: T | undefined, outcome: D): void {
    this.#tell(old, outcome);
  }

  /** The exchange came to nothing. */
  failed(old: T | undefined, { cause, text }: Failure): void {
    this.#tell(old, { kind: "refused", cause, text });
  }

  /** An IKE SA is gone, and with it what hung on it. */
  closed(sa: IkeSa): void {
    for (const old of this.#waiting.keys()) {
      if (this.#ikeSaOf(old) !== sa) continue;
      const cause = sa.failure?.cause ?? "CLOSED";
      const text = sa.failure?.text ?? "The IKE SA was closed meanwhile";
      this.#tell(old, { kind: "refused", cause, text });
    }
  }

  /** The run is over: nothing will come of any rekey. */
  over(): void {
    const text = "The test ended meanwhile";
    for (const old of this.#waiting.keys()) {
      this.#tell(old, { kind: "refused", cause: "CLOSED", text });
    }
  }

  #tell(old: T | undefined, outcome: D | RefusedRekey): void {
    if (old === undefined) return;
    for (const tell of this.#waiting.get(old) ?? []) tell(outcome);
    this.#waiting.delete(old);
  }
}
