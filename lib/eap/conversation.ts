/**
 * The interfaces of both ends of an EAP conversation, which are the same for a method of this program,
 * a RADIUS server, `eapol_test` and a capture.
 *
 * The caller only carries packets. A peer takes each packet of the server by `step`, and returns the
 * answer. A server is started first, and then takes each packet of the peer. Both end with exactly one
 * `succeeded` or `failed`.
 * @module
 */
import type { EapCause } from "@/eap/failure.ts";

/** The result of a successful conversation. */
export interface EapOutcome {
  /** EAP method type that has authenticated the peer. */
  readonly method: number;
  /** The name of the method for users, such as `EAP-MSCHAPv2`. */
  readonly methodName: string;
  /**
   * The identity that the peer has proved, as far as it is known; for a relay the identity that the
   * peer claimed.
   */
  readonly identity: string;
  /**
   * The Master Session Key, 64 octets (RFC 3748 §7.10), or `undefined` where the method derives
   * none, as MD5 and GTC do. Then IKE computes AUTH by SK_pi and SK_pr (RFC 7296 §2.16).
   */
  readonly msk: Uint8Array | undefined;
  /** Notes for the log: notifications of the other end, and what was negotiated. */
  readonly notes: readonly string[];
}

/** The answer of an end to a packet. */
export type EapAnswer =
  /** A Request or Response to send; the conversation goes on. */
  | { readonly kind: "send"; readonly octets: Uint8Array }
  /**
   * The conversation succeeded. `octets` is the Success packet of a server; a peer has nothing more
   * to send.
   */
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
  /**
   * The packet is dropped as RFC 3748 asks; nothing has changed. IKE has no other packet to wait
   * for.
   */
  | { readonly kind: "discarded"; readonly why: string };

/** The peer (RFC 3748 §1.2). Methods of this program answer synchronously, relays by a promise. */
export interface EapPeer {
  /** Takes one packet of the server. */
  step(octets: Uint8Array): EapAnswer | Promise<EapAnswer>;
  /**
   * Releases its resources (TLS, a process, a socket). It may be called at any time, and more than
   * once.
   */
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
   * Why the peer will fail, if that is known before the end of the conversation, as some peers
   * leave when they hear of it.
   */
  verdict?(): { readonly cause: EapCause; readonly why: string } | undefined;
  /** As for {@linkcode EapPeer.close}. */
  close(): void;
}

/** A peer with methods of this program, which answers synchronously. */
export interface OwnEapPeer extends EapPeer {
  step(octets: Uint8Array): EapAnswer;
  /**
   * The result of the method, which is needed inside of tunnels, where it ends without Success or
   * Failure.
   */
  methodEnd(): MethodEnd | undefined;
}

/** The result of a method at the peer, before the final packet of the server. */
export type MethodEnd =
  | { readonly kind: "done"; readonly msk: Uint8Array | undefined }
  | { readonly kind: "refused"; readonly cause: EapCause; readonly why: string };

/** A server with methods of this program, which answers synchronously. */
export interface OwnEapServer extends EapServer {
  start(identity: string | undefined): EapAnswer;
  step(octets: Uint8Array): EapAnswer;
  /**
   * Sets the Identifier of the next request. PEAP does not send it, so that both ends derive it.
   */
  requestAs(identifier: number): void;
}
