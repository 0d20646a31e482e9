/**
 * The message window of an IKE SA: one request at a time in each direction (RFC 7296 §2.3), what is needed to
 * repeat an answer (§2.1), and messages with missing fragments (RFC 7383 §2.6). `window/` has the functions.
 * @module
 */

/** Our outstanding request. The window size is 1 (RFC 7296 §2.3). */
export interface OutstandingRequest {
  readonly exchange: number;
  readonly messageId: number;
  /** The datagrams on the wire: one, or the fragments in order. */
  readonly datagrams: readonly Uint8Array[];
  readonly firstSentMs: number;
  transmissions: number;
  nextMs: number;
}

/** The peer's last answered request with our response. */
export interface AnsweredRequest {
  /** The `messageHash` of the request; for a fragmented one that of fragment number 1. */
  hash: string;
  /** Number of fragments of the request; 1 means that it was not fragmented. */
  fragments: number;
  /** The datagrams of the response. */
  readonly response: readonly Uint8Array[];
  /** Begin of the second for which `repeats` are counted, in milliseconds. */
  sinceMs: number;
  repeats: number;
}

/** A message of the peer with missing fragments. Those that have arrived are authentic. */
export interface Reassembly {
  readonly messageId: number;
  readonly exchange: number;
  /** Total Fragments. */
  readonly total: number;
  /** Time at which the message is given up. */
  readonly untilMs: number;
  /** Type of the first payload; 0 until fragment 1 has arrived. */
  firstType: number;
  /** The `messageHash` of fragment 1; empty until it has arrived. */
  firstHash: string;
  /** Parts of the payloads, by Fragment Number. */
  readonly contents: Map<number, Uint8Array>;
  /** Octets of all `contents`. */
  contentOctets: number;
  /** Octets of the datagrams in which they arrived. */
  datagramOctets: number;
}

/** The message window of one IKE SA. A rekey begins with a new one (RFC 7296 §2.18). */
export interface MessageWindow {
  /** Our request that is not answered yet. */
  request: OutstandingRequest | undefined;
  /** Message ID of our outstanding request, or otherwise of our next one. */
  nextRequestId: number;
  /** Message ID of the peer's next request. */
  nextPeerId: number;
  /**
   * Responder: Message ID of the request by which the peer may refuse our IKE_AUTH response (RFC 7296
   * §2.21.2); -1: none.
   */
  afterAuthId: number;
  /** The peer's last answered request; undefined: there is none, or its response is dropped. */
  answered: AnsweredRequest | undefined;
  /** A request and a response of the peer with missing fragments. */
  partialRequest: Reassembly | undefined;
  partialResponse: Reassembly | undefined;
}

/** The window of a new SA. */
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
 * Clears the window at the end of the SA: no response is awaited and no fragment is kept any more. The last
 * response stays, so that it can be repeated. Returns the octets of the dropped fragments.
 */
export function emptyWindow(window: MessageWindow): number {
  const { partialRequest, partialResponse } = window;
  window.request = window.partialRequest = window.partialResponse = undefined;
  return (partialRequest?.contentOctets ?? 0) + (partialResponse?.contentOctets ?? 0);
}
