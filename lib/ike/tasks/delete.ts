/**
 * Deletes the IKE SA and CHILD_SAs, as either end of an INFORMATIONAL exchange (RFC 7296 §1.4.1).
 *
 * If Deletes of one CHILD_SA cross, each end drops it on the other's request and does not name it in its
 * response (§1.4.1). If Deletes of the IKE SA cross, each is answered by an empty response, and both ends
 * drop it.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildSa, DeleteChildTask, DeleteIkeTask, IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { childByOutboundSpi, isLiveChild, removeChild } from "@/ike/records/child_sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { endSa, enter, isCurrent } from "@/ike/records/ike_sa.ts";
import { DELETED_SPIS_MAX, type InformationalPart, type TaskKind } from "@/ike/records/task.ts";
import { childDeletedByPeer } from "@/ike/tasks/child_loss.ts";
import { forgetFollowup } from "@/ike/tasks/awaited_keys.ts";
import { deletedByPeer } from "@/ike/tasks/create_child.ts";
import { isAnswered } from "@/ike/tasks/followup_request.ts";
import { spiNumber } from "@/ike/negotiate/child_spi.ts";
import { decideByUse, replace } from "@/ike/tasks/rekey_ike.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import type { Payload } from "@/wire/message.ts";
import type { DeletePayload } from "@/wire/payloads/delete.ts";

/** Deletes the IKE SA with all its CHILD_SAs. */
export const deleteIke: TaskKind<DeleteIkeTask> = {
  exchange: ExchangeType.INFORMATIONAL,
  begin(turn, task) {
    if (turn.sa.phase !== "closing") enter(turn.sa, "closing");
    turn.sa.closeCode = task.closeCode;
    sendRequest(turn, ExchangeType.INFORMATIONAL, [deletePayload(ProtocolId.IKE, [])]);
  },
  finish(turn, task) {
    endSa(turn, task.closeCode, turn.sa.failure);
  },
};

/** Deletes a CHILD_SA by our inbound SPI; the peer names its own of the pair. */
export const deleteChild: TaskKind<DeleteChildTask> = {
  exchange: ExchangeType.INFORMATIONAL,
  begin(turn, { child, isGone }) {
    if (!isGone) {
      if (child.state === "closed") return skip(turn); // The peer has deleted it already.
      child.state = "closing";
    }
    const payload = deletePayload(child.suite!.protocol, [child.spiIn]);
    sendRequest(turn, ExchangeType.INFORMATIONAL, [payload]);
  },
  finish(turn, { child, expired }) {
    const { sa, out } = turn;
    removeChild(sa, child, out);
    if (!expired || sa.children.some(isLiveChild)) return;
    // Its sequence numbers are used up, and its rekey has failed.
    const why = child.rekeyRefusal ? `: ${child.rekeyRefusal}` : "";
    sa.failure = { ...expired, text: `${expired.text}${why}` };
    sa.queue.length = 0;
    sa.queue.push({ kind: "delete_ike", closeCode: expired.closeCode });
  },
};

/** Answers the Delete payloads of a peer's request. */
export const peerDeletes: InformationalPart<DeletePayload> = {
  concerns: (payload) => payload.type === PayloadType.DELETE,

  answer(turn, deletes) {
    if (deletes.some((d) => d.protocol === ProtocolId.IKE)) {
      return { payloads: [], ends: () => endedByPeer(turn) };
    }
    decideByUse(turn);
    return { payloads: deleteChildren(turn, deletes) };
  },
};

/** Drops what the peer deletes; returns our halves, except those whose Delete crosses (§1.4.1). */
function deleteChildren(turn: Turn, deletes: readonly DeletePayload[]): Payload[] {
  const { sa, out } = turn;
  const { active } = sa;
  const answer: Payload[] = [];
  const unasked: ChildSa[] = [];
  for (const { protocol, spis } of deletes) {
    const paired: ChildSa[] = [];
    for (const spi of spis) {
      const child = childByOutboundSpi(sa, protocol, spi);
      if (!child) {
        withdrawn(turn, spi);
        noteOvertaking(sa, spi);
        continue;
      }
      // The response, which is still to come, decides its fate (RFC 9370 §2.2.4).
      if (isOutstanding(sa, child)) {
        noteOvertaking(sa, spi);
        continue;
      }
      if (child.state !== "closing" || sa.env.broken.has("name_crossing_delete")) {
        paired.push(child);
      }
      const isLive = isLiveChild(child) && !child.replaced;
      removeChild(sa, child, out);
      if (active?.kind !== "create_child") {
        if (isLive) unasked.push(child);
      } else if (active.child === child) deletedByPeer(turn, active);
      else if (active.old === child && active.stage !== "generating") active.oldDeleted = true;
      else if (isLive) unasked.push(child);
    }
    if (paired.length > 0) answer.push(deletePayload(protocol, paired.map((c) => c.spiIn)));
  }
  for (const child of unasked) childDeletedByPeer(turn, child);
  return answer;
}

/** Whether a request of ours is outstanding that will complete the CHILD_SA. */
function isOutstanding({ active }: IkeSa, child: ChildSa): boolean {
  return active?.kind === "create_child" && active.child === child && active.stage === "sent";
}

/** Handles that the peer withdraws a CHILD_SA whose additional key exchanges are still to come. */
function withdrawn(turn: Turn, spi: number): void {
  for (const awaited of turn.sa.followups) {
    if (awaited.kind !== "create_child" || spiNumber(awaited.agreed.choice.spi) !== spi) continue;
    forgetFollowup(turn, awaited);
  }
}

/** Records the Delete of a CHILD_SA that is unknown, already gone, or named by a response still to come. */
function noteOvertaking({ active, env }: IkeSa, spi: number): void {
  if (active?.kind !== "create_child" || active.stage !== "sent") return;
  if (env.broken.has("forget_overtaking_delete")) return;
  if (active.deletedSpis.length < DELETED_SPIS_MAX) {
    active.deletedSpis = [...active.deletedSpis, spi];
  }
}

function endedByPeer(turn: Turn): void {
  const { sa } = turn;
  // §2.25.2: "close an IKE SA that it is currently rekeying": our own rekey is dropped, and the SA of the
  // peer's rekey inherits.
  const rekey = sa.active?.kind === "rekey_ike" ? sa.active : undefined;
  const rival = rekey?.rival?.sa;
  if (rival?.phase === "established") replace(turn, rival);
  // The peer has answered ours and has the new IKE SA. When its keys are computed it is the tunnel, or, if
  // the peer's own rekey has won, this end, which created it, deletes it (§2.8.2).
  if (rekey && isAnswered(rekey) && !sa.env.broken.has("forget_answered_rekey")) {
    return void (rekey.deletedMeanwhile = true);
  }
  if (!isCurrent(sa)) return endSa(turn, CloseCode.REKEYED);
  const byUs = sa.phase === "closing";
  endSa(turn, byUs ? sa.closeCode : CloseCode.DELETED_BY_PEER, byUs ? sa.failure : undefined);
}

function skip(turn: Turn): void {
  turn.sa.active = undefined;
}

function deletePayload(protocol: number, spis: readonly number[]): DeletePayload {
  return { type: PayloadType.DELETE, protocol, spis };
}
