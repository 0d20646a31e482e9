/**
 * A run as a list of parts. Each hears of what the core wishes and does its own about it; none knows
 * of the others, and a new one is added to the list and nowhere else.
 * @module
 */
import type { IkeEffect } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

type Kind = IkeEffect["kind"];
type EffectOf<K extends Kind> = Extract<IkeEffect, { kind: K }>;
/** Effects that may be about no IKE SA: a datagram that belonged to none. */
type SaOf<K extends Kind> = K extends "dropped" | "trace" | "note" ? IkeSa | undefined : IkeSa;

/** What a part does about effects, by their kind. Called within turns of the loop only. */
export type Hearing = {
  readonly [K in Kind]?: (effect: EffectOf<K>, sa: SaOf<K>, nowMs: number) => void;
};

/** One part of a run. */
export interface RunPart {
  readonly hears: Hearing;
}

type Hear = (effect: IkeEffect, sa: IkeSa | undefined, nowMs: number) => void;

/** The parts of one run. */
export class RunParts {
  readonly #byKind = new Map<Kind, Hear[]>();

  /** Adds parts; of one effect they hear in the order in which they were added. */
  add(...parts: readonly RunPart[]): void {
    for (const { hears } of parts) {
      for (const [kind, hear] of Object.entries(hears) as [Kind, Hear][]) {
        const others = this.#byKind.get(kind);
        if (others) others.push(hear);
        else this.#byKind.set(kind, [hear]);
      }
    }
  }

  /** Tells the parts that are concerned. */
  tell(effect: IkeEffect, sa: IkeSa | undefined, nowMs: number): void {
    const hearers = this.#byKind.get(effect.kind);
    if (hearers) { for (const hear of hearers) hear(effect, sa, nowMs); }
  }
}
