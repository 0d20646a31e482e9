/**
 * CREATE_CHILD_SA for a CHILD_SA, as initiator (RFC 7296 §1.3.1, §1.3.3): HDR, SK {[N(REKEY_SA)], SA, Ni,
 * [KEi], TSi, TSr} → ← HDR, SK {SA, Nr, [KEr], TSi, TSr}; with additional key exchanges, one IKE_FOLLOWUP_KE
 * exchange follows for each (RFC 9370 §2.2.4).
 *
 * Both ends may rekey the same CHILD_SA at once. Then both exchanges are answered, and of the two new SAs the
 * one that was made with the lowest of the four nonces is deleted by its creator; the creator of the other
 * deletes the old one (§2.8.1). While additional key exchanges are still to follow, there is no new SA to
 * delete: the exchange with the lowest nonce is not continued (RFC 9370 §2.2.4).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { ChildSa, CreateChildTask, IkeSa } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isLiveChild, removeChild } from "@/ike/records/child_sa.ts";
import { spiOctets32 } from "@/ike/negotiate/child_spi.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { CloseCode, type Failure, refusedHere } from "@/ike/records/failure.ts";
import { compareOctets, lowerNonce, nonceFault } from "@/ike/negotiate/nonces.ts";
import { findError } from "@/ike/records/notify.ts";
import { childDeletedByPeer, firstChildRefused } from "@/ike/tasks/child_loss.ts";
import { awaitedIkeRekey, awaitedRekey, forgetFollowup } from "@/ike/tasks/awaited_keys.ts";
import {
  beginSeries,
  isAnswered,
  isInSeries,
  nextInSeries,
  sendFollowup,
  seriesComplete,
  stateLost,
  takeFollowup,
} from "@/ike/tasks/followup_request.ts";
import {
  askForResources,
  newCreateChild,
  soonMs,
  stopAskingForResources,
} from "@/ike/tasks/new_create_child.ts";
import { additionalMethods } from "@/ike/negotiate/proposal.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import {
  childRequest,
  completeChild,
  judgeAnswer,
  missingFamily,
  newChild,
  refusedByPeer,
} from "@/ike/tasks/child_negotiation.ts";
import {
  changeMethod,
  deriveSecret,
  generatePair,
  methodOf,
  NONCE_OCTETS,
  ownKeyPayload,
  RESTARTS_MAX,
  secretsOf,
  takeComputed,
} from "@/ike/tasks/key_exchange.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** CREATE_CHILD_SA for a CHILD_SA as initiator; see {@linkcode TaskKind}. */
export const createChild: TaskKind<CreateChildTask> = {
  exchange: ExchangeType.CREATE_CHILD_SA,

  begin(turn, task) {
    const { sa } = turn;
    const { old } = task;
    if (isOvertaken(task)) return dropTask(turn, task);
    if (isAwaited(sa, task)) return putOff(turn, task);
    const missing = old ? undefined : missingFamily(sa, task.configIndex);
    if (missing) return giveUp(turn, task, missing);
    if (old) old.state = "rekeying";
    task.nonce = sa.env.random(NONCE_OCTETS);
    if (!generatePair(turn, task)) send(turn, task);
  },

  computed(turn, task, result) {
    // The lifetime of all CHILD_SAs of this IKE SA has ended meanwhile.
    if (task.child?.state === "closed") return dropTask(turn, task);
    takeComputed(task, result, {
      generated: () => generated(turn, task),
      derived: () => nextInSeries(turn, task) || accept(turn, task),
      refused: (why) =>
        giveUp(turn, task, refusedHere(`Cannot use the peer's public value: ${why}`)),
    });
  },

  finish(turn, task, response) {
    if (task.child!.state === "closed") return dropTask(turn, task);
    const error = findError(response.payloads);
    if (error) return refused(turn, task, error);
    if (isInSeries(task)) return followed(turn, task, response);
    const { payloads } = response;
    const { old } = task;
    const child = task.child!;
    const group = methodOf(task);
    task.peerNonce = findPayload(payloads, PayloadType.NONCE)!.data;
    const agreed = judgeAnswer(turn.sa, child, { payloads, group, replaces: old });
    if (!("choice" in agreed)) return giveUp(turn, task, agreed);
    task.agreed = agreed;
    const fault = nonceFault(task.peerNonce, turn.sa.suite!.prf);
    if (fault) return giveUp(turn, task, refusedHere(`Peer answered with ${fault}`));
    const unlinked = beginSeries(task, additionalMethods(agreed.choice), payloads);
    if (unlinked) return giveUp(turn, task, refusedHere(`Peer answered ${unlinked}`));
    if (task.deletedSpis.includes(child.spiOut)) {
      removeChild(turn.sa, child, turn.out);
      return deletedByPeer(turn, task);
    }
    if (group === 0) return accept(turn, task);
    if (isInSeries(task) && yieldsToRival(turn, task)) return;
    if (!deriveSecret(turn, task, payloads)) {
      giveUp(turn, task, refusedHere("Peer answered without a public value of our group"));
    }
  },
};

