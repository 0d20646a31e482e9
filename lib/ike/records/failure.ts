/**
 * How an SA ends: the API's close codes, and the one way to fail.
 * @module
 */
import { clipped } from "@/base/text.ts";
import type { Failure } from "@/ike/records/event.ts";
import { endSa, type Turn } from "@/ike/records/ike_sa.ts";

/** Characters of a failure's text: it may name what a peer sent, and is kept. */
const WORDS_MAX = 1_000;

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

/** Ends the SA with words for the tester; nothing more is said to the peer. */
export function fail(turn: Turn, failure: Failure): void {
  endSa(turn, failure.closeCode, { ...failure, text: clipped(failure.text, WORDS_MAX) });
}

/** A failure that this end found: what the peer said is not what we can go on with. */
export function refusedHere(text: string): Failure {
  return { cause: "REFUSED_HERE", closeCode: CloseCode.REFUSED_HERE, text };
}
