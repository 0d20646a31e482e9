/**
 * The tunnels of a client that are resumed by tickets (RFC 5723): the ticket of each tunnel, and the tunnels
 * that have lost their IKE SA and are to be resumed. A ticket is presented until the gateway has accepted or
 * refused it.
 * @module
 */
import type { EffectHandlers } from "@/engine/run/part.ts";
import type { Path } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { SessionTicket } from "@/ike/records/resumption.ts";

/** The ends of IKE SAs of which the gateway was not told, or which it has lost by a restart. */
const RESUMED_AFTER: ReadonlySet<number> = new Set([
  CloseCode.NO_ANSWER,
  CloseCode.LIVENESS_FAILED,
  CloseCode.PEER_CRASHED,
]);

/** The tickets of a client. */
export class Resumptions {
  readonly #tickets = new Map<number, SessionTicket>();
  /** Tunnels that have lost their IKE SA, and are not established again yet. */
  readonly #waiting = new Set<number>();

  readonly handlers: Pick<EffectHandlers, "ticket_given" | "keyed" | "resumption_refused"> = {
    ticket_given: ({ ticket }, { index }) => void this.#tickets.set(index, ticket),
    // The gateway has accepted the ticket.
    keyed: (_, { index, peer, setup }) => {
      if (peer.resumed && setup) this.#tickets.delete(index);
    },
    resumption_refused: (_, { index }) => void this.#tickets.delete(index),
  };

  /** The ticket to present for a tunnel on a path now; undefined: it has none that is valid there. */
  ticketFor(index: number, { peerAddress }: Path, nowMs: number): SessionTicket | undefined {
    const ticket = this.#tickets.get(index);
    if (!ticket || ticket.expiresMs <= nowMs) return undefined;
    return sameOctets(ticket.gateway, peerAddress) ? ticket : undefined;
  }

  /** Decides whether a tunnel whose IKE SA has ended is to be resumed, and records it. */
  begins({ index, path, closeCode }: IkeSa, nowMs: number): boolean {
    if (!RESUMED_AFTER.has(closeCode) || !this.ticketFor(index, path, nowMs)) return false;
    this.#waiting.add(index);
    return true;
  }

  /** Records that a tunnel is established. */
  arrived(index: number): void {
    this.#waiting.delete(index);
  }

  /** Whether a tunnel is to be resumed, and is not established again yet. */
  isAwaited(index: number): boolean {
    return this.#waiting.has(index);
  }
}
