/**
 * CREATE_CHILD_SA for a CHILD_SA, as initiator (RFC 7296 §1.3.1, §1.3.3):
 * HDR, SK {[N(REKEY_SA)], SA, Ni, [KEi], TSi, TSr} → ← HDR, SK {SA, Nr, [KEr], TSi, TSr}.
 *
 * Both ends may rekey the same CHILD_SA at once: both exchanges are answered, and of the two new
 * SAs the one with the lowest nonce goes, deleted by its creator; the other's creator deletes the old
 * one (§2.8.1).
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
import { childDeletedByPeer } from "@/ike/tasks/child_loss.ts";
import { newCreateChild, soonMs } from "@/ike/tasks/new_create_child.ts";
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
  takeComputed,
} from "@/ike/tasks/key_exchange.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** See {@linkcode TaskKind}. */
export const createChild: TaskKind<CreateChildTask> = {
  exchange: ExchangeType.CREATE_CHILD_SA,

  begin(turn, task) {
    const { sa } = turn, { old } = task;
    if (isOvertaken(task)) return dropTask(turn, task);
    const missing = old ? undefined : missingFamily(sa, task.configIndex);
    if (missing) return giveUp(turn, task, missing);
    if (old) old.state = "rekeying";
    task.nonce = sa.env.random(NONCE_OCTETS);
    if (!generatePair(turn, task)) send(turn, task);
  },

  computed(turn, task, result) {
    // The time of all CHILD_SAs of this IKE SA was over meanwhile.
    if (task.child?.state === "closed") return dropTask(turn, task);
    takeComputed(task, result, {
      generated: () => isOvertaken(task) ? dropTask(turn, task) : send(turn, task),
      derived: (shared) => accept(turn, task, shared),
      refused: (why) =>
        giveUp(turn, task, refusedHere(`Cannot use the peer's public value: ${why}`)),
    });
  },

  finish(turn, task, response) {
    if (task.child!.state === "closed") return dropTask(turn, task);
    const error = findError(response.payloads);
    if (error) return refused(turn, task, error);
    const { payloads } = response, { old } = task, child = task.child!, group = methodOf(task);
    task.peerNonce = findPayload(payloads, PayloadType.NONCE)!.data;
    const agreed = judgeAnswer(turn.sa, child, { payloads, group, replaces: old });
    if (!("choice" in agreed)) return giveUp(turn, task, agreed);
    task.agreed = agreed;
    const fault = nonceFault(task.peerNonce, turn.sa.suite!.prf);
    if (fault) return giveUp(turn, task, refusedHere(`Peer answered with ${fault}`));
    if (task.deletedSpis.includes(child.spiOut)) {
      removeChild(turn.sa, child, turn.out);
      return deletedByPeer(turn, task);
    }
    if (group === 0) return accept(turn, task);
    if (!deriveSecret(turn, task, payloads)) {
      giveUp(turn, task, refusedHere("Peer answered without a public value of our group"));
    }
  },
};

/**
 * The peer was faster: what this would replace is rekeyed or deleted already, and no request of ours is
 * out that could cross the peer's.
 */
function isOvertaken({ old }: CreateChildTask): boolean {
  return old !== undefined && !isLiveChild(old);
}

function dropTask({ sa, out }: Turn, { child }: CreateChildTask): void {
  sa.active = undefined;
  if (child) removeChild(sa, child, out);
}

