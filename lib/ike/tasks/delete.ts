/**
 * Deletes of the IKE SA and of CHILD_SAs, as either end of an INFORMATIONAL exchange (RFC 7296
 * §1.4.1).
 *
 * Crossing deletes of one CHILD_SA: each end drops it on the other's request and does not name it in
 * its response (§1.4.1). Crossing deletes of the IKE SA: each is answered empty, and both are gone.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { childByOutboundSpi, type ChildSa, removeChild } from "@/ike/records/child_sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { endSa, enter, type Turn } from "@/ike/records/ike_sa.ts";
import type {
  DeleteChildTask,
  DeleteIkeTask,
  InformationalPart,
  TaskKind,
} from "@/ike/records/task.ts";
import { decideByUse, replace } from "@/ike/tasks/rekey_ike.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
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

/** The Delete payloads of a peer's request. */
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

function skip(turn: Turn): void {
  turn.sa.active = undefined;
}

function deletePayload(protocol: number, spis: readonly number[]): DeletePayload {
  return { type: PayloadType.DELETE, protocol, spis };
}
