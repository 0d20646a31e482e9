/**
 * The configuration of session resumption (RFC 5723).
 * @module
 */

/** The keys and the lifetime with which a gateway issues tickets. */
export interface TicketIssuing {
  /** 8 octets that identify the key in each ticket, so that the tickets of other gateways are recognized. */
  readonly keyId: Uint8Array;
  /** 32 octets, from which the key of each ticket is derived. */
  readonly key: Uint8Array;
  /** The longest lifetime of a ticket, in milliseconds. */
  readonly lifetimeMs: number;
}

/** How an end takes part in session resumption. */
export interface ResumptionConfig {
  /** Initiator: whether it asks for tickets. */
  readonly asks: boolean;
  /** Responder: how it issues tickets, by which it also resumes; absent: it does neither. */
  readonly issues?: TicketIssuing;
}
