/**
 * The state that an IKE SA needs only while it is set up.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { AuthRounds } from "@/ike/records/auth_rounds.ts";
import type { OpenedTicket, ResumedSession } from "@/ike/records/resumption.ts";
import type { Puzzle } from "@/ike/records/puzzle.ts";
import type { Received } from "@/ike/records/received.ts";
import type { AuthAnnouncement } from "@/wire/auth_announcements.ts";

/** The additional key exchanges of an IKE SA that is being set up (RFC 9370). */
export interface Intermediate {
  /** Transform Type 4 numbers in the order of the exchanges, ADDKE1 first. */
  readonly methods: readonly number[];
  /** Whether the last exchange, the only one where there are no methods, mixes a PPK in (RFC 9867 §3.1). */
  ppk: boolean;
  /** Whether the last exchange has the responder's SUPPORTED_AUTH_METHODS (RFC 9593 §3.1). */
  announces: boolean;
  /** How many of them are complete. */
  done: number;
  /**
   * The last links of the chain of messages that AUTH covers (RFC 9242 §3.3.2); undefined before the first.
   */
  linkI: Uint8Array | undefined;
  linkR: Uint8Array | undefined;
}

/** IKE_INTERMEDIATE exchanges of which none is complete, with these additional key exchanges. */
export function newIntermediate(methods: readonly number[]): Intermediate {
  return {
    methods,
    ppk: false,
    announces: false,
    done: 0,
    linkI: undefined,
    linkR: undefined,
  };
}

/** A post-quantum pre-shared key that is being agreed on (RFC 8784 §3). */
export interface PpkProgress {
  /** Initiator: the seven keys without the PPK, which are used if the peer does not know it. */
  plainKeys: Uint8Array | undefined;
  /** Whether AUTH is computed with these keys, for NO_PPK_AUTH. */
  isPlain: boolean;
  /** Whether IKE_INTERMEDIATE mixes it in (RFC 9867), and not IKE_AUTH. */
  readonly inIntermediate: boolean;
  /** Whether the PPK is mixed into the keys. */
  isMixed: boolean;
}

/** What a peer asks of the certificates of this end. */
export interface CertificateWishes {
  /** IANA Certificate Encodings that it asks for. */
  readonly encodings: readonly number[];
  /** SHA-1 of the keys of authorities that it names, 20 octets each; empty: any will do. */
  readonly authorities: readonly Uint8Array[];
  /** Whether it looks up certificates of which it only gets the URL (RFC 7296 §3.6). */
  readonly looksUp: boolean;
}

/** The part of an SA that only IKE_SA_INIT and IKE_AUTH need. */
export interface SetupState {
  nonceI: Uint8Array | undefined;
  nonceR: Uint8Array | undefined;
  /** The IKE_SA_INIT messages as they were on the wire, which AUTH covers (RFC 7296 §2.15). */
  initRequest: Uint8Array | undefined;
  initResponse: Uint8Array | undefined;
  /** The IKE_INTERMEDIATE exchanges that were negotiated; undefined: none. */
  intermediate: Intermediate | undefined;
  /** The peer's SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4), IANA numbers; empty: it announced none. */
  signatureHashes: readonly number[];
  /** Whether AUTH covers both messages of IKE_SA_INIT: both ends said so. */
  fullTranscript: boolean;
  /** By which methods the peer lets this end authenticate (RFC 9593); undefined: it did not say. */
  announced: readonly AuthAnnouncement[] | undefined;
  /** What the CERTREQs of a responder's IKE_SA_INIT ask for (RFC 7296 §3.7); undefined: it has none. */
  certificateWishes: CertificateWishes | undefined;
  /** Whether the responder said in IKE_SA_INIT that it supports several authentications (RFC 4739). */
  multipleAuth: boolean;
  /** Whether the responder said in IKE_SA_INIT that IKE_AUTH may do without a CHILD_SA (RFC 6023). */
  childless: boolean;
  /** IntAuth of RFC 9242 §3.3.2; undefined where no IKE_INTERMEDIATE exchange took place. */
  intAuth: Uint8Array | undefined;
  /** The agreement on a PPK, if both ends sent USE_PPK; undefined: not both did. */
  ppk: PpkProgress | undefined;
  /** What is taken from a ticket; undefined: the IKE SA is not resumed (RFC 5723 §5). */
  resumed: ResumedSession | undefined;
  /** Initiator: the inner addresses of the IKE SA that it resumes, which it asks for again. */
  innerBefore: readonly IpAddress[];
  /** Responder: the ticket that was presented, which is `resumed` as well. */
  resumes: OpenedTicket | undefined;
  /** Responder: whether the peer asks for a ticket in IKE_AUTH. */
  ticketAsked: boolean;
  /**
   * The puzzle that the first IKE_AUTH request has to solve, until that is done; undefined: there is none (RFC
   * 8019 §7.2).
   */
  puzzle: Puzzle | undefined;
  /** Initiator: the solution of that puzzle, for the first IKE_AUTH request. */
  solution: Uint8Array | undefined;
  /**
   * Responder: the zero bits of the puzzle that the peer solved in IKE_SA_INIT, at least 1; 0: it solved none.
   * Of half-open SAs, those with the fewest are ended first.
   */
  puzzleBits: number;
  /** Octets of the peer's messages that are kept here. */
  keptOctets: number;
  /** Whether the first IKE_AUTH carries INITIAL_CONTACT. */
  initialContact: boolean;
  /** The authentication of both ends; undefined until IKE_AUTH begins. */
  auth: AuthRounds | undefined;
  /** Responder: the first IKE_AUTH request, which has the payloads of the CHILD_SA for the last response. */
  authRequest: Received | undefined;
}
