/**
 * What happens to SAs that are up, counted: rekeys that were refused, lifetimes that were outlived,
 * CHILD_SAs that are gone, requests of peers that this end refused.
 * @module
 */
import type { RunFigures } from "@/engine/show/figures.ts";
import type { CountedCauses } from "@/engine/show/figure.ts";
import { CauseCounts } from "@/engine/show/cause_counts.ts";
import { showSa } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { CloseCode } from "@/ike/records/failure.ts";

/** What it counts. */
export type SaFigures = Pick<
  RunFigures,
  "rekeysRefused" | "overtime" | "childrenRefused" | "childrenLost" | "refusals" | "displaced"
>;

/** See the file; it hears of every effect of the core. */
export class SaTally {
  readonly #refused = { ike: 0, child: 0 };
  readonly #overtime = { ike: 0, child: 0 };
  readonly #refusedRekeys = new CauseCounts();
  readonly #refusedChildren = new CauseCounts();
  readonly #lostChildren = new CauseCounts();
  readonly #refusals = new CauseCounts();
  #displaced = 0;

  /** Counts an effect, where it is one of those. */
  effect(effect: IkeEffect, sa: IkeSa | undefined): void {
    const example = (text: string) => () => sa ? `${text}; ${showSa(sa)}` : text;
    switch (effect.kind) {
      case "create_child_failed": {
        const { old, failure: { cause, text } } = effect;
        if (old) this.#refused.child++;
        return (old ? this.#refusedRekeys : this.#refusedChildren).add(cause, example(text));
      }
      case "rekey_ike_failed":
        this.#refused.ike++;
        return this.#refusedRekeys.add(effect.failure.cause, example(effect.failure.text));
      case "overtime":
        return void (effect.child ? this.#overtime.child++ : this.#overtime.ike++);
      case "child_lost":
        return this.#lostChildren.add(effect.failure.cause, example(effect.failure.text));
      case "refused":
        return this.#refusals.add(effect.failure.cause, example(effect.failure.text));
      case "closed":
        if (sa?.closeCode === CloseCode.INITIAL_CONTACT) this.#displaced++;
        return;
      default:
        return;
    }
  }

  /** See {@linkcode SaFigures}. */
  figures(): SaFigures {
    return {
      rekeysRefused: { ...this.#refused, causes: this.#refusedRekeys.figures() },
      overtime: { ...this.#overtime },
      childrenRefused: counted(this.#refusedChildren),
      childrenLost: counted(this.#lostChildren),
      refusals: this.#refusals.figures(),
      displaced: this.#displaced,
    };
  }
}

function counted(causes: CauseCounts): CountedCauses {
  return { count: causes.total, causes: causes.figures() };
}