function send(turn: Turn, task: CreateChildTask): void {
  const { sa } = turn, { old } = task, group = methodOf(task);
  task.stage = "sent";
  task.child ??= newChild(sa, task.configIndex, true);
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

/** REKEY_SA names the SPI that its sender receives on (RFC 7296 §1.3.3). */
function rekeyNotify(old: ChildSa): NotifyPayload {
  const { protocol } = old.suite!, spi = spiOctets32(old.spiIn);
  return {
    type: PayloadType.NOTIFY,
    protocol,
    spi,
    notify: NotifyType.REKEY_SA,
    data: new Uint8Array(0),
  };
}

function accept(turn: Turn, task: CreateChildTask, shared?: Uint8Array): void {
  const { sa, out } = turn, child = task.child!, { old, nonce, peerNonce } = task;
  const inputs = {
    nonceI: nonce,
    nonceR: peerNonce,
    group: methodOf(task),
    ...(shared ? { shared } : {}),
    ...(old ? { replaces: old } : {}),
  };
  completeChild(turn, child, { ...task.agreed!, inputs });
  sa.active = undefined;
  out.push({ kind: "child_up", by: child, old }, sa);
  if (old) settle(turn, task, child);
}

/**
 * The peer answered, and deleted the new CHILD_SA before it was complete here. To the peer the exchange
 * went through: what was rekeyed is replaced, and is deleted as after any rekey.
 */
export function deletedByPeer(turn: Turn, task: CreateChildTask): void {
  const { sa, out } = turn, { old, child } = task;
  sa.active = undefined;
  const failure = {
    cause: "DELETED_BY_PEER",
    closeCode: CloseCode.DELETED_BY_PEER,
    text: "Peer deleted the new CHILD_SA as soon as it had made it",
  };
  out.push({ kind: "create_child_failed", old, failure }, sa);
  if (old) settle(turn, task, child!);
  childDeletedByPeer(turn, child!);
}

/** Which of the SAs goes, and who says so (RFC 7296 §2.8.1). */
function settle(
  { sa, out }: Turn,
  { old, nonce, peerNonce, rival }: CreateChildTask,
  child: ChildSa,
): void {
  const ours = lowerNonce(nonce, peerNonce);
  const lost = rival !== undefined && compareOctets(ours, rival.lowest) < 0 &&
    !sa.env.broken.has("keep_both_children");
  const goes = lost ? child : old!;
  // The peer forgets what is redundant as soon as our Delete is there: packets leave by another.
  const other = old!.state !== "closed" ? old! : rival?.child;
  if (lost && other && other.state !== "closed" && !sa.env.broken.has("send_by_lost")) {
    out.push({ kind: "send_by", child: other }, sa);
  }
  if (!lost && rival && rival.child.state !== "closed") {
    // Ours sends, whatever becomes of the old one; the peer's is redundant, and the peer deletes it.
    rival.child.behind = undefined;
    rival.child.state = "rekeyed";
    rival.child.replaced = true;
  }
  // Whoever deletes it, the old one is replaced.
  old!.replaced = goes.replaced = true;
  if (old!.state !== "closed") old!.state = "rekeyed";
  if (goes.state === "closed") return;
  goes.state = "rekeyed";
  sa.queue.unshift({ kind: "delete_child", child: goes });
}

/** It came to nothing; the old CHILD_SA, if it still stands, is tried again later. */
function giveUp(turn: Turn, task: CreateChildTask, failure: Failure): void {
  const { sa, out } = turn, { old, child, rival } = task;
  sa.active = undefined;
  if (child) withdraw(turn, child);
  if (old && rival) {
    // The peer's exchange went through: it rekeyed, we did not.
    if (old.state === "rekeying") old.state = "rekeyed";
    return;
  }
  out.push({ kind: "create_child_failed", old, failure }, sa);
  if (!old) return;
  old.rekeyRefusal = failure.text;
  if (old.state === "rekeying") old.state = "established";
  if (task.oldDeleted) childDeletedByPeer(turn, old);
}

/**
 * What the peer agreed to and we do not take is there at its end: it is deleted by us (RFC 7296
 * §1.3.1, of a declined transport mode).
 */
function withdraw({ sa, out }: Turn, child: ChildSa): void {
  const agreed = child.suite !== undefined && !sa.env.broken.has("keep_declined_child");
  if (agreed) sa.queue.unshift({ kind: "delete_child", child });
  else removeChild(sa, child, out);
}

function refused(turn: Turn, task: CreateChildTask, error: NotifyPayload): void {
  const { sa } = turn, { old, child } = task, group = methodOf(task);
  const failure = refusedByPeer(sa, child!, { error, group, replaces: old });
  switch (error.notify) {
    case NotifyType.INVALID_KE_PAYLOAD:
      if (otherMethod(turn, task, error)) return;
      return giveUp(turn, task, failure);
    case NotifyType.TEMPORARY_FAILURE: {
      giveUp(turn, task, failure);
      if (old?.state === "established") old.rekeyMs = soonMs(turn);
      else if (!old) retryLater(turn, task);
      return;
    }
    case NotifyType.CHILD_SA_NOT_FOUND:
      giveUp(turn, task, failure);
      // §2.25: what the peer does not know is silently gone; what is still wanted is made anew.
      if (old && old.state === "established") {
        removeChild(sa, old, turn.out);
        sa.queue.push(newCreateChild(sa, task.configIndex));
      }
      return;
    default:
      return giveUp(turn, task, failure);
  }
}

/** §2.25: not at once, the peer is busy with what made it refuse. */
function retryLater(turn: Turn, task: CreateChildTask): void {
  if (++task.restarts > RESTARTS_MAX) return;
  const postponed = { task: { ...task, child: undefined }, dueMs: soonMs(turn) };
  turn.sa.postponed = [...turn.sa.postponed, postponed];
}

/** Whether it is begun anew with the method that the peer asks for. */
function otherMethod(turn: Turn, task: CreateChildTask, error: NotifyPayload): boolean {
  // The peer's own rekey went through meanwhile: there is nothing left to try for.
  if (task.rival) return false;
  const methods = turn.sa.config.children[task.configIndex]!.pfsGroups;
  if (!changeMethod(task, error, { methods })) return false;
  createChild.begin(turn, task);
  return true;
}

/** Which old CHILD_SA our rekey under way is about; for collisions. */
export function rekeyUnderWay(sa: IkeSa, old: ChildSa): CreateChildTask | undefined {
  return sa.active?.kind === "create_child" && sa.active.old === old ? sa.active : undefined;
}

/** The request that `received` answers is of this kind; type guard for the responder's side. */
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
