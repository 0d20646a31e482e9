/**
 * Tracks established tunnels that have fewer CHILD_SAs than their setup wants, because a CREATE_CHILD_SA
 * request was refused. The test continues; its LastErrMsg names the first of them as long as that is true.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import { showSa } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";
import { isLiveChild } from "@/ike/records/child_sa.ts";

/** Tunnels that lack a CHILD_SA, with one entry for each. */
export class MissingChildren implements RunPart {
  readonly #why = new Map<IkeSa, string>();

  readonly handlers: EffectHandlers = {
    create_child_failed: ({ old, failure }, sa) => {
      if (!old) this.#refused(sa, failure);
    },
    child_up: ({ old }, sa) => {
      if (!old) this.#up(sa);
    },
    replaced: ({ by }, sa) => this.#replaced(sa, by),
    closed: (_, sa) => void this.#why.delete(sa),
  };

  /** The first tunnel that lacks a CHILD_SA, and the reason; empty: none does. */
  get first(): string {
    for (const why of this.#why.values()) return why;
    return "";
  }

  /** Records that an additional CHILD_SA was refused. */
  #refused(sa: IkeSa, { text }: Failure): void {
    if (this.#why.has(sa)) return;
    this.#why.set(sa, `Tunnel ${sa.index} lacks a CHILD_SA: ${text}; ${showSa(sa)}`);
  }

  /** Records that an additional CHILD_SA was established, which may be the one that was refused before. */
  #up(sa: IkeSa): void {
    if (!this.#why.has(sa)) return;
    if (sa.children.filter(isLiveChild).length >= sa.config.children.length) this.#why.delete(sa);
  }

  /** Moves the entry of a tunnel to its new IKE SA `by`. */
  #replaced(sa: IkeSa, by: IkeSa): void {
    const why = this.#why.get(sa);
    if (why === undefined) return;
    this.#why.delete(sa);
    this.#why.set(by, why);
  }
}
