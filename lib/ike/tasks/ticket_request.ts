/**
 * TICKET_REQUEST in INFORMATIONAL, at both ends (RFC 5723 §4.1). A client asks for another ticket after
 * TICKET_ACK of another exchange, by which the gateway has told it to ask later; after a rekey that has given it none, as the IKE SA
 * has another SK_d then; and before its ticket expires.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { notify } from "@/ike/records/notify.ts";
import type { TicketRequestTask } from "@/ike/records/sa.ts";
import type { InformationalPart, TaskKind } from "@/ike/records/task.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { issueTicket, takeLastAnswer } from "@/ike/window/tickets.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** The client asks for a ticket. */
export const ticketRequest: TaskKind<TicketRequestTask> = {
  exchange: ExchangeType.INFORMATIONAL,

  begin(turn) {
    sendRequest(turn, ExchangeType.INFORMATIONAL, [notify(NotifyType.TICKET_REQUEST)]);
  },

  finish(turn, _task, { payloads }) {
    takeLastAnswer(turn, payloads);
  },
};

/** The gateway answers with a ticket, or with TICKET_NACK. */
export const peerAsksForTicket: InformationalPart<NotifyPayload> = {
  concerns: (payload): payload is NotifyPayload =>
    payload.type === PayloadType.NOTIFY && payload.notify === NotifyType.TICKET_REQUEST,

  answer: (turn) => ({ payloads: turn.sa.dialled ? [] : [issueTicket(turn)] }),
};
