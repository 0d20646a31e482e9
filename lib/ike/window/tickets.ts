/**
 * Tickets of an established IKE SA, at both ends (RFC 5723). A gateway issues them and remembers those that
 * are spent. A client keeps the last ticket that it was given, and asks for another one before it expires.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { showDuration } from "@/base/duration.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { assignedBy } from "@/ike/negotiate/configuration.ts";
import { ikeKeys } from "@/ike/negotiate/keymat.ts";
import { sealTicket, TICKET_ID_OCTETS, ticketIdOf } from "@/ike/negotiate/ticket.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isCurrent, ownSpi } from "@/ike/records/ike_sa.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import {
  type OpenedTicket,
  type ResumedSession,
  SPENT_TICKETS_MAX,
} from "@/ike/records/resumption.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** The part of its lifetime after which a client asks for another ticket. */
const RENEWAL = 3 / 4;
/** The shortest time between two requests of a client for tickets, whatever lifetime its gateway says. */
const PAUSE_MIN_MS = 1_000;
/** The shortest lifetime that a gateway gives, as TICKET_LT_OPAQUE holds whole seconds. */
const LIFETIME_MIN_MS = 1_000;
/** The length in octets of the longest ticket that a client keeps. */
const TICKET_OCTETS_MAX = 16_384;

/** The time of day at `nowMs` of the core's clock, in milliseconds since 1970. */
export function epochOf({ env }: IkeSa, nowMs: number): number {
  return env.epochMs ? env.epochMs(nowMs) : nowMs;
}

/** Whether this end is a client that asks its gateway for tickets. */
export function asksForTickets({ dialled, config: { resumption } }: IkeSa): boolean {
  return dialled && resumption?.asks === true;
}

/**
 * Responder: TICKET_LT_OPAQUE with a new ticket; or TICKET_NACK if this end issues no tickets, or if the peer has
 * to authenticate again before. The lifetime of a ticket does not exceed that of an IKE SA, nor what is left of
 * that of the authentication (RFC 5723 §6.2).
 */
export function issueTicket({ sa, nowMs, out }: Turn): NotifyPayload {
  const { resumption, ikeLifetimeMs } = sa.config;
  const { authenticatedMs, authEndMs } = sa.peer;
  const issues = resumption?.issues;
  const leftMs = authEndMs - nowMs;
  if (!issues || authenticatedMs === undefined || leftMs < LIFETIME_MIN_MS) {
    return notify(NotifyType.TICKET_NACK);
  }
  const bounds = [issues.lifetimeMs, ikeLifetimeMs].filter((ms) => ms > 0);
  const leastMs = Math.max(LIFETIME_MIN_MS, Math.min(...bounds));
  const seconds = Math.floor(Math.min(leastMs, leftMs) / 1_000);
  const expiresEpochMs = epochOf(sa, nowMs) + seconds * 1_000;
  const id = sa.env.random(TICKET_ID_OCTETS);
  const authenticatedEpochMs = epochOf(sa, authenticatedMs);
  const times = { expiresEpochMs, authenticatedEpochMs };
  const content = { session: sessionOf(sa), spi: ownSpi(sa), ...times };
  const opaque = sealTicket(sa.env.crypto, issues, { content, id });
  sa.peer.ticket = { id: ticketIdOf(opaque), expiresEpochMs };
  out.push({ kind: "ticket_issued" }, sa);
  const lifetime = new Uint8Array(4);
  new DataView(lifetime.buffer).setUint32(0, seconds);
  return notify(NotifyType.TICKET_LT_OPAQUE, concat(lifetime, opaque));
}

/**
 * Initiator: takes the ticket of the response to IKE_AUTH or to a rekey. After TICKET_ACK the client asks once
 * more, in INFORMATIONAL.
 */
export function takeTicket(turn: Turn, payloads: readonly Payload[]): void {
  const { sa, nowMs } = turn;
  if (!asksForTickets(sa)) return;
  if (findNotify(payloads, NotifyType.TICKET_ACK)) sa.peer.ticketDueMs = nowMs;
  else takeLastAnswer(turn, payloads);
}

