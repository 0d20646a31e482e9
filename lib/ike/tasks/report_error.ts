/**
 * Error reports after IKE_AUTH: an initiator that does not accept the responder's answer says so in an
 * INFORMATIONAL exchange, and both ends remove the IKE SA (RFC 7296 §2.21.2).
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { ReportErrorTask } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import { foundAgainst } from "@/ike/auth/eap.ts";
import { showIdentity } from "@/ike/negotiate/identity.ts";
import { endSa } from "@/ike/records/ike_sa.ts";
import { isFatalInAuth, notify } from "@/ike/records/notify.ts";
import type { InformationalPart, TaskKind } from "@/ike/records/task.ts";
import { pendingFailure } from "@/ike/tasks/ike_auth_request.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** Tells the responder that its IKE_AUTH response was not acceptable. */
export const reportError: TaskKind<ReportErrorTask> = {
  exchange: ExchangeType.INFORMATIONAL,
  begin(turn, task) {
    sendRequest(turn, ExchangeType.INFORMATIONAL, [notify(task.notify)]);
  },
  finish(turn, task) {
    endSa(turn, task.closeCode, pendingFailure(turn.sa));
  },
};

/** The error notifies of a peer's request, which are ignored unless they follow IKE_AUTH. */
export const peerReports: InformationalPart<NotifyPayload> = {
  concerns: (payload): payload is NotifyPayload =>
    payload.type === PayloadType.NOTIFY && isFatalInAuth(payload.notify),

  answer(turn, [error], request) {
    if (turn.sa.phase === "created") {
      return { payloads: [], ends: () => givenUp(turn, request, error!.notify) };
    }
    if (request.header.messageId !== turn.sa.window.afterAuthId) return { payloads: [] };
    return { payloads: [], ends: () => reported(turn, request, error!.notify) };
  },
};

/** Whether a request says that the initiator refuses what it has received in IKE_AUTH so far. */
export function isGivingUp({ sa }: Turn, { header, payloads }: Received): boolean {
  if (header.exchange !== ExchangeType.INFORMATIONAL || sa.originalInitiator) return false;
  return sa.setup?.auth !== undefined &&
    payloads.some((payload) => !("raw" in payload) && peerReports.concerns(payload));
}

/**
 * Handles that the initiator gives up before the end of IKE_AUTH (RFC 7296 §2.21.2), as some do when EAP has
 * told them that they will be refused: neither end has an SA.
 */
function givenUp(turn: Turn, { path }: Received, type: number): void {
  const { sa } = turn;
  const name = nameOfNotify(type);
  const found = foundAgainst(sa.setup!.auth!.peer);
  const who = `${showIdentity(sa.peer.id!)} at ${showEndpoint(path.peerAddress, path.peerPort)}`;
  const why = found?.why ?? `it has ended IKE_AUTH (${name})`;
  endSa(turn, type, {
    cause: found ? `EAP: ${found.cause}` : name,
    closeCode: type,
    text: `Cannot authenticate ${who}: ${why}`,
  });
}

/** Handles that the peer refuses our IKE_AUTH response: neither end has an SA any more. */
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