function generated(turn: Turn, task: CreateChildTask): void {
  if (isInSeries(task)) return sendFollowup(turn, task);
  if (isOvertaken(task)) return dropTask(turn, task);
  if (isAwaited(turn.sa, task)) return putOff(turn, task);
  send(turn, task);
}

/** Whether a rekey of the peer is in progress because of which it would refuse ours. */
function isAwaited(sa: IkeSa, { old }: CreateChildTask): boolean {
  return awaitedIkeRekey(sa) !== undefined ||
    old !== undefined && awaitedRekey(sa, old) !== undefined;
}

function putOff(turn: Turn, task: CreateChildTask): void {
  const { old } = task;
  dropTask(turn, task);
  if (old?.state === "rekeying") old.state = "established";
  againSoon(turn, task);
}

/** Handles the response to an IKE_FOLLOWUP_KE request. */
function followed(turn: Turn, task: CreateChildTask, { payloads }: Received): void {
  const child = task.child!;
  const fault = takeFollowup(turn, task, payloads);
  if (fault) return giveUp(turn, task, refusedHere(`Peer answered IKE_FOLLOWUP_KE ${fault}`));
  if (task.deletedSpis.includes(child.spiOut)) {
    removeChild(turn.sa, child, turn.out);
    deletedByPeer(turn, task);
  }
}

/**
 * Whether ours stops, of two crossing rekeys that are both answered: the one with the lowest nonce is not
 * continued (RFC 9370 §2.2.4).
 */
function yieldsToRival(turn: Turn, task: CreateChildTask): boolean {
  const { sa, out } = turn;
  const { rival, old, nonce, peerNonce } = task;
  if (!counts(rival) || sa.env.broken.has("follow_lost_rekey")) return false;
  if (compareOctets(lowerNonce(nonce, peerNonce), rival!.lowest) > 0) {
    const pending = awaitedRekey(sa, old!);
    if (pending) forgetFollowup(turn, pending);
    return false;
  }
  sa.active = undefined;
  removeChild(sa, task.child!, out);
  leaveToRival(turn, task);
  return true;
}

/** Whether a rekey of the peer is complete, or still will be, and was not given up by it. */
function counts(rival: CreateChildTask["rival"]): boolean {
  return rival !== undefined && (rival.child.state !== "closed" || rival.child.keys !== undefined);
}

/** Leaves the CHILD_SA to the peer's rekey: it is complete, or will be; otherwise ours is tried again. */
function leaveToRival(turn: Turn, { old, rival }: CreateChildTask): void {
  const isComplete = rival!.child.state !== "creating";
  if (old!.state === "rekeying") old!.state = isComplete ? "rekeyed" : "established";
  if (old!.state === "established") old!.rekeyMs = soonMs(turn);
}

/**
 * Whether the peer was faster: the CHILD_SA to replace is already rekeyed or deleted, and no request of ours
 * is outstanding that could cross the peer's.
 */
function isOvertaken({ old }: CreateChildTask): boolean {
  return old !== undefined && !isLiveChild(old);
}

function dropTask({ sa, out }: Turn, { child }: CreateChildTask): void {
  sa.active = undefined;
  if (child) removeChild(sa, child, out);
}

function send(turn: Turn, task: CreateChildTask): void {
  const { sa } = turn;
  const { old } = task;
  const group = methodOf(task);
  task.stage = "sent";
  if (!task.child) {
    task.child = newChild(sa, task.configIndex, true);
    task.child.resource = task.resource;
  }
  const { proposal, selectors } = childRequest(sa, task.child, { group, replaces: old });
  const payloads: Payload[] = [
    ...(old ? [rekeyNotify(old)] : []),
    ...proposal,
    { type: PayloadType.NONCE, data: task.nonce },
    ...ownKeyPayload(task),
    ...selectors,
  ];
  sendRequest(turn, ExchangeType.CREATE_CHILD_SA, payloads);
}

/** The notify REKEY_SA, with the SPI by which its sender receives (RFC 7296 §1.3.3). */
function rekeyNotify(old: ChildSa): NotifyPayload {
  const { protocol } = old.suite!;
  const spi = spiOctets32(old.spiIn);
  return {
    type: PayloadType.NOTIFY,
    protocol,
    spi,
    notify: NotifyType.REKEY_SA,
    data: new Uint8Array(0),
  };
}

