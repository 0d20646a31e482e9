/**
 * The reasons why an SA ends: texts for people, and the API's close codes.
 * @module
 */

/**
 * Why a tunnel was not established or is lost: for counters (`cause`), for the API (`closeCode`) and for
 * people (`text`).
 */
export interface Failure {
  /** A notify's IANA name, or NO_ANSWER, REFUSED_HERE, HALF_OPEN_TIMEOUT, …; there are few values. */
  readonly cause: string;
  /** The CloseCode of the API. */
  readonly closeCode: number;
  /** One sentence for the user: what was offered, what is configured, how often, to whom. */
  readonly text: string;
}

/** Codes for the end of an IKE SA, above 16383, the last IANA error notify (the API's CloseCode). */
export const CloseCode = {
  OPEN: 0,
  STOPPED: 65537,
  DELETED_BY_PEER: 65538,
  REKEYED: 65539,
  NO_ANSWER: 65540,
  LIVENESS_FAILED: 65541,
  HARD_EXPIRY: 65542,
  INITIAL_CONTACT: 65543,
  REAUTHENTICATED: 65544,
  FLAPPED: 65545,
  REDIRECTED: 65546,
  REFUSED_HERE: 65547,
  RESUMED: 65548,
  PEER_CRASHED: 65549,
} as const;

/** A failure that this end has detected: it cannot continue with what the peer sent. */
export function refusedHere(text: string): Failure {
  return { cause: "REFUSED_HERE", closeCode: CloseCode.REFUSED_HERE, text };
}
