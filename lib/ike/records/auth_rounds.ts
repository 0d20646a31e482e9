/**
 * How far the authentication of an IKE SA has come: plain data, one record for each end. What happens
 * to it is in `auth/`.
 * @module
 */
import type { AuthConfig, OwnAuthConfig, PeerAuthConfig } from "@/ike/records/config.ts";
import type { Payload } from "@/wire/message.ts";

/** Whose authentication it is: that of this end, or that of its peer. */
export type AuthEnd = "own" | "peer";

/** The authentication of one end. `P` is what its method keeps from one message to the next. */
export interface AuthSide<C = AuthConfig, P = unknown> {
  readonly config: C;
  /** Undefined until the method keeps something. */
  progress: P | undefined;
  /** Whether this end is authenticated, as far as its method goes. */
  done: boolean;
}

/** What one end's method is to do: begin, or take the peer's message. */
export interface AuthAct {
  readonly end: AuthEnd;
  readonly moment: "begin" | "take";
}

/** The authentication of both ends, over any number of IKE_AUTH exchanges. */
export interface AuthRounds {
  readonly own: AuthSide<OwnAuthConfig>;
  readonly peer: AuthSide<PeerAuthConfig>;
  /** What is still to be done before the next message of this end; the first one may be computing. */
  acts: readonly AuthAct[];
  /** What the methods have added to the next message of this end so far. */
  said: Payload[];
  /** IKE_AUTH messages of the peer that were taken. */
  taken: number;
}

/** Lets go of what the methods hold, such as an EAP conversation. */
export function closeRounds({ own, peer }: AuthRounds): void {
  for (const { progress } of [own, peer]) (progress as { close?(): void } | undefined)?.close?.();
}
