/**
 * The interface of a method of authentication (RFC 7296 §2.15, §2.16). It has an `Authenticator`
 * for each direction, which takes the peer's messages and the results of computations, and returns
 * the payloads for our next IKE_AUTH message. A method consists of a file of this folder, its
 * configuration in `records/config.ts`, and a line in `methods.ts`.
 * @module
 */
import { nameOfAuthMethod } from "@/iana/auth_method.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { AuthSide } from "@/ike/records/auth_rounds.ts";
import type { AuthConfig, OwnAuthConfig, PeerAuthConfig } from "@/ike/records/config.ts";
import type { ComputeJob, ComputeResult, Turn } from "@/ike/records/event.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { AuthPayload } from "@/wire/payloads/authentication.ts";

/** The result of a step of an authenticator. */
export type AuthStep =
  /** It adds these payloads to our next message; `done`: it needs no further message or result. */
  | { readonly kind: "says"; readonly payloads: readonly Payload[]; readonly done: boolean }
  /** It needs the result of this job, which is passed to `computed`. */
  | { readonly kind: "computes"; readonly job: ComputeJob }
  /** The authentication has failed. */
  | AuthRefusal;

/** Why an authentication has failed. */
export interface AuthRefusal {
  readonly kind: "refuses";
  /** The text after "Cannot authenticate …: ". */
  readonly why: string;
  /** The cause for the counters, of which there are only a few; absent: AUTHENTICATION_FAILED. */
  readonly cause?: string;
  /** The payloads that a responder still sends, before AUTHENTICATION_FAILED. */
  readonly payloads?: readonly Payload[];
}

/** One direction of a method: it proves the identity of this end, or verifies that of the peer. */
export interface Authenticator<C = AuthConfig, P = unknown> {
  /** Is called before our first IKE_AUTH message is sent. */
  begin(turn: Turn, side: AuthSide<C, P>): AuthStep;
  /** Is called with each IKE_AUTH message of the peer, as long as this direction is not done. */
  take(turn: Turn, side: AuthSide<C, P>, payloads: readonly Payload[]): AuthStep;
  /**
   * Is called with the result of the job that the last step asked for. Methods without jobs do not
   * need it.
   */
  computed?(turn: Turn, side: AuthSide<C, P>, result: ComputeResult): AuthStep;
}

/** Both directions of a method; `O` and `P` are their configurations. */
export interface AuthMethodPair<O = OwnAuthConfig, P = PeerAuthConfig> {
  /** The name of the method in the options `authownmethod` and `authpeermethod`. */
  nameOf(config: O | P): string;
  readonly own: Authenticator<O>;
  readonly peer: Authenticator<P>;
}

/** The step of an authenticator that is complete. */
export function done(payloads: readonly Payload[] = []): AuthStep {
  return { kind: "says", payloads, done: true };
}

/** The step of an authenticator that waits for the peer's next message. */
export function waits(payloads: readonly Payload[] = []): AuthStep {
  return { kind: "says", payloads, done: false };
}

/** The step that ends the authentication. */
export function refuses(why: string): AuthStep {
  return { kind: "refuses", why };
}

/** The AUTH payload of a message, or a text that says why it does not have one of `methods`. */
export function authBy(
  { sa }: Turn,
  payloads: readonly Payload[],
  { methods, wanted }: { readonly methods: readonly number[]; readonly wanted: string },
): AuthPayload | string {
  const auth = findPayload(payloads, PayloadType.AUTH);
  if (auth && methods.includes(auth.method)) return auth;
  const asked = `authpeermethod asks for ${wanted}`;
  if (auth) return `it authenticates by ${nameOfAuthMethod(auth.method)}, ${asked}`;
  // RFC 7296 §2.16: an initiator that leaves AUTH out asks for EAP.
  return sa.originalInitiator
    ? "its IKE_AUTH response lacks AUTH"
    : `it asks for EAP (no AUTH payload), ${asked}`;
}
