/**
 * What a responder keeps of a CREATE_CHILD_SA until the additional key exchanges are complete (RFC 9370
 * §2.2.4): it is bounded in number and in time, and goes without a word, as the peer's next request is
 * told STATE_NOT_FOUND.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { AwaitedFollowup, ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { removeChild } from "@/ike/records/child_sa.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import { patienceMs } from "@/ike/window/patience.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** CREATE_CHILD_SA exchanges of one IKE SA that wait for additional key exchanges, at most. */
const AWAITED_MAX = 8;
/** Octets of ADDITIONAL_KEY_EXCHANGE; they mean nothing to anybody but us. */
const LINK_OCTETS = 8;

/** A fresh link to the peer's next request. */
export function newLink({ env }: IkeSa): Uint8Array {
  return env.random(LINK_OCTETS);
}

/** ADDITIONAL_KEY_EXCHANGE of a response: one more key exchange is to follow. */
export function linkNotify({ link }: AwaitedFollowup): NotifyPayload {
  return notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, link);
}

/**
 * Until when the peer's next request is awaited: it may have to ask for our response as often as it asks
 * at all, and then our answer to its next request may be lost as often.
 */
export function awaitedUntilMs({ sa, nowMs }: Turn): number {
  return sa.env.broken.has("keep_followups")
    ? nowMs + 3_600_000
    : nowMs + 2 * patienceMs(sa.config);
}

/** Keeps what has to be completed. */
export function awaitFollowup({ sa }: Turn, awaited: AwaitedFollowup): void {
  sa.followups = [...sa.followups, awaited];
}

/** @throws {PeerError} where too many wait already. */
export function mayAwait({ followups }: IkeSa): void {
  if (followups.length < AWAITED_MAX) return;
  const text = `More than ${AWAITED_MAX} CREATE_CHILD_SA exchanges wait for IKE_FOLLOWUP_KE`;
  throw new PeerError(NotifyType.TEMPORARY_FAILURE, text);
}

/** What a request completes, by its ADDITIONAL_KEY_EXCHANGE; undefined: nothing that is here. */
export function findAwaited(
  { followups }: IkeSa,
  request: readonly Payload[],
): AwaitedFollowup | undefined {
  const link = findNotify(request, NotifyType.ADDITIONAL_KEY_EXCHANGE);
  return link && followups.find((awaited) => sameOctets(awaited.link, link.data));
}

/** It is complete, or it will never be: a CHILD_SA that has no keys yet goes with it. */
export function forgetFollowup({ sa, out }: Turn, awaited: AwaitedFollowup): void {
  sa.followups = sa.followups.filter((other) => other !== awaited);
  if (awaited.kind === "create_child" && awaited.child.state === "creating") {
    removeChild(sa, awaited.child, out);
  }
}

/** All of them: the IKE SA is not the tunnel any more. */
export function forgetFollowups(turn: Turn): void {
  for (const awaited of turn.sa.followups) forgetFollowup(turn, awaited);
}

/** Those whose time is over. */
export function expireFollowups(turn: Turn): void {
  for (const awaited of turn.sa.followups) {
    if (turn.nowMs < awaited.untilMs) continue;
    const text =
      "Peer has not gone on with IKE_FOLLOWUP_KE in time: its CREATE_CHILD_SA is forgotten";
    turn.out.push({ kind: "note", level: 3, text }, turn.sa);
    forgetFollowup(turn, awaited);
  }
}

/** When the next of them is forgotten; Infinity: there is none. */
export function followupsDueMs({ followups }: IkeSa): number {
  return Math.min(Infinity, ...followups.map(({ untilMs }) => untilMs));
}

/** The peer's rekey of a CHILD_SA that waits for additional key exchanges. */
export function awaitedRekey(sa: IkeSa, old: ChildSa): AwaitedFollowup | undefined {
  return sa.followups.find((one) => one.kind === "create_child" && one.old === old);
}

/** The peer's rekey of the IKE SA that waits for additional key exchanges. */
export function awaitedIkeRekey({ followups }: IkeSa): AwaitedFollowup | undefined {
  return followups.find(({ kind }) => kind === "rekey_ike");
}