function accept(turn: Turn, task: CreateChildTask): void {
  const { sa, out } = turn;
  const child = task.child!;
  const { old, nonce, peerNonce } = task;
  const [shared, ...additional] = secretsOf(task);
  const inputs = {
    nonceI: nonce,
    nonceR: peerNonce,
    group: task.rounds[0]?.method ?? 0,
    ...(shared ? { shared, additional } : {}),
    ...(old ? { replaces: old } : {}),
  };
  completeChild(turn, child, { ...task.agreed!, inputs });
  if (isInSeries(task)) seriesComplete(sa);
  sa.active = undefined;
  out.push({ kind: "child_up", by: child, old }, sa);
  if (old) return settle(turn, task, child);
  if (typeof task.resource === "number" && child.resource === undefined) {
    return stopAskingForResources(sa, task.configIndex);
  }
  askForResources(sa, child);
}

/**
 * Handles that the peer answered and then deleted the new CHILD_SA before it was complete here. To the peer
 * the exchange has succeeded: the rekeyed CHILD_SA is replaced, and is deleted as after any rekey. If
 * additional key exchanges are still to come the peer has made none, and the old one stays.
 */
export function deletedByPeer(turn: Turn, task: CreateChildTask): void {
  const { sa, out } = turn;
  const { old, child } = task;
  if (isInSeries(task) && !isAnswered(task)) {
    const text = "Peer deleted the new CHILD_SA before its additional key exchanges were complete";
    return giveUp(turn, task, { ...DELETED_BY_PEER, text });
  }
  sa.active = undefined;
  const failure = {
    ...DELETED_BY_PEER,
    text: "Peer deleted the new CHILD_SA as soon as it had made it",
  };
  out.push({ kind: "create_child_failed", old, failure }, sa);
  if (old) settle(turn, task, child!);
  childDeletedByPeer(turn, child!);
}

const DELETED_BY_PEER = { cause: "DELETED_BY_PEER", closeCode: CloseCode.DELETED_BY_PEER };

/** Decides which of the SAs is deleted, and by which end (RFC 7296 §2.8.1). */
function settle(turn: Turn, task: CreateChildTask, child: ChildSa): void {
  const { sa, out } = turn;
  const { old, nonce, peerNonce, rival } = task;
  const ours = lowerNonce(nonce, peerNonce);
  const isContested = counts(rival);
  const lost = isContested && compareOctets(ours, rival!.lowest) < 0 &&
    !sa.env.broken.has("keep_both_children");
  const pending = rival?.child.state === "creating" ? awaitedRekey(sa, old!) : undefined;
  const goes = lost ? child : old!;
  // The peer drops the redundant one as soon as it gets our Delete, so that packets must leave by another.
  const other = old!.state !== "closed" ? old! : rival?.child;
  if (lost && other?.keys && other.state !== "closed" && !sa.env.broken.has("send_by_lost")) {
    out.push({ kind: "send_by", child: other }, sa);
  }
  if (lost && pending) return loseToAwaited(turn, task, child);
  if (pending) forgetFollowup(turn, pending);
  if (!lost && rival && rival.child.state !== "closed") {
    // Ours sends in any case; the peer's is redundant, and the peer deletes it.
    rival.child.behind = undefined;
    rival.child.state = "rekeyed";
    rival.child.replaced = true;
  }
  // The old one is replaced, whichever end deletes it.
  old!.replaced = goes.replaced = true;
  if (old!.state !== "closed") old!.state = "rekeyed";
  if (goes.state === "closed") return;
  goes.state = "rekeyed";
  sa.queue.unshift({ kind: "delete_child", child: goes });
}

/**
 * Handles that ours is complete, but has lost against a rekey of the peer whose additional key exchanges are
 * still to come: the old CHILD_SA is used until then.
 */
function loseToAwaited(turn: Turn, task: CreateChildTask, child: ChildSa): void {
  leaveToRival(turn, task);
  child.replaced = true;
  if (child.state === "closed") return;
  child.state = "rekeyed";
  turn.sa.queue.unshift({ kind: "delete_child", child });
}

/** Handles a failed exchange that is not tried again at once. */
function giveUp(turn: Turn, task: CreateChildTask, failure: Failure): void {
  breakOff(turn, task, failure);
  firstChildRefused(turn, failure);
}

/** Handles a failed exchange; if the old CHILD_SA still exists, its rekey is tried again later. */
function breakOff(turn: Turn, task: CreateChildTask, failure: Failure): void {
  const { sa, out } = turn;
  const { old, child, rival } = task;
  sa.active = undefined;
  if (child) withdraw(turn, child);
  // The peer's exchange has succeeded, or will: it rekeys, and we do not.
  if (old && counts(rival)) return leaveToRival(turn, task);
  out.push({ kind: "create_child_failed", old, failure }, sa);
  if (!old) return;
  old.rekeyRefusal = failure.text;
  if (old.state === "rekeying") old.state = "established";
  if (task.oldDeleted) childDeletedByPeer(turn, old);
}

