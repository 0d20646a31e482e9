/**
 * CREATE_CHILD_SA as responder (RFC 7296 §1.3): this end makes no more CHILD_SAs and rekeys nothing,
 * and says so; the SAs that are there stay (§2.25: NO_ADDITIONAL_SAS).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { sendResponse } from "@/ike/exchange.ts";
import { notify } from "@/ike/notify.ts";
import type { ResponderKind } from "@/ike/task.ts";

/** See {@linkcode ResponderKind}. */
export const createChildResponse: ResponderKind = {
  exchange: ExchangeType.CREATE_CHILD_SA,
  respond(turn, request) {
    const text = "Peer asked for CREATE_CHILD_SA; answered NO_ADDITIONAL_SAS";
    turn.out.push({ kind: "note", level: 4, text }, turn.sa);
    sendResponse(turn, request, [notify(NotifyType.NO_ADDITIONAL_SAS)]);
  },
};
