/**
 * The progress of the authentication of an IKE SA: plain data, one record for each end. The methods are in
 * `auth/`.
 * @module
 */
import type {
  AuthConfig,
  BothAuthConfigs,
  OwnAuthConfig,
  PeerAuthConfig,
  SecondOwnAuth,
} from "@/ike/records/config.ts";
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
  /** AUTH is computed without the PPK, and goes into NO_PPK_AUTH (RFC 8784 §3). */
  readonly isPlain?: boolean;
}

/** The authentication of both ends, over any number of IKE_AUTH exchanges. */
export interface AuthRounds {
  own: AuthSide<OwnAuthConfig>;
  peer: AuthSide<PeerAuthConfig>;
  /** The authentication of this end that follows the one in progress (RFC 4739); undefined: none. */
  nextOwn: SecondOwnAuth | undefined;
  /** The authentication of the peer that follows the one in progress; undefined: none. */
  nextPeer: PeerAuthConfig | undefined;
  /** Whether the authentication of this end that is in progress has begun. */
  ownBegun: boolean;
  /** Whether the peer has still to say the identity of its second authentication. */
  peerUnnamed: boolean;
  /** What is still to be done before the next message of this end; the first one may be computing. */
  acts: readonly AuthAct[];
  /** What the methods have added to the next message of this end so far. */
  said: Payload[];
  /** IKE_AUTH messages of the peer that were taken. */
  taken: number;
}

/** Both ends' authentication, not yet begun. */
export function newRounds({ own, peer, own2, peer2 }: BothAuthConfigs): AuthRounds {
  return {
    own: newSide(own),
    peer: newSide(peer),
    nextOwn: own2,
    nextPeer: peer2,
    ownBegun: false,
    peerUnnamed: false,
    acts: [],
    said: [],
    taken: 0,
  };
}

/** The authentication of one end, not yet begun. */
export function newSide<C>(config: C): AuthSide<C> {
  return { config, progress: undefined, done: false };
}

/** Closes what the methods hold, such as an EAP conversation. */
export function closeRounds({ own, peer }: AuthRounds): void {
  closeSide(own);
  closeSide(peer);
}

/** Closes what the method of one end holds. */
export function closeSide({ progress }: AuthSide): void {
  (progress as { close?(): void } | undefined)?.close?.();
}
