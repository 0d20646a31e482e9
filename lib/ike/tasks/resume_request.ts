/**
 * IKE_SESSION_RESUME as initiator (RFC 5723 §4.3): HDR, Ni, N(TICKET_OPAQUE) → ← HDR, Nr. The messages are not
 * encrypted and never fragmented, and a COOKIE may be exchanged first. If the gateway refuses the ticket, or
 * repeats COOKIE, this end continues with IKE_SA_INIT for the same IKE SA.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { hearAll, sayAll } from "@/ike/extensions/extensions.ts";
import { resumedIkeKeys } from "@/ike/negotiate/keymat.ts";
import { nonceFault } from "@/ike/negotiate/nonces.ts";
import { floatPorts } from "@/ike/path/nat.ts";
import { followRedirect, redirectIn } from "@/ike/path/redirect.ts";
import type { Turn } from "@/ike/records/event.ts";
import { refusedHere } from "@/ike/records/failure.ts";
import { enter, fail } from "@/ike/records/ike_sa.ts";
import { findError, findNotify, notify } from "@/ike/records/notify.ts";
import type { Received } from "@/ike/records/received.ts";
import type { SessionTicket } from "@/ike/records/resumption.ts";
import type { IkeSa, ResumeTask } from "@/ike/records/sa.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import { newIkeAuth } from "@/ike/tasks/ike_auth_request.ts";
import { natFault, newIkeInit, redirectFault } from "@/ike/tasks/ike_init_request.ts";
import { NONCE_OCTETS } from "@/ike/tasks/key_exchange.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** How often a gateway may ask for another request with a cookie. */
const RESTARTS_MAX = 8;

/** Makes the task that presents a ticket, whose session and identity the IKE SA has from now on. */
export function newResume(sa: IkeSa, ticket: SessionTicket): ResumeTask {
  sa.setup!.resumed = ticket;
  sa.setup!.innerBefore = ticket.inner;
  sa.peer.ownId = ticket.ownId;
  return { kind: "resume", stage: "sent", opaque: ticket.opaque, cookie: undefined, restarts: 0 };
}

/** See {@linkcode TaskKind}. */
export const resumeRequest: TaskKind<ResumeTask> = {
  exchange: ExchangeType.IKE_SESSION_RESUME,

  begin(turn, task) {
    const { sa } = turn;
    sa.setup!.nonceI ??= sa.env.random(NONCE_OCTETS);
    const payloads: Payload[] = [
      ...(task.cookie ? [notify(NotifyType.COOKIE, task.cookie)] : []),
      { type: PayloadType.NONCE, data: sa.setup!.nonceI },
      notify(NotifyType.TICKET_OPAQUE, task.opaque),
      ...sayAll(turn, ExchangeType.IKE_SESSION_RESUME, { response: false, path: sa.path }),
    ];
    [sa.setup!.initRequest] = sendRequest(turn, ExchangeType.IKE_SESSION_RESUME, payloads);
  },

  // The response is not authenticated, as that of IKE_SA_INIT (RFC 7296 §2.21.1).
  reasonToDrop(turn, _task, { header, payloads }) {
    if (findNotify(payloads, NotifyType.REDIRECT) && header.spiR === 0n) {
      return redirectFault(turn.sa, payloads);
    }
    const isRefused = findNotify(payloads, NotifyType.COOKIE) ?? refusalIn(payloads);
    if (isRefused) return undefined;
    if (header.spiR === 0n) return "an IKE_SESSION_RESUME response without a responder SPI";
    return findPayload(payloads, PayloadType.NONCE)
      ? undefined
      : "an IKE_SESSION_RESUME response without a Nonce";
  },

  finish(turn, task, response) {
    const { payloads, header } = response;
    const redirect = redirectIn(payloads);
    if (redirect && header.spiR === 0n) return followRedirect(turn, redirect.gateway);
    const cookie = findNotify(payloads, NotifyType.COOKIE);
    if (cookie) return restart(turn, task, cookie.data);
    const refusal = refusalIn(payloads);
    if (refusal) return goOnByInit(turn, nameOfNotify(refusal.notify));
    accept(turn, response);
  },
};

/** The notify by which a gateway refuses: TICKET_NACK, or an error if it does not support the exchange. */
function refusalIn(payloads: readonly Payload[]) {
  return findNotify(payloads, NotifyType.TICKET_NACK) ?? findError(payloads);
}

/**
 * Sends the request again with a cookie, and with Message ID 0 again (RFC 5723 §4.3.2). A gateway that is content
 * with no cookie does not resume.
 */
function restart(turn: Turn, task: ResumeTask, cookie: Uint8Array): void {
  const { sa, out } = turn;
  out.push({ kind: "cookie_asked" }, sa);
  if (++task.restarts > RESTARTS_MAX) return goOnByInit(turn, nameOfNotify(NotifyType.COOKIE));
  sa.window.nextRequestId = 0;
  task.cookie = cookie;
  resumeRequest.begin(turn, task);
}

/** RFC 5723 §4.3.2: the ticket is refused, so that the client sets up the IKE SA by IKE_SA_INIT. */
function goOnByInit(turn: Turn, cause: string): void {
  const { sa, out } = turn;
  const { peerAddress, peerPort } = sa.path;
  out.push({ kind: "resumption_refused", cause }, sa);
  const at = showEndpoint(peerAddress, peerPort);
  const text = `${at} does not resume by the ticket (${cause}): a whole set-up follows`;
  out.push({ kind: "note", level: 3, text }, sa);
  const setup = sa.setup!;
  setup.resumed = setup.nonceI = setup.initRequest = undefined;
  sa.window.nextRequestId = 0;
  sa.queue.unshift(newIkeInit(sa));
}

/** Takes the response of a gateway that resumes by the ticket, and derives the keys of the IKE SA. */
function accept(turn: Turn, response: Received): void {
  const { sa, out } = turn;
  const { payloads, header } = response;
  const { suite, skD, ppk } = sa.setup!.resumed!;
  const nonceI = sa.setup!.nonceI!;
  const nonceR = findPayload(payloads, PayloadType.NONCE)!.data;
  const fault = nonceFault(nonceR, suite.prf);
  if (fault) return fail(turn, refusedHere(`Peer answered with ${fault}`));
  sa.spiR = header.spiR;
  sa.setup!.nonceR = nonceR;
  sa.setup!.initResponse = response.octets;
  hearAll(turn, response);
  const unwanted = natFault(sa);
  if (unwanted) return fail(turn, unwanted);
  sa.suite = suite;
  sa.keys = resumedIkeKeys(suite, skD, { nonceI, nonceR, spiI: sa.spiI, spiR: sa.spiR });
  sa.peer.ppk = ppk;
  sa.peer.resumed = true;
  floatPorts(sa);
  enter(sa, "created");
  out.push({ kind: "keyed" }, sa);
  sa.queue.unshift(newIkeAuth());
}
