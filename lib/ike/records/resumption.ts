/**
 * Session resumption (RFC 5723): what a ticket keeps of an IKE SA, at the gateway that issues it and at the
 * client that presents it, and what an end does about tickets.
 * @module
 */
import type { Identity } from "@/ike/records/config.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";

/** What both ends take from a ticket; everything else is settled anew (RFC 5723 §5, Table 1). */
export interface ResumedSession {
  readonly suite: IkeSuite;
  /** SK_d of the IKE SA for which the ticket was issued. */
  readonly skD: Uint8Array;
  readonly ownId: Identity;
  readonly peerId: Identity;
  /** IANA Authentication Method by which this end, and its peer, were authenticated then. */
  readonly ownAuth: number;
  readonly peerAuth: number;
  /** Whether a post-quantum pre-shared key is in SK_d (RFC 8784). */
  readonly ppk: boolean;
}

/** A ticket that a client holds. */
export interface SessionTicket extends ResumedSession {
  /** The content of TICKET_OPAQUE. */
  readonly opaque: Uint8Array;
  /** When it expires, in milliseconds on the core's clock. */
  readonly expiresMs: number;
  /** The address of the gateway that issued it, 4 or 16 octets. */
  readonly gateway: Uint8Array;
}

/** A ticket that a gateway has opened. */
export interface OpenedTicket extends ResumedSession {
  /** What no other ticket has, as a key of a map. */
  readonly id: string;
  /** When it expires, in milliseconds since 1970. */
  readonly expiresEpochMs: number;
  /** uint64: the gateway's SPI of the IKE SA for which it was issued. */
  readonly oldSpi: bigint;
}

/** Why a gateway does not resume by a ticket. */
export type TicketRefusal =
  /** Its key is unknown here, or it was altered. */
  | "TICKET_UNKNOWN"
  | "TICKET_EXPIRED"
  /** An IKE SA was resumed by it, or this gateway has ended the one for which it was issued. */
  | "TICKET_USED"
  /** Its algorithms are not configured any more. */
  | "TICKET_POLICY";

/** Tickets by which nothing is resumed any more, until they expire. */
export interface SpentTickets {
  /** Milliseconds since 1970 at which each expires, by its `id`, oldest first. */
  readonly untilMs: Map<string, number>;
}

/** The most spent tickets that are remembered; beyond that the oldest is forgotten. */
export const SPENT_TICKETS_MAX = 200_000;