/**
 * Initiator: takes the ticket of the response to INFORMATIONAL, or notes the reason if there is none. TICKET_ACK
 * is no answer there: a gateway that repeats it would keep its client asking without end.
 */
export function takeLastAnswer({ sa, nowMs, out }: Turn, payloads: readonly Payload[]): void {
  if (!asksForTickets(sa)) return;
  const note = (text: string) => out.push({ kind: "note", level: 3, text }, sa);
  const data = findNotify(payloads, NotifyType.TICKET_LT_OPAQUE)?.data;
  sa.peer.ticketDueMs = Infinity;
  if (!data) return note(whyNoTicket(payloads));
  if (data.length > TICKET_OCTETS_MAX) {
    return note(
      `The peer's ticket has ${data.length} octets, more than ${TICKET_OCTETS_MAX}: it is not kept`,
    );
  }
  const lifetimeMs = new DataView(data.buffer, data.byteOffset).getUint32(0) * 1_000;
  if (lifetimeMs === 0) {
    return note(
      "The peer's ticket has a lifetime of 0 s: it is not kept, and no other is asked for",
    );
  }
  const opaque = data.slice(4);
  const gateway = sa.path.peerAddress;
  // The response of IKE_AUTH that gives a ticket also assigns the addresses.
  const inner = (sa.inner ?? assignedBy(payloads))?.addresses ?? [];
  const ticket = { ...sessionOf(sa), opaque, expiresMs: nowMs + lifetimeMs, gateway, inner };
  const pauseMs = sa.env.broken.has("renew_ticket_at_once")
    ? 0
    : Math.max(PAUSE_MIN_MS, lifetimeMs * RENEWAL);
  sa.peer.ticketDueMs = nowMs + pauseMs;
  out.push({ kind: "ticket_given", ticket }, sa);
  const text = `The peer gave a ticket of ${opaque.length} octets, good for ${
    showDuration(lifetimeMs)
  }`;
  out.push({ kind: "note", level: 4, text }, sa);
}

/** Why a response has no ticket. */
function whyNoTicket(payloads: readonly Payload[]): string {
  if (findNotify(payloads, NotifyType.TICKET_ACK)) {
    return "The peer promised a ticket (TICKET_ACK) and does not give it: the tunnel cannot be resumed";
  }
  return findNotify(payloads, NotifyType.TICKET_NACK)
    ? "The peer gives no ticket (TICKET_NACK): the tunnel cannot be resumed"
    : "The peer does not know session resumption: the tunnel cannot be resumed";
}

/** The time at which a client asks for another ticket, in milliseconds; Infinity: it does not ask. */
export function ticketDueMs(sa: IkeSa): number {
  return isCurrent(sa) && !sa.closeAsked && asksForTickets(sa) ? sa.peer.ticketDueMs : Infinity;
}

/** The part of an IKE SA that a ticket keeps, after both ends have authenticated. */
function sessionOf({ suite, keys, peer }: IkeSa): ResumedSession {
  return {
    suite: suite!,
    skD: ikeKeys(suite!, keys!).d.slice(),
    ownId: peer.ownId!,
    peerId: peer.id!,
    ownAuth: peer.ownAuth,
    peerAuth: peer.auth,
    eapIdentity: peer.eapIdentity,
    ppk: peer.ppk,
  };
}

/** Whether a ticket is spent, so that nothing is resumed by it any more. */
export function hasSpent({ env }: IkeSa, id: string): boolean {
  return env.spentTickets?.untilMs.has(id) ?? false;
}

/** Remembers until a ticket expires that it is spent, so that nothing is resumed by it any more. */
export function spend(
  sa: IkeSa,
  { id, expiresEpochMs }: Pick<OpenedTicket, "id" | "expiresEpochMs">,
  nowMs: number,
): void {
  const spent = sa.env.spentTickets;
  if (!spent) return;
  const { untilMs } = spent;
  const epochMs = epochOf(sa, nowMs);
  for (const [oldest, endMs] of untilMs) {
    if (endMs > epochMs && untilMs.size < SPENT_TICKETS_MAX) break;
    untilMs.delete(oldest);
  }
  untilMs.set(id, expiresEpochMs);
  spent.added?.(id, expiresEpochMs);
}
