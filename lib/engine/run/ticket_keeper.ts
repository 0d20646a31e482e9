/**
 * Keeps the tickets of a client's tunnels in a store as long as a later test can resume them: until a ticket is
 * presented, or the gateway has answered the Delete of its IKE SA, or sent one.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { TicketStore } from "@/engine/run/ticket_file.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

/** The part of a run that writes its tickets down. */
export class TicketKeeper implements RunPart {
  readonly #store: TicketStore;
  /** The IKE SA of each tunnel that the ticket in the store is of. */
  readonly #owners = new Map<number, IkeSa>();

  constructor(store: TicketStore) {
    this.#store = store;
  }

  readonly handlers: EffectHandlers = {
    ticket_given: ({ ticket: { expiresMs, ...ticket } }, sa) => {
      const expiresEpochMs = Math.floor(sa.env.epochMs?.(expiresMs) ?? expiresMs);
      this.#owners.set(sa.index, sa);
      this.#store.given(sa.index, { ...ticket, expiresEpochMs });
    },
    replaced: ({ by }, sa) => {
      if (this.#owners.get(sa.index) === sa) this.#owners.set(by.index, by);
    },
    keyed: (_, { index, peer, setup }) => {
      if (peer.resumed && setup) this.#store.gone(index);
    },
    resumption_refused: (_, { index }) => this.#store.gone(index),
    answered: (_, sa) => {
      // Effects are handled after the event: this was the answer to the Delete.
      if (sa.phase === "closed") this.#closed(sa);
    },
    closed: (_, sa) => {
      if (sa.closeCode === CloseCode.DELETED_BY_PEER) this.#closed(sa);
    },
  };

  /** The gateway resumes no IKE SA that was deleted. */
  #closed(sa: IkeSa): void {
    if (this.#owners.get(sa.index) !== sa) return;
    this.#owners.delete(sa.index);
    this.#store.gone(sa.index);
  }
}
