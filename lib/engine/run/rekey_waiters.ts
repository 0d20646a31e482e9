/**
 * Keeps the callers that wait for a rekey of a CHILD_SA or an IKE SA that was requested by the API.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";
import type { RefusedRekey } from "@/engine/show/view.ts";

/** Waiters by the SA that is being replaced; they get a `D` when it has been. */
export class RekeyWaiters<T, D> {
  readonly #waiting = new Map<T, ((outcome: D | RefusedRekey) => void)[]>();
  readonly #ikeSaOf: (one: T) => IkeSa;

  /** `ikeSaOf` returns the IKE SA whose end also ends the rekey. */
  constructor(ikeSaOf: (one: T) => IkeSa) {
    this.#ikeSaOf = ikeSaOf;
  }

  /** Resolves with the outcome of the rekey of `old`. */
  awaited(old: T): Promise<D | RefusedRekey> {
    return new Promise((resolve) => {
      const others = this.#waiting.get(old);
      if (others) others.push(resolve);
      else this.#waiting.set(old, [resolve]);
    });
  }

  /** Resolves the waiters of an SA that was replaced, by an exchange of either end. */
  done(old: T | undefined, outcome: D): void {
    this.#tell(old, outcome);
  }

  /** Resolves the waiters of an SA whose rekey has failed. */
  failed(old: T | undefined, { cause, text }: Failure): void {
    this.#tell(old, { kind: "refused", cause, text });
  }

  /** Resolves all waiters that depend on an IKE SA which is gone. */
  closed(sa: IkeSa): void {
    for (const old of this.#waiting.keys()) {
      if (this.#ikeSaOf(old) !== sa) continue;
      const cause = sa.failure?.cause ?? "CLOSED";
      const text = sa.failure?.text ?? "The IKE SA was closed meanwhile";
      this.#tell(old, { kind: "refused", cause, text });
    }
  }

  /** Resolves all waiters at the end of the run. */
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
