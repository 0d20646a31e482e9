/**
 * TICKET_REQUEST in INFORMATIONAL, at both ends (RFC 5723 §4.1): a client asks again where it was told to
 * wait, after a rekey, which gives the IKE SA another SK_d, and before its ticket expires.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { notify } from "@/ike/records/notify.ts";
import type { TicketRequestTask } from "@/ike/records/sa.ts";
import type { InformationalPart, TaskKind } from "@/ike/records/task.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { issueTicket, takeTicket } from "@/ike/window/tickets.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** The client asks. */
export const ticketRequest: TaskKind<TicketRequestTask> = {
  exchange: ExchangeType.INFORMATIONAL,

  begin(turn) {
    sendRequest(turn, ExchangeType.INFORMATIONAL, [notify(NotifyType.TICKET_REQUEST)]);
  },

  finish(turn, _task, { payloads }) {
    takeTicket(turn, payloads);
  },
};

/** The gateway answers. */
export const peerAsksForTicket: InformationalPart<NotifyPayload> = {
  concerns: (payload): payload is NotifyPayload =>
    payload.type === PayloadType.NOTIFY && payload.notify === NotifyType.TICKET_REQUEST,

  answer: (turn) => ({ payloads: turn.sa.dialled ? [] : [issueTicket(turn)] }),
};
