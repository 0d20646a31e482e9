/**
 * A second authentication of either end (RFC 4739). The message with the AUTH payload of the
 * first one has ANOTHER_AUTH_FOLLOWS, and the next message of that end begins the second one, which
 * has its own method and identity.
 * @module
 */
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { certificateRequests } from "@/ike/auth/certificate_payloads.ts";
import { authConfigOf } from "@/ike/auth/resumed.ts";
import { methodOf } from "@/ike/auth/methods.ts";
import { identityIn, resolveIdentity, showIdentity } from "@/ike/negotiate/identity.ts";
import {
  type AuthAct,
  type AuthEnd,
  type AuthSide,
  closeSide,
  newSide,
} from "@/ike/records/auth_rounds.ts";
import type { Turn } from "@/ike/records/event.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** The ID payload that this end sends at the start of its second authentication. */
export function ownName({ sa }: Turn): Payload[] {
  const type = sa.originalInitiator ? PayloadType.IDI : PayloadType.IDR;
  return [{ type, ...sa.peer.ownId! } as Payload];
}

/**
 * The CERTREQ payloads that an initiator sends in its first message if the peer only signs by another
 * method than the first, or in its second authentication, as a responder may ignore later ones
 * (RFC 7296 §1.2).
 */
export function askedAhead({ sa }: Turn): Payload[] {
  const { peer, peerOthers = [], peer2 } = authConfigOf(sa);
  const signs = [...peerOthers, peer2].find((auth) => auth?.kind === "signature");
  if (peer.kind === "signature" || signs?.kind !== "signature") return [];
  return certificateRequests(sa.env.crypto, signs);
}

/**
 * The payloads that announce another authentication of this end, which are sent together with `payloads` of
 * the present one. A text is the reason why another one is impossible.
 */
export function announcement(turn: Turn, payloads: readonly Payload[]): Payload[] | string {
  const { nextOwn } = turn.sa.setup!.auth!;
  if (!nextOwn || !findPayload(payloads, PayloadType.AUTH)) return [];
  if (peerTakesSeveral(turn)) return [notify(NotifyType.ANOTHER_AUTH_FOLLOWS)];
  return `authown2 is ${methodOf(nextOwn.config).nameOf(nextOwn.config)}, and the peer takes one ` +
    "authentication alone (no MULTIPLE_AUTH_SUPPORTED, RFC 4739)";
}

function peerTakesSeveral({ sa }: Turn): boolean {
  const { multipleAuth, authRequest } = sa.setup!;
  if (sa.originalInitiator) return multipleAuth;
  return findNotify(authRequest!.payloads, NotifyType.MULTIPLE_AUTH_SUPPORTED) !== undefined;
}

/**
 * Completes the present authentication of this end, whose message has the payloads `said`. Returns the act
 * that begins the next authentication, or undefined if there is none, or if it must wait for our next message
 * because this one has an AUTH payload already.
 */
export function succeedOwn(turn: Turn, said: readonly Payload[]): AuthAct | undefined {
  const { sa } = turn;
  const rounds = sa.setup!.auth!;
  const { nextOwn, own } = rounds;
  if (!nextOwn) return undefined;
  closeSide(own);
  tell(turn, "own", own);
  rounds.own = newSide(nextOwn.config);
  rounds.nextOwn = undefined;
  rounds.ownBegun = false;
  return findPayload(said, PayloadType.AUTH) ? undefined : { end: "own", moment: "begin" };
}

/** Replaces the identity of this end by that of its second authentication. */
export function takeOwnName({ sa }: Turn): void {
  const { own2 } = sa.config.auth;
  sa.peer.ownId = resolveIdentity(own2!.id, sa.path, sa.index);
}

/**
 * Completes the present authentication of the peer, whose message has `payloads`, and prepares the next one.
 * Returns the act that begins it, if this end has to begin. A text is the reason why the peer is refused
 * although this authentication has succeeded.
 */
export function succeedPeer(
  turn: Turn,
  payloads: readonly Payload[],
): AuthAct | string | undefined {
  const { sa } = turn;
  const rounds = sa.setup!.auth!;
  const { nextPeer, peer } = rounds;
  const follows = findNotify(payloads, NotifyType.ANOTHER_AUTH_FOLLOWS) !== undefined;
  if (!nextPeer) {
    return follows
      ? `it announces ${sa.config.auth.peer2 ? "a third" : "a second"} ${UNASKED}`
      : undefined;
  }
  const name = methodOf(nextPeer).nameOf(nextPeer);
  if (!follows && sa.env.broken.has("skip_second_auth")) return undefined;
  // The peer counts as not authenticated until all of its authentications are complete.
  sa.peer.auth = 0;
  if (!follows) {
    return `it authenticates once alone (no ANOTHER_AUTH_FOLLOWS), authpeer2 asks for ${name}`;
  }
  closeSide(peer);
  tell(turn, "peer", peer);
  rounds.peer = newSide(nextPeer);
  rounds.nextPeer = undefined;
  rounds.peerUnnamed = true;
  // If the peer signs, the first message has already asked for its certificates.
  const asks = sa.originalInitiator && nextPeer.kind !== "signature";
  return asks ? { end: "peer", moment: "begin" } : undefined;
}

const UNASKED = "authentication (ANOTHER_AUTH_FOLLOWS), which authpeer2 does not ask for";

/**
 * Takes the identity of the peer's second authentication from its message. `waits` means that the message has
 * none yet, as a responder may continue with EAP first. Any other text is the reason why the peer is refused.
 */
export function takePeerName(
  { sa }: Turn,
  payloads: readonly Payload[],
): "waits" | string | undefined {
  const rounds = sa.setup!.auth!;
  const type = sa.originalInitiator ? PayloadType.IDR : PayloadType.IDI;
  const id = findPayload(payloads, type);
  if (!id) {
    if (sa.originalInitiator && !rounds.own.done && rounds.ownBegun) return "waits";
    return `it does not say who it is (${
      sa.originalInitiator ? "IDr" : "IDi"
    }) in its second authentication`;
  }
  rounds.peerUnnamed = false;
  sa.peer.id = identityIn(id);
  return undefined;
}

function tell({ sa, out }: Turn, end: AuthEnd, { config }: AuthSide): void {
  const { id, ownId } = sa.peer;
  const [who, as] = end === "own" ? ["This end", ownId] : ["The peer", id];
  const text = `${who} is authenticated as ${showIdentity(as!)} by ${
    methodOf(config).nameOf(config)
  }; another authentication follows (RFC 4739)`;
  out.push({ kind: "note", level: 4, text }, sa);
}
