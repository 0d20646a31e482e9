/**
 * Tickets in IKE_AUTH (RFC 5723 §4.1, §4.2): a client asks for a ticket in its request, and a gateway sends
 * one in its last response. In IKE_AUTH of an IKE SA that is resumed, the gateway also records that the
 * presented ticket is spent, so that nothing can be resumed by it again.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import { asksForTickets, hasSpent, issueTicket, spend, takeTicket } from "@/ike/window/tickets.ts";

/** See {@linkcode Extension}. */
export const tickets: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says(turn, { response }) {
    const { sa } = turn;
    if (!response) return asksForTickets(sa) ? [notify(NotifyType.TICKET_REQUEST)] : [];
    return sa.setup!.ticketAsked ? [issueTicket(turn)] : [];
  },

  hears(turn, { header, payloads }) {
    const { sa, nowMs, out } = turn;
    if (header.response) return takeTicket(turn, payloads);
    const { resumes } = sa.setup!;
    if (resumes) {
      // Two requests may have presented the same ticket. Only the first one that is authenticated resumes
      // an IKE SA by it (RFC 5723 §4.3.1).
      if (hasSpent(sa, resumes.id) && !sa.env.broken.has("take_ticket_twice")) {
        const text = "Another IKE SA was resumed by the same ticket meanwhile";
        throw new PeerError(NotifyType.AUTHENTICATION_FAILED, text);
      }
      spend(sa, resumes, nowMs);
      out.push({ kind: "resumed", oldSpi: resumes.oldSpi }, sa);
    }
    sa.setup!.ticketAsked = findNotify(payloads, NotifyType.TICKET_REQUEST) !== undefined;
  },
};
