/**
 * What both ends of an EAP conversation look like from outside, whoever holds them: a method of ours,
 * a RADIUS server behind us, `eapol_test`, or a capture. The caller carries packets and nothing else.
 *
 * A peer gets each packet of the server by `step` and sends what comes back. A server is started
 * first; then it gets each packet of the peer. Both end by `succeeded` or `failed`, once.
 * @module
 */
import type { EapCause } from "@/eap/failure.ts";

/** What a successful conversation has shown. */
export interface EapOutcome {
  /** EAP method type that has authenticated the peer. */
  readonly method: number;
  /** Its name as users see it, `EAP-MSCHAPv2`. */
  readonly methodName: string;
  /** Who the peer is by what it has proved, as far as that is known; of a relay, what it said. */
  readonly identity: string;
  /**
   * The Master Session Key, 64 octets (RFC 3748 §7.10), or `undefined` where the method derives
   * none, as MD5 and GTC do. Then IKE computes AUTH by SK_pi and SK_pr (RFC 7296 §2.16).
   */
  readonly msk: Uint8Array | undefined;
  /** What users should hear of: notifications of the other end, what was negotiated. */
  readonly notes: readonly string[];
}

/** What an end says to a packet. */
export type EapAnswer =
  /** A Request or Response to send; the conversation goes on. */
  | { readonly kind: "send"; readonly octets: Uint8Array }
  /** A server sends `octets`, its Success; a peer has nothing more to send. */
  | {
    readonly kind: "succeeded";
    readonly octets: Uint8Array | undefined;
    readonly outcome: EapOutcome;
  }
  /**
   * A server sends `octets`, its Failure. `why` is a sentence that names the method and the cause;
   * `cause` is short, one of a small number, and fit to count by.
   */
  | {
    readonly kind: "failed";
    readonly octets: Uint8Array | undefined;
    readonly cause: string;
    readonly why: string;
    readonly notes: readonly string[];
  }
  /** The packet is dropped as RFC 3748 asks; nothing has changed. IKE has no other packet to wait for. */
  | { readonly kind: "discarded"; readonly why: string };

/** The peer's end (RFC 3748 §1.2). Ends of ours answer at once, relays by promise. */
export interface EapPeer {
  /** Takes one packet of the server. */
  step(octets: Uint8Array): EapAnswer | Promise<EapAnswer>;
  /** Lets go of what it holds (TLS, a process, a socket); may be called at any time, and twice. */
  close(): void;
}

/** The end that authenticates (RFC 3748 §1.2: EAP server). */
export interface EapServer {
  /**
   * The first Request. With `identity` the peer is known by what IKE said of it (IDi), and is not
   * asked by an Identity request.
   */
  start(identity: string | undefined): EapAnswer | Promise<EapAnswer>;
  /**
   * Takes one packet of the peer. In place of `start` it may be the Identity Response to a Request
   * that was made by somebody else.
   */
  step(octets: Uint8Array): EapAnswer | Promise<EapAnswer>;
  /**
   * Why the peer will fail, where that is known before the conversation is over: some peers hear of it and
   * are gone.
   */
  verdict?(): { readonly cause: EapCause; readonly why: string } | undefined;
  /** As for {@linkcode EapPeer.close}. */
  close(): void;
}

/** A peer of ours, which answers at once. */
export interface OwnEapPeer extends EapPeer {
  step(octets: Uint8Array): EapAnswer;
  /** What the method has come to; tunnels end it without a Success or Failure of its own. */
  methodEnd(): MethodEnd | undefined;
}

/** What a method has come to at the peer, where the server's last word is still to come. */
export type MethodEnd =
  | { readonly kind: "done"; readonly msk: Uint8Array | undefined }
  | { readonly kind: "refused"; readonly cause: EapCause; readonly why: string };

/** A server of ours, which answers at once. */
export interface OwnEapServer extends EapServer {
  start(identity: string | undefined): EapAnswer;
  step(octets: Uint8Array): EapAnswer;
  /** Sets the Identifier of the next request: PEAP leaves it out, and both ends make it up. */
  requestAs(identifier: number): void;
}
