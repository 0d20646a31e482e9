/**
 * Session resumption (RFC 5723): the part of an IKE SA that a ticket keeps, at the gateway that issues it and at
 * the client that presents it, and the tickets by which nothing can be resumed any more.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { Identity } from "@/ike/records/config.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";

/** The values that both ends take from a ticket; all others are negotiated again (RFC 5723 §5, Table 1). */
export interface ResumedSession {
  readonly suite: IkeSuite;
  /** SK_d of the IKE SA for which the ticket was issued. */
  readonly skD: Uint8Array;
  readonly ownId: Identity;
  readonly peerId: Identity;
  /** IANA Authentication Method by which this end, and its peer, were authenticated then. */
  readonly ownAuth: number;
  readonly peerAuth: number;
  /** The identity that the peer has proved by EAP; undefined: it has authenticated by another method. */
  readonly eapIdentity: string | undefined;
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
  /** The inner addresses of the tunnel, which the client asks for again (RFC 5723 §5). */
  readonly inner: readonly IpAddress[];
}

/** A ticket that a gateway has opened. */
export interface OpenedTicket extends ResumedSession {
  /** The unique identifier of the ticket, as a key of a map. */
  readonly id: string;
  /** When it expires, in milliseconds since 1970. */
  readonly expiresEpochMs: number;
  /** When the peer has authenticated as a whole, in milliseconds since 1970. */
  readonly authenticatedEpochMs: number;
  /** uint64: the gateway's SPI of the IKE SA for which it was issued. */
  readonly oldSpi: bigint;
}

/** The reason why a gateway does not resume an IKE SA by a ticket. */
export type TicketRefusal =
  /** Its key is unknown here, or it was altered. */
  | "TICKET_UNKNOWN"
  | "TICKET_EXPIRED"
  /** An IKE SA was resumed by it, or this gateway has ended the one for which it was issued. */
  | "TICKET_USED"
  /** Its algorithms are not configured any more, or it lacks the PPK that is required. */
  | "TICKET_POLICY";

/** The spent tickets, by which nothing is resumed any more. They are remembered until they expire. */
export interface SpentTickets {
  /** Milliseconds since 1970 at which each expires, by its `id`, oldest first. */
  readonly untilMs: Map<string, number>;
  /** Is called with each that is added; absent: they are kept in memory only. */
  readonly added?: (id: string, untilEpochMs: number) => void;
}

/** The most spent tickets that are remembered; beyond that the oldest is forgotten. */
export const SPENT_TICKETS_MAX = 200_000;
