/**
 * Why an SA ends: words for a person, and the API's close codes.
 * @module
 */

/** Why a tunnel is not there, for a counter (`cause`), for the API (`closeCode`) and for a person. */
export interface Failure {
  /** A notify's IANA name, or NO_ANSWER, REFUSED_HERE, HALF_OPEN_TIMEOUT, …: few distinct values. */
  readonly cause: string;
  /** As in the API's CloseCode. */
  readonly closeCode: number;
  /** One sentence a tester can act on: what was offered, what is configured, how often, to whom. */
  readonly text: string;
}

/** Why an IKE SA ended, above the 16383 of an IANA error notify (the API's CloseCode). */
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
} as const;

/** A failure that this end found: what the peer said is not what we can go on with. */
export function refusedHere(text: string): Failure {
  return { cause: "REFUSED_HERE", closeCode: CloseCode.REFUSED_HERE, text };
}
