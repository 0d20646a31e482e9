/**
 * The tunnels of a client that are resumed by tickets (RFC 5723): the ticket of each tunnel, and the tunnels
 * that have lost their IKE SA and are to be resumed. A ticket is presented until the gateway has accepted or
 * refused it.
 * @module
 */
import type { RunContext } from "@/engine/run/run_context.ts";
import type { StoredTicket } from "@/engine/run/ticket_file.ts";
import type { Path } from "@/base/address.ts";
import { sameOctets } from "@/base/bytes.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { resolveIdentity, sameIdentity } from "@/ike/negotiate/identity.ts";
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

  /** Tickets of a test before, each until it is asked for. */
  readonly #before: Map<number, StoredTicket>;
  readonly #context: RunContext;

  constructor(context: RunContext) {
    this.#context = context;
    this.#before = new Map(context.tickets?.before);
  }

  /** Records the ticket that a tunnel was given. */
  given(index: number, ticket: SessionTicket): void {
    this.#tickets.set(index, ticket);
  }

  /**
   * Drops the ticket of a tunnel, which the gateway has accepted or refused, or whose IKE SA was deleted so that
   * the tunnel authenticates again.
   */
  useless(index: number): void {
    this.#tickets.delete(index);
  }

  /** The ticket to present for a tunnel on a path now; undefined: it has none that is valid there. */
  ticketFor(index: number, path: Path, nowMs: number): SessionTicket | undefined {
    const { peerAddress } = path;
    const ticket = this.#tickets.get(index) ?? this.#ofBefore(index, path, nowMs);
    if (!ticket || ticket.expiresMs <= nowMs) return undefined;
    return sameOctets(ticket.gateway, peerAddress) ? ticket : undefined;
  }

  /** The ticket of a test before, if it was given to the identity that the tunnel has now. */
  #ofBefore(index: number, path: Path, nowMs: number): SessionTicket | undefined {
    const stored = this.#before.get(index);
    if (!stored) return undefined;
    this.#before.delete(index);
    const { config: { ownId }, env } = this.#context.loop.endpoint;
    if (!sameIdentity(stored.ownId, resolveIdentity(ownId, path, index))) return undefined;
    const ticket = { ...stored, expiresMs: nowMs + stored.expiresEpochMs - env.epochMs!(nowMs) };
    this.#tickets.set(index, ticket);
    return ticket;
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
