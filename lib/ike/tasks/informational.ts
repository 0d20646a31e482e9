/**
 * INFORMATIONAL: Deletes of the IKE SA and of CHILD_SAs (RFC 7296 §1.4.1), error reports (§2.21.2),
 * and the empty one that asks whether the peer is there (§2.4).
 *
 * Crossing deletes of one CHILD_SA: each end drops it on the other's request and does not name it in
 * its response (§1.4.1). Crossing deletes of the IKE SA: each is answered empty, and both are gone.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { childByOutboundSpi, type ChildSa, removeChild } from "@/ike/records/child_sa.ts";
import { sendRequest, sendResponse } from "@/ike/window/exchange.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { endSa, enter, type Turn } from "@/ike/records/ike_sa.ts";
import { findError, isFatalInAuth, notify } from "@/ike/records/notify.ts";
import type {
  DeleteChildTask,
  DeleteIkeTask,
  LivenessTask,
  Received,
  ReportErrorTask,
  ResponderKind,
  TaskKind,
} from "@/ike/records/task.ts";
import { decideByUse, replace } from "@/ike/tasks/rekey_ike.ts";
import { pendingFailure } from "@/ike/tasks/ike_auth_request.ts";
import type { Payload } from "@/wire/message.ts";
import type { DeletePayload } from "@/wire/payloads/delete.ts";

/** Deletes the IKE SA, and with it all its CHILD_SAs. */
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

/** Deletes one CHILD_SA: names the SPI we receive on; the peer names its own of the pair. */
export const deleteChild: TaskKind<DeleteChildTask> = {
  exchange: ExchangeType.INFORMATIONAL,
  begin(turn, { child }) {
    if (child.state === "closed") return skip(turn); // the peer was faster
    child.state = "closing";
    const payload = deletePayload(child.suite!.protocol, [child.spiIn]);
    sendRequest(turn, ExchangeType.INFORMATIONAL, [payload]);
  },
  finish(turn, { child }) {
    removeChild(turn.sa, child, turn.out);
  },
};

/** An empty request; silence ends the SA. */
export const livenessCheck: TaskKind<LivenessTask> = {
  exchange: ExchangeType.INFORMATIONAL,
  begin(turn) {
    turn.sa.lastLivenessMs = turn.nowMs;
    sendRequest(turn, ExchangeType.INFORMATIONAL, []);
  },
  finish() {},
};

/** Tells the responder that its IKE_AUTH response was not good enough. */
export const reportError: TaskKind<ReportErrorTask> = {
  exchange: ExchangeType.INFORMATIONAL,
  begin(turn, task) {
    sendRequest(turn, ExchangeType.INFORMATIONAL, [notify(task.notify)]);
  },
  finish(turn, task) {
    endSa(turn, task.closeCode, pendingFailure(turn.sa));
  },
};

/** See {@linkcode ResponderKind}. */
export const informational: ResponderKind = {
  exchange: ExchangeType.INFORMATIONAL,

  respond(turn, request) {
    const deletes = request.payloads.filter((p): p is DeletePayload =>
      p.type === PayloadType.DELETE && !("raw" in p)
    );
    if (deletes.some((d) => d.protocol === ProtocolId.IKE)) {
      sendResponse(turn, request, []);
      return endedByPeer(turn);
    }
    const error = findError(request.payloads);
    // §2.21.2: only behind IKE_AUTH, and then to say that its response was not good enough.
    const behindAuth = request.header.messageId === turn.sa.afterAuthId;
    if (behindAuth && error && isFatalInAuth(error.notify)) {
      sendResponse(turn, request, []);
      return reported(turn, request, error.notify);
    }
    if (deletes.length > 0) decideByUse(turn);
    sendResponse(turn, request, deleteChildren(turn, deletes));
  },
};

/** Drops what the peer deletes; returns our halves, but for those whose Delete crosses (§1.4.1). */
function deleteChildren(turn: Turn, deletes: readonly DeletePayload[]): Payload[] {
  const { sa, out } = turn;
  const answer: Payload[] = [];
  for (const { protocol, spis } of deletes) {
    const paired: ChildSa[] = [];
    for (const spi of spis) {
      const child = childByOutboundSpi(sa, protocol, spi);
      if (!child) continue; // unknown, or gone already
      if (child.state !== "closing" || sa.env.broken.has("name_crossing_delete")) {
        paired.push(child);
      }
      removeChild(sa, child, out);
    }
    if (paired.length > 0) answer.push(deletePayload(protocol, paired.map((c) => c.spiIn)));
  }
  return answer;
}

function endedByPeer(turn: Turn): void {
  const { sa } = turn;
  // §2.25.2: "close an IKE SA that it is currently rekeying": our own rekey is forgotten, and what
  // the peer's made inherits.
  const rekey = sa.active?.kind === "rekey_ike" ? sa.active : undefined;
  if (rekey?.rival?.sa.phase === "established") {
    replace(turn, rekey.rival.sa);
    // The peer has answered ours and has that IKE SA too: once its keys are there, we who created it
    // delete it (§2.8.2).
    if (rekey.stage === "deriving") return void (rekey.deletedMeanwhile = true);
  }
  if (sa.replacedBy || sa.redundant) return endSa(turn, CloseCode.REKEYED);
  const byUs = sa.phase === "closing";
  endSa(turn, byUs ? sa.closeCode : CloseCode.DELETED_BY_PEER, byUs ? sa.failure : undefined);
}

/** The peer did not like what we said in IKE_AUTH: neither end has an SA now. */
function reported(turn: Turn, request: Received, type: number): void {
  const name = nameOfNotify(type);
  const text = `Peer ended the SA after IKE_AUTH (${name})`;
  turn.sa.lastReceivedMs = turn.nowMs;
  endSa(turn, type, {
    cause: name,
    closeCode: type,
    text: `${text}, message ${request.header.messageId}`,
  });
}

function skip(turn: Turn): void {
  turn.sa.active = undefined;
}

function deletePayload(protocol: number, spis: readonly number[]): DeletePayload {
  return { type: PayloadType.DELETE, protocol, spis };
}
