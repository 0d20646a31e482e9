/**
 * The message window of an IKE SA: one request in flight in each direction (RFC 7296 §2.3), what is
 * remembered to repeat an answer (§2.1), and messages of which fragments are missing (RFC 7383 §2.6).
 * What happens to it is in `window/`.
 * @module
 */

/** Our one request in flight; window size 1 (RFC 7296 §2.3). */
export interface OutstandingRequest {
  readonly exchange: number;
  readonly messageId: number;
  /** As it is on the wire: one datagram, or its fragments in order. */
  readonly datagrams: readonly Uint8Array[];
  readonly firstSentMs: number;
  transmissions: number;
  nextMs: number;
}

/** The peer's last request that was answered, and our response to it. */
export interface AnsweredRequest {
  /** `messageHash` of the request; of a request in fragments, of fragment number 1. */
  hash: string;
  /** How many fragments the request came in; 1: it was whole. */
  fragments: number;
  /** All datagrams of the response. */
  readonly response: readonly Uint8Array[];
  /** When the second began in which `repeats` are counted, in milliseconds. */
  sinceMs: number;
  repeats: number;
}

/** A message of the peer of which some fragments are there; all of them authentic. */
export interface Reassembly {
  readonly messageId: number;
  readonly exchange: number;
  /** Total Fragments. */
  readonly total: number;
  /** When the others have not come in time. */
  readonly untilMs: number;
  /** Type of the first payload of all; 0 until fragment 1 is there. */
  firstType: number;
  /** `messageHash` of fragment 1; empty until it is there. */
  firstHash: string;
  /** Parts of the payloads by Fragment Number. */
  readonly contents: Map<number, Uint8Array>;
  /** Octets of all `contents`. */
  contentOctets: number;
  /** Octets of the datagrams they came in. */
  datagramOctets: number;
}

/** The window of one IKE SA. A rekey begins a new one (RFC 7296 §2.18). */
export interface MessageWindow {
  /** Our request whose response is awaited. */
  request: OutstandingRequest | undefined;
  /** Message ID of our request in flight, or else of our next one. */
  nextRequestId: number;
  /** Message ID of the peer's next request. */
  nextPeerId: number;
  /** Responder: the request in which the peer may refuse our IKE_AUTH (RFC 7296 §2.21.2); -1: none. */
  afterAuthId: number;
  /** The peer's last request that was answered; `undefined`: none, or its response is forgotten. */
  answered: AnsweredRequest | undefined;
  /** The peer's request, and its response, of which some fragments are still missing. */
  partialRequest: Reassembly | undefined;
  partialResponse: Reassembly | undefined;
}

/** A window in which nothing was sent or received. */
export function newWindow(): MessageWindow {
  return {
    request: undefined,
    nextRequestId: 0,
    nextPeerId: 0,
    afterAuthId: -1,
    answered: undefined,
    partialRequest: undefined,
    partialResponse: undefined,
  };
}

/**
 * The SA has ended: no response is awaited and no fragment is kept any more. What was answered stays, to
 * be answered again. Returns the octets of fragments that are free now.
 */
export function emptyWindow(window: MessageWindow): number {
  const { partialRequest, partialResponse } = window;
  window.request = window.partialRequest = window.partialResponse = undefined;
  return (partialRequest?.contentOctets ?? 0) + (partialResponse?.contentOctets ?? 0);
}
