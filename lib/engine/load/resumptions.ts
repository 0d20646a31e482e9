/**
 * Tunnels of a client that are resumed by tickets (RFC 5723): which ticket each has, and which of them lost
 * their IKE SA and are to come back by it. A ticket is presented until it is taken or refused.
 * @module
 */
import type { EffectHandlers } from "@/engine/run/part.ts";
import type { Path } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { SessionTicket } from "@/ike/records/resumption.ts";

/** Ends of which the gateway has not heard, or that it does not remember. */
const RESUMED_AFTER: ReadonlySet<number> = new Set([
  CloseCode.NO_ANSWER,
  CloseCode.LIVENESS_FAILED,
  CloseCode.PEER_CRASHED,
]);

/** The tickets of a client. */
export class Resumptions {
  readonly #tickets = new Map<number, SessionTicket>();
  /** Tunnels that lost their IKE SA, and are not up again. */
  readonly #waiting = new Set<number>();

  readonly handlers: Pick<EffectHandlers, "ticket_given" | "keyed" | "resumption_refused"> = {
    ticket_given: ({ ticket }, { index }) => void this.#tickets.set(index, ticket),
    // The gateway has taken it.
    keyed: (_, { index, peer, setup }) => {
      if (peer.resumed && setup) this.#tickets.delete(index);
    },
    resumption_refused: (_, { index }) => void this.#tickets.delete(index),
  };

  /** The ticket with which a tunnel is dialled on a path now; undefined: it has none that is good there. */
  ticketFor(index: number, { peerAddress }: Path, nowMs: number): SessionTicket | undefined {
    const ticket = this.#tickets.get(index);
    if (!ticket || ticket.expiresMs <= nowMs) return undefined;
    return sameOctets(ticket.gateway, peerAddress) ? ticket : undefined;
  }

  /** Whether a tunnel whose IKE SA has ended is to be resumed, which is recorded. */
  begins({ index, path, closeCode }: IkeSa, nowMs: number): boolean {
    if (!RESUMED_AFTER.has(closeCode) || !this.ticketFor(index, path, nowMs)) return false;
    this.#waiting.add(index);
    return true;
  }

  /** Records that a tunnel is up. */
  arrived(index: number): void {
    this.#waiting.delete(index);
  }

  /** Whether the tunnel was to be resumed, and is not up again. */
  isAwaited(index: number): boolean {
    return this.#waiting.has(index);
  }
}
