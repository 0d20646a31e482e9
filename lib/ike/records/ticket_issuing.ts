/**
 * What an end does about session resumption (RFC 5723), as its configuration says.
 * @module
 */

/** How a gateway issues tickets. */
export interface TicketIssuing {
  /** 8 octets that name the key in each ticket, so that tickets of others are told apart. */
  readonly keyId: Uint8Array;
  /** 32 octets, from which the key of each ticket is derived. */
  readonly key: Uint8Array;
  /** Milliseconds for which a ticket is good, at most. */
  readonly lifetimeMs: number;
}

/** What an end does about session resumption. */
export interface ResumptionConfig {
  /** Initiator: whether it asks for tickets. */
  readonly asks: boolean;
  /** Responder: how it issues tickets and takes them back; absent: it does not. */
  readonly issues?: TicketIssuing;
}
