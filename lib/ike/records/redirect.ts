/**
 * Redirection of clients to another gateway (RFC 5685): its configuration, and the redirections of a tunnel.
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
  /** Initiator: whether it sends REDIRECT_SUPPORTED, and follows REDIRECT. */
  readonly follows: boolean;
  /** Responder: where its peers are redirected; absent: they are not. */
  readonly sends?: RedirectPlan;
}

/** To which gateways a responder redirects its peers, and when. */
export interface RedirectPlan {
  /** Gateways that are used in turn; at least one. */
  readonly to: readonly GatewayIdentity[];
  /** In the IKE_SA_INIT response, in the last IKE_AUTH response, or later in INFORMATIONAL. */
  readonly at: "init" | "auth" | "established";
  /** Milliseconds from the set-up to that INFORMATIONAL. */
  readonly afterMs: number;
}

/** The redirections of one tunnel, from IKE SA to IKE SA. */
export interface RedirectTrail {
  /** The gateway that redirected the tunnel to the present one. */
  readonly from: GatewayIdentity;
  /** When it was redirected, in milliseconds on the core's clock, oldest first. */
  readonly timesMs: readonly number[];
}

/** The most redirections that a client follows within {@linkcode REDIRECT_PERIOD_MS} (RFC 5685 §5.2). */
export const REDIRECTS_MAX = 5;
/** RFC 5685 §5.2: REDIRECT_LOOP_DETECT_PERIOD. */
export const REDIRECT_PERIOD_MS = 300_000;
