/**
 * What a method of authentication is to the core (RFC 7296 §2.15, §2.16): for each direction an
 * `Authenticator` that begins, takes the peer's messages and the results of computations, and says
 * what it adds to our next IKE_AUTH message. A method is one file of this wing, its configuration in
 * `records/config.ts`, and a line in `methods.ts`.
 * @module
 */
import { nameOfAuthMethod } from "@/iana/auth_method.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { AuthSide } from "@/ike/records/auth_rounds.ts";
import type { AuthConfig, OwnAuthConfig, PeerAuthConfig } from "@/ike/records/config.ts";
import type { ComputeJob, ComputeResult, Turn } from "@/ike/records/event.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { AuthPayload } from "@/wire/payloads/authentication.ts";

/** What an authenticator does next. */
export type AuthStep =
  /** It adds these payloads to our next message; `done`: it needs no further message or result. */
  | { readonly kind: "says"; readonly payloads: readonly Payload[]; readonly done: boolean }
  /** It cannot go on before this work is done; the result comes by `computed`. */
  | { readonly kind: "computes"; readonly job: ComputeJob }
  /** The authentication has failed. */
  | AuthRefusal;

/** Why an authentication has failed. */
export interface AuthRefusal {
  readonly kind: "refuses";
  /** Goes behind "Cannot authenticate …: ". */
  readonly why: string;
  /** To count by, one of few; absent: AUTHENTICATION_FAILED. */
  readonly cause?: string;
  /** What a responder still owes the peer, before AUTHENTICATION_FAILED. */
  readonly payloads?: readonly Payload[];
}

/** One direction of a method: how this end proves who it is, or how it verifies its peer. */
export interface Authenticator<C = AuthConfig, P = unknown> {
  /** Our first IKE_AUTH message is about to be sent. */
  begin(turn: Turn, side: AuthSide<C, P>): AuthStep;
  /** The peer's IKE_AUTH message has come, and this direction is not done yet. */
  take(turn: Turn, side: AuthSide<C, P>, payloads: readonly Payload[]): AuthStep;
  /** The work that the last step asked for. Needed only where a step asks for any. */
  computed?(turn: Turn, side: AuthSide<C, P>, result: ComputeResult): AuthStep;
}

/** Both directions of a method; `O` and `P` are their configurations. */
export interface AuthMethodPair<O = OwnAuthConfig, P = PeerAuthConfig> {
  /** As the options `authownmethod` and `authpeermethod` name it. */
  nameOf(config: O | P): string;
  readonly own: Authenticator<O>;
  readonly peer: Authenticator<P>;
}

/** The step of an authenticator that has all it needs. */
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

/** The AUTH payload of a message; a text says why it is not by one of `methods`. */
export function authBy(
  { sa }: Turn,
  payloads: readonly Payload[],
  { methods, wanted }: { readonly methods: readonly number[]; readonly wanted: string },
): AuthPayload | string {
  const auth = findPayload(payloads, PayloadType.AUTH);
  if (auth && methods.includes(auth.method)) return auth;
  const asked = `authpeermethod asks for ${wanted}`;
  if (auth) return `it authenticates by ${nameOfAuthMethod(auth.method)}, ${asked}`;
  // RFC 7296 §2.16: an initiator asks for EAP by leaving AUTH out.
  return sa.originalInitiator
    ? "its IKE_AUTH response lacks AUTH"
    : `it asks for EAP (no AUTH payload), ${asked}`;
}
