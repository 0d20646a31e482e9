/**
 * What a responder keeps of a CREATE_CHILD_SA exchange until its additional key exchanges are complete (RFC
 * 9370 §2.2.4). It is bounded in number and in time. It is removed without telling the peer, whose next
 * request is answered with STATE_NOT_FOUND.
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

/** The most CREATE_CHILD_SA exchanges of one IKE SA that wait for additional key exchanges. */
const AWAITED_MAX = 8;
/** Octets of the data of ADDITIONAL_KEY_EXCHANGE, which only the end that sends them interprets. */
const LINK_OCTETS = 8;

/** Draws the data by which the peer's next request will be recognized. */
export function newLink({ env }: IkeSa): Uint8Array {
  return env.random(LINK_OCTETS);
}

/** The notify ADDITIONAL_KEY_EXCHANGE of a response, as one more key exchange is to follow. */
export function linkNotify({ link }: AwaitedFollowup): NotifyPayload {
  return notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, link);
}

/**
 * The time until which the peer's next request is awaited. The peer may need all of its transmissions to get
 * our response, and again all of them for its next request.
 */
export function awaitedUntilMs({ sa, nowMs }: Turn): number {
  return sa.env.broken.has("keep_followups")
    ? nowMs + 3_600_000
    : nowMs + 2 * patienceMs(sa.config);
}

/** Keeps an exchange that further key exchanges have to complete. */
export function awaitFollowup({ sa }: Turn, awaited: AwaitedFollowup): void {
  sa.followups = [...sa.followups, awaited];
}

/** @throws {PeerError} where too many wait already. */
export function mayAwait({ followups }: IkeSa): void {
  if (followups.length < AWAITED_MAX) return;
  const text = `More than ${AWAITED_MAX} CREATE_CHILD_SA exchanges wait for IKE_FOLLOWUP_KE`;
  throw new PeerError(NotifyType.TEMPORARY_FAILURE, text);
}

/** The exchange that a request continues, by its ADDITIONAL_KEY_EXCHANGE; undefined: there is none. */
export function findAwaited(
  { followups }: IkeSa,
  request: readonly Payload[],
): AwaitedFollowup | undefined {
  const link = findNotify(request, NotifyType.ADDITIONAL_KEY_EXCHANGE);
  return link && followups.find((awaited) => sameOctets(awaited.link, link.data));
}

/** Removes an exchange that is complete, or never will be, and with it a CHILD_SA that has no keys yet. */
export function forgetFollowup({ sa, out }: Turn, awaited: AwaitedFollowup): void {
  sa.followups = sa.followups.filter((other) => other !== awaited);
  if (awaited.kind === "create_child" && awaited.child.state === "creating") {
    removeChild(sa, awaited.child, out);
  }
}

/** Removes all of them, as the IKE SA no longer has the tunnel. */
export function forgetFollowups(turn: Turn): void {
  for (const awaited of turn.sa.followups) forgetFollowup(turn, awaited);
}

/** Removes those whose time is over. */
export function expireFollowups(turn: Turn): void {
  for (const awaited of turn.sa.followups) {
    if (turn.nowMs < awaited.untilMs) continue;
    const text =
      "Peer has not gone on with IKE_FOLLOWUP_KE in time: its CREATE_CHILD_SA is forgotten";
    turn.out.push({ kind: "note", level: 3, text }, turn.sa);
    forgetFollowup(turn, awaited);
  }
}

/** When the next of them is removed; Infinity: there is none. */
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
