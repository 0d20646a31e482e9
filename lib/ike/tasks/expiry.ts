/**
 * Ends SAs that were not replaced before the end of their lifetime (RFC 7296 §2.8).
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isLiveChild, removeChild } from "@/ike/records/child_sa.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";
import { endSa, isCurrent } from "@/ike/records/ike_sa.ts";
import { takeDown } from "@/ike/tasks/take_down.ts";
import { isBeingReplaced, lifetimeEndMs, overtimeEndMs } from "@/ike/window/overtime.ts";

/** Handles that the lifetime of the IKE SA, or its overtime, has ended. */
export function ikeSaExpired(turn: Turn): void {
  const { sa, out } = turn;
  const goesOn = isCurrent(sa);
  const untilMs = sa.succession.kind === "redundant" ? undefined : overtimeEndMs(turn, undefined);
  if (untilMs !== undefined) {
    if (sa.expireMs <= lifetimeEndMs(sa, undefined)) out.push({ kind: "overtime" }, sa);
    sa.expireMs = untilMs;
    return;
  }
  if (!goesOn) return endSa(turn, CloseCode.REKEYED);
  sa.expireMs = Infinity;
  if (isGoing(sa)) return;
  hardExpiry(turn, undefined);
}

/** Whether the Delete of the IKE SA waits in its queue. */
function isGoing({ queue }: IkeSa): boolean {
  return queue.some(({ kind }) => kind === "delete_ike");
}

/** Handles that the lifetime of a CHILD_SA, or its overtime, has ended. */
export function childExpired(turn: Turn, child: ChildSa): void {
  const untilMs = overtimeEndMs(turn, child);
  if (untilMs === undefined) return childEnds(turn, child);
  if (child.expireMs <= lifetimeEndMs(turn.sa, child)) {
    turn.out.push({ kind: "overtime", child }, turn.sa);
  }
  child.expireMs = untilMs;
}

/**
 * Handles that a CHILD_SA has used up its sequence numbers, so that the data path cannot send by it any more
 * (RFC 4303 §3.3.3). It has no overtime, but a rekey that is in progress may still replace it.
 */
export function childSpent(turn: Turn, child: ChildSa): void {
  const { sa, nowMs } = turn;
  if (!isLiveChild(child) || !isBeingReplaced(sa, child, nowMs)) return childEnds(turn, child);
  child.expireMs = Infinity;
  const { cause, closeCode } = expiryOf(sa, child);
  const text = "A CHILD_SA came to the end of its sequence numbers before it was rekeyed";
  sa.queue.unshift({ kind: "delete_child", child, expired: { cause, closeCode, text } });
}

/** Deletes a CHILD_SA. If it is the last one the tunnel is lost, and the IKE SA is deleted too. */
function childEnds(turn: Turn, child: ChildSa): void {
  const { sa, out } = turn;
  const isLive = isLiveChild(child);
  child.expireMs = Infinity;
  // A Delete of the whole IKE SA, which waits for the answer to another request, includes it.
  if (isGoing(sa)) return removeChild(sa, child, out);
  if (isLive && sa.children.filter(isLiveChild).length === 1) return hardExpiry(turn, child);
  const { active, queue } = sa;
  if (active?.kind === "delete_child" && active.child === child) return;
  if (isLive) out.push({ kind: "child_lost", child, failure: expiryOf(sa, child), left: true }, sa);
  // It carries no packets from now on, although its Delete may have to wait for another exchange.
  removeChild(sa, child, out);
  const task = { kind: "delete_child", child, isGone: true } as const;
  const queued = queue.findIndex((t) => t.kind === "delete_child" && t.child === child);
  if (queued >= 0) queue[queued] = task;
  else queue.push(task);
}

/** Handles that a peer did not authenticate again within the time that it was given (RFC 4478 §3). */
export function authenticationEnds(turn: Turn): void {
  const { peer, config } = turn.sa;
  peer.authEndMs = Infinity;
  if (isGoing(turn.sa)) return;
  const within = showDuration(config.reauth?.lifetimeMs ?? 0);
  const text = `The peer did not authenticate again within ${within} (AUTH_LIFETIME)`;
  takeDown(turn, { cause: "NOT_REAUTHENTICATED", closeCode: CloseCode.HARD_EXPIRY, text });
}

/** Ends the tunnel at the end of a lifetime. */
export function hardExpiry(turn: Turn, child: ChildSa | undefined): void {
  takeDown(turn, expiryOf(turn.sa, child));
}

/**
 * The reason why an SA was not replaced in time: its rekey was refused, was not answered, or was never begun.
 */
function expiryOf(sa: IkeSa, child: ChildSa | undefined): Failure {
  const { rekeyRefusal } = child ?? sa;
  const { active, window: { request } } = sa;
  const underWay = active && request &&
    (child ? active.kind === "create_child" && active.old === child : active.kind === "rekey_ike");
  const strict = sa.config.lifetimeOvertime ? "" : ", and lifetimeovertime is false";
  const why = rekeyRefusal
    ? `: ${rekeyRefusal}`
    : underWay
    ? `: its rekey was sent ${request.transmissions} times and not answered${strict}`
    : "";
  const what = child ? "CHILD_SA" : "IKE SA";
  const lifetime = lifetimeEndMs(sa, child) - ((child ?? sa).establishedMs ?? 0);
  const after = lifetime < Infinity ? ` of ${showDuration(lifetime)}` : "";
  const text = `The lifetime${after} of the ${what} ended before it was rekeyed${why}`;
  return { cause: "HARD_EXPIRY", closeCode: CloseCode.HARD_EXPIRY, text };
}
