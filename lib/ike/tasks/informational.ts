/**
 * INFORMATIONAL as responder (RFC 7296 §1.4): each feature answers the payloads and notifies that
 * concern it, by a part in a file of its own. Our own requests are tasks in those files too.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { InformationalPart, ResponderKind } from "@/ike/records/task.ts";
import { peerLimitsAuthentication } from "@/ike/tasks/auth_lifetime_answer.ts";
import { peerSendsCrashToken } from "@/ike/tasks/crash_token.ts";
import { peerDeletes } from "@/ike/tasks/delete.ts";
import { peerMoves } from "@/ike/tasks/mobike_answer.ts";
import { peerRedirects } from "@/ike/tasks/redirect.ts";
import { peerReports } from "@/ike/tasks/report_error.ts";
import { peerAsksForTicket } from "@/ike/tasks/ticket_request.ts";
import { sendResponse } from "@/ike/window/exchange.ts";
import type { KnownPayload, Payload } from "@/wire/message.ts";

/** The parts in the order in which they handle a request. */
const PARTS = [
  peerDeletes,
  peerReports,
  peerMoves,
  peerLimitsAuthentication,
  peerRedirects,
  peerAsksForTicket,
  peerSendsCrashToken,
] as readonly InformationalPart[];

/** INFORMATIONAL as responder; see {@linkcode ResponderKind}. */
export const informational: ResponderKind = {
  exchange: ExchangeType.INFORMATIONAL,

  respond(turn, request) {
    const known = request.payloads.filter((p): p is KnownPayload => !("raw" in p));
    const answer: Payload[] = [];
    for (const part of PARTS) {
      const own = known.filter(part.concerns);
      if (own.length === 0) continue;
      const { payloads, ends } = part.answer(turn, own, request);
      answer.push(...payloads);
      if (!ends) continue;
      sendResponse(turn, request, answer);
      return ends();
    }
    sendResponse(turn, request, answer);
  },
};
