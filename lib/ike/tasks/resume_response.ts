/**
 * IKE_SESSION_RESUME as responder (RFC 5723 §4.3.2): the responder decrypts the ticket, answers with a nonce,
 * and derives the keys; or it answers with TICKET_NACK, and keeps no state. `endpoint.ts` asks for cookies
 * before an SA exists.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { must, WireError } from "@/base/errors.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { hearAll, sayAll } from "@/ike/extensions/extensions.ts";
import { gatewayData, showGateway } from "@/ike/negotiate/gateway_identity.ts";
import { resumedIkeKeys } from "@/ike/negotiate/keymat.ts";
import { sameIdentity, showIdentity } from "@/ike/negotiate/identity.ts";
import { nonceFault } from "@/ike/negotiate/nonces.ts";
import { isConfigured } from "@/ike/negotiate/suite.ts";
import { openTicket } from "@/ike/negotiate/ticket.ts";
import { redirectionAt } from "@/ike/path/redirect.ts";
import type { Identity } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import { enter } from "@/ike/records/ike_sa.ts";
import { findNotify, PeerError } from "@/ike/records/notify.ts";
import type { Received } from "@/ike/records/received.ts";
import type { OpenedTicket, TicketRefusal } from "@/ike/records/resumption.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { ResponderKind } from "@/ike/records/task.ts";
import { NONCE_OCTETS } from "@/ike/tasks/key_exchange.ts";
import { sendResponse } from "@/ike/window/exchange.ts";
import { authEndOf } from "@/ike/window/auth_lifetime.ts";
import { epochOf, hasSpent } from "@/ike/window/tickets.ts";
import { findPayload } from "@/wire/message.ts";

const WORDS: Readonly<Record<TicketRefusal, string>> = {
  TICKET_UNKNOWN: "it is none of this gateway, or was altered",
  TICKET_EXPIRED: "it has expired, or its owner has to authenticate as a whole",
  TICKET_USED: "an IKE SA was resumed by it before, or this end has ended its IKE SA",
  TICKET_POLICY: "what it keeps is not configured here any more",
};

/** See {@linkcode ResponderKind}. */
export const resumeResponse: ResponderKind = {
  exchange: ExchangeType.IKE_SESSION_RESUME,

  respond(turn, request) {
    const { sa, out } = turn;
    const { payloads, path } = request;
    const nonceI = findPayload(payloads, PayloadType.NONCE)?.data;
    const opaque = findNotify(payloads, NotifyType.TICKET_OPAQUE)?.data;
    if (!nonceI || !opaque) throw new WireError("Cannot do without Nonce and TICKET_OPAQUE");
    const ticket = accepted(turn, opaque);
    if (typeof ticket === "string") {
      out.push({ kind: "ticket_refused", cause: ticket }, sa);
      const text = `${at(request)} presents a ticket that is not taken: ${WORDS[ticket]}`;
      throw new PeerError(NotifyType.TICKET_NACK, text);
    }
    const fault = nonceFault(nonceI, ticket.suite.prf);
    if (fault) throw new WireError(`Cannot accept ${fault}`);
    const setup = sa.setup!;
    setup.nonceI = nonceI;
    setup.initRequest = request.octets;
    setup.keptOctets = request.octets.length;
    setup.resumed = setup.resumes = ticket;
    hearAll(turn, request);
    const to = redirectionAt(sa, "init");
    if (to) {
      const text = `${at(request)} is redirected to ${showGateway(to)}`;
      throw new PeerError(NotifyType.REDIRECT, text, gatewayData(to, nonceI));
    }
    setup.nonceR = sa.env.random(NONCE_OCTETS);
    [setup.initResponse] = sendResponse(turn, request, [
      { type: PayloadType.NONCE, data: setup.nonceR },
      ...sayAll(turn, ExchangeType.IKE_SESSION_RESUME, { response: true, path }),
    ]);
    derive(turn, ticket);
    // Its clock may go another way than that of the IKE SA before, so that both times are those of day.
    const agoMs = epochOf(sa, turn.nowMs) - ticket.authenticatedEpochMs;
    sa.peer.authenticatedMs = turn.nowMs - agoMs;
  },
};

function derive({ sa, out }: Turn, { suite, skD, ppk }: OpenedTicket): void {
  const { nonceI, nonceR } = sa.setup!;
  const { spiI, spiR } = sa;
  must(nonceI !== undefined && nonceR !== undefined, "both nonces are there");
  sa.suite = suite;
  sa.keys = resumedIkeKeys(suite, skD, { nonceI, nonceR, spiI, spiR });
  sa.peer.ppk = ppk;
  sa.peer.resumed = true;
  enter(sa, "created");
  out.push({ kind: "keyed" }, sa);
}

/** The content of the ticket, or the reason why nothing is resumed by it. */
function accepted({ sa, nowMs }: Turn, opaque: Uint8Array): OpenedTicket | TicketRefusal {
  const { resumption, algorithms, ppk } = sa.config;
  const issues = resumption?.issues;
  if (!issues) return "TICKET_UNKNOWN";
  const ticket = openTicket(sa.env.crypto, issues, opaque);
  if (typeof ticket === "string") return ticket;
  const { broken } = sa.env;
  const authEndEpochMs = authEndOf(sa, ticket.authenticatedEpochMs);
  const isOver = Math.min(ticket.expiresEpochMs, authEndEpochMs) <= epochOf(sa, nowMs);
  if (isOver && !broken.has("take_expired_ticket")) return "TICKET_EXPIRED";
  if (hasSpent(sa, ticket.id) && !broken.has("take_ticket_twice")) return "TICKET_USED";
  const lacksPpk = ppk?.required === true && !ticket.ppk;
  return isConfigured(ticket.suite, algorithms) && !lacksPpk ? ticket : "TICKET_POLICY";
}

/**
 * How the identities of an IKE_AUTH request differ from those of the ticket (RFC 5723 §4.3.3); undefined: they
 * do not.
 */
export function resumedIdentityFault(
  sa: IkeSa,
  idI: Identity,
  idR: Identity | undefined,
): string | undefined {
  const { peerId, ownId } = sa.setup!.resumed!;
  if (!sameIdentity(idI, peerId)) {
    return `its ticket was issued to ${showIdentity(peerId)}`;
  }
  return idR && !sameIdentity(idR, ownId)
    ? `it asks for ${showIdentity(idR)}, its ticket is of ${showIdentity(ownId)}`
    : undefined;
}

function at({ path }: Received): string {
  return showEndpoint(path.peerAddress, path.peerPort);
}