/**
 * Deletes a CHILD_SA that exists at the peer because it agreed to something that we do not accept (RFC 7296
 * §1.3.1, about a declined transport mode).
 */
function withdraw({ sa, out }: Turn, child: ChildSa): void {
  const agreed = child.suite !== undefined && !sa.env.broken.has("keep_declined_child");
  if (agreed) sa.queue.unshift({ kind: "delete_child", child });
  else removeChild(sa, child, out);
}

function refused(turn: Turn, task: CreateChildTask, error: NotifyPayload): void {
  const { sa } = turn;
  const { old, child } = task;
  const group = task.rounds[0]?.method ?? 0;
  const failure = refusedByPeer(sa, child!, { error, group, replaces: old });
  // The peer keeps nothing of a series that it refuses to continue, so that there is nothing to delete.
  if (isInSeries(task)) removeChild(sa, child!, turn.out);
  switch (error.notify) {
    case NotifyType.STATE_NOT_FOUND:
      breakOff(turn, task, failure);
      if (isInSeries(task) && !stateLost(turn)) againSoon(turn, task);
      return firstChildRefused(turn, failure);
    case NotifyType.TS_MAX_QUEUE:
    case NotifyType.NO_ADDITIONAL_SAS:
      // It would refuse the others that are still to be asked for as well (RFC 9611).
      stopAskingForResources(sa, task.configIndex);
      return giveUp(turn, task, failure);
    case NotifyType.INVALID_KE_PAYLOAD:
      if (otherMethod(turn, task, error)) return;
      return giveUp(turn, task, failure);
    case NotifyType.TEMPORARY_FAILURE:
      breakOff(turn, task, failure);
      againSoon(turn, task);
      return firstChildRefused(turn, failure);
    case NotifyType.CHILD_SA_NOT_FOUND:
      giveUp(turn, task, failure);
      // An SA that the peer does not know is removed without a Delete; if it is still needed, a new one is
      // made (§2.25).
      if (old && old.state === "established") {
        removeChild(sa, old, turn.out);
        sa.queue.push(newCreateChild(sa, task.configIndex));
      }
      return;
    default:
      return giveUp(turn, task, failure);
  }
}

/** Postpones the task, as the peer is busy with what made it refuse (§2.25). */
function againSoon(turn: Turn, task: CreateChildTask): void {
  const { sa } = turn;
  const { old, configIndex, resource } = task;
  if (old) {
    if (old.state === "established") old.rekeyMs = soonMs(turn);
    return;
  }
  const restarts = task.restarts + 1;
  if (restarts > RESTARTS_MAX) return;
  const again = { ...newCreateChild(sa, configIndex), resource, restarts };
  sa.postponed = [...sa.postponed, { task: again, dueMs: soonMs(turn) }];
}

/** Whether the task begins again with the method that the peer asks for. */
function otherMethod(turn: Turn, task: CreateChildTask, error: NotifyPayload): boolean {
  // If the peer's own rekey has succeeded meanwhile, there is nothing left to try. What the answer to
  // CREATE_CHILD_SA has settled does not change any more.
  if (task.rival || isInSeries(task)) return false;
  const methods = turn.sa.config.children[task.configIndex]!.pfsGroups;
  if (!changeMethod(task, error, { methods })) return false;
  createChild.begin(turn, task);
  return true;
}

/** Our rekey of an old CHILD_SA that is in progress, if any; for collisions. */
export function rekeyUnderWay(sa: IkeSa, old: ChildSa): CreateChildTask | undefined {
  return sa.active?.kind === "create_child" && sa.active.old === old ? sa.active : undefined;
}

/**
 * The CHILD_SA that a request of the peer replaces; "unknown" if it names none of ours, undefined if it
 * replaces none.
 */
export function rekeyTarget(sa: IkeSa, received: Received): ChildSa | "unknown" | undefined {
  for (const p of received.payloads) {
    if (p.type !== PayloadType.NOTIFY || "raw" in p) continue;
    const n = p as NotifyPayload;
    if (n.notify !== NotifyType.REKEY_SA) continue;
    const spi = n.spi.length === 4
      ? (n.spi[0]! << 24 | n.spi[1]! << 16 | n.spi[2]! << 8 | n.spi[3]!) >>> 0
      : 0;
    const named = sa.children.find((c) => c.spiOut === spi && c.suite?.protocol === n.protocol);
    return named ?? "unknown";
  }
  return undefined;
}
