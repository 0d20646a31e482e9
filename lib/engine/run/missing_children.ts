/**
 * Tunnels that are established and have fewer CHILD_SAs than their setup wants, because a
 * CREATE_CHILD_SA of ours was refused. The test goes on; its LastErrMsg says so as long as it is true.
 * @module
 */
import type { Hearing, RunPart } from "@/engine/run/part.ts";
import { showSa } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";
import { isLiveChild } from "@/ike/records/child_sa.ts";

/** See the file; one entry a tunnel. */
export class MissingChildren implements RunPart {
  readonly #why = new Map<IkeSa, string>();

  readonly hears: Hearing = {
    create_child_failed: ({ old, failure }, sa) => {
      if (!old) this.#refused(sa, failure);
    },
    child_up: ({ old }, sa) => {
      if (!old) this.#up(sa);
    },
    replaced: ({ by }, sa) => this.#replaced(sa, by),
    closed: (_, sa) => void this.#why.delete(sa),
  };

  /** The first tunnel that lacks a CHILD_SA, and why; empty: none does. */
  get first(): string {
    for (const why of this.#why.values()) return why;
    return "";
  }

  /** A CHILD_SA that was to come beside the others does not. */
  #refused(sa: IkeSa, { text }: Failure): void {
    if (this.#why.has(sa)) return;
    this.#why.set(sa, `Tunnel ${sa.index} lacks a CHILD_SA: ${text}; ${showSa(sa)}`);
  }

  /** A CHILD_SA came up beside the others: it may be the one that was refused before. */
  #up(sa: IkeSa): void {
    if (!this.#why.has(sa)) return;
    if (sa.children.filter(isLiveChild).length >= sa.config.children.length) this.#why.delete(sa);
  }

  /** `by` is the tunnel's IKE SA now. */
  #replaced(sa: IkeSa, by: IkeSa): void {
    const why = this.#why.get(sa);
    if (why === undefined) return;
    this.#why.delete(sa);
    this.#why.set(by, why);
  }
}
