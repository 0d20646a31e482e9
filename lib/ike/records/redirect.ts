/**
 * Redirection of a client to another gateway (RFC 5685): who is told where to go at which moment, and
 * which ways a tunnel has been sent so far.
 * @module
 */

/** Another gateway, as REDIRECT and REDIRECTED_FROM name it (RFC 5685 §7.2). */
export interface GatewayIdentity {
  /** IANA Gateway Identity Type. */
  readonly idType: number;
  /** 4 or 16 octets of an address, or a domain name in ASCII; at most 255 octets. */
  readonly data: Uint8Array;
}

/** What an end does about redirection. */
export interface RedirectConfig {
  /** Initiator: whether it says REDIRECT_SUPPORTED, and goes where it is sent. */
  readonly follows: boolean;
  /** Responder: where its peers are sent; absent: nowhere. */
  readonly sends?: RedirectPlan;
}

/** Where a responder sends its peers, and when. */
export interface RedirectPlan {
  /** Gateways that are named in turn; at least one. */
  readonly to: readonly GatewayIdentity[];
  /** In the IKE_SA_INIT response, in the last IKE_AUTH response, or later in INFORMATIONAL. */
  readonly at: "init" | "auth" | "established";
  /** Milliseconds from the set-up to that INFORMATIONAL. */
  readonly afterMs: number;
}

/** The redirections of one tunnel, from IKE SA to IKE SA. */
export interface RedirectTrail {
  /** The gateway that sent the tunnel to where it is now. */
  readonly from: GatewayIdentity;
  /** When it was redirected, in milliseconds on the core's clock, oldest first. */
  readonly timesMs: readonly number[];
}

/** RFC 5685 §5.2: redirections of a client that are taken within {@linkcode REDIRECT_PERIOD_MS}. */
export const REDIRECTS_MAX = 5;
/** RFC 5685 §5.2: REDIRECT_LOOP_DETECT_PERIOD. */
export const REDIRECT_PERIOD_MS = 300_000;
