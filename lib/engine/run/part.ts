/**
 * A run as a list of parts. Each part has handlers for effects of the core and knows nothing of the other
 * parts; a new part is only added to the list.
 * @module
 */
import type { IkeEffect } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

type Kind = IkeEffect["kind"];
type EffectOf<K extends Kind> = Extract<IkeEffect, { kind: K }>;
/** Effects that may be about no IKE SA: a datagram that belonged to none. */
type SaOf<K extends Kind> = K extends "dropped" | "trace" | "note" ? IkeSa | undefined : IkeSa;

/** The handlers of a part, by the kind of effect. They are only called within turns of the loop. */
export type EffectHandlers = {
  readonly [K in Kind]?: (effect: EffectOf<K>, sa: SaOf<K>, nowMs: number) => void;
};

/** One part of a run. */
export interface RunPart {
  readonly handlers: EffectHandlers;
}

type Handler = (effect: IkeEffect, sa: IkeSa | undefined, nowMs: number) => void;

/** The parts of one run. */
export class RunParts {
  readonly #byKind = new Map<Kind, Handler[]>();

  /** Adds parts, whose handlers for an effect are called in the order in which they were added. */
  add(...parts: readonly RunPart[]): void {
    for (const { handlers } of parts) {
      for (const [kind, handler] of Object.entries(handlers) as [Kind, Handler][]) {
        const others = this.#byKind.get(kind);
        if (others) others.push(handler);
        else this.#byKind.set(kind, [handler]);
      }
    }
  }

  /** Calls the handlers for an effect. */
  tell(effect: IkeEffect, sa: IkeSa | undefined, nowMs: number): void {
    const handlers = this.#byKind.get(effect.kind);
    if (handlers) { for (const handler of handlers) handler(effect, sa, nowMs); }
  }
}
