/**
 * REDIRECT in an INFORMATIONAL request of the gateway, at both ends (RFC 5685 §5), and in the response of
 * IKE_AUTH, at the client (§6).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa, RedirectTask } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { removeChild } from "@/ike/records/child_sa.ts";
import { dropSetup, enter, inheritorOf } from "@/ike/records/ike_sa.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import type { GatewayIdentity } from "@/ike/records/redirect.ts";
import type { InformationalPart, TaskKind } from "@/ike/records/task.ts";
import { gatewayData, showGateway } from "@/ike/negotiate/gateway_identity.ts";
import { awaitDelete, followRedirect, redirectIn, redirectionAt } from "@/ike/path/redirect.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** Redirects the peer of a gateway. */
export const redirect: TaskKind<RedirectTask> = {
  exchange: ExchangeType.INFORMATIONAL,

  begin(turn) {
    const { sa, out } = turn;
    const to = redirectionAt(sa, "established")!;
    awaitDelete(turn);
    const text = `The peer is redirected to ${showGateway(to)}`;
    out.push({ kind: "note", level: 4, text }, sa);
    const said = notify(NotifyType.REDIRECT, gatewayData(to));
    sendRequest(turn, ExchangeType.INFORMATIONAL, [said]);
  },

  finish() {},
};

/** Follows the REDIRECT of a gateway's request. */
export const peerRedirects: InformationalPart<NotifyPayload> = {
  concerns: (payload): payload is NotifyPayload =>
    payload.type === PayloadType.NOTIFY && payload.notify === NotifyType.REDIRECT,

  answer(turn, payloads) {
    // A rekey may have replaced the IKE SA meanwhile, and the tunnel is to leave.
    const sa = inheritorOf(turn.sa);
    const to = redirectIn(payloads);
    const why = unwanted(sa, payloads) ?? (sa.dialled ? undefined : "this end is the gateway");
    if (why) passOver(turn, why);
    else if (to) {
      followRedirect({ ...turn, sa }, to.gateway);
      if (sa !== turn.sa) rearm(turn, sa);
    }
    return { payloads: [] };
  },
};

/** Lets another IKE SA than the one of the turn do what it has to. */
function rearm({ nowMs, out }: Turn, sa: IkeSa): void {
  sa.deadlineMs = nowMs;
  out.push({ kind: "rearmed" }, sa);
}

/** The reason why a REDIRECT among the payloads is not followed; undefined: it is, or there is none. */
function unwanted(sa: IkeSa, payloads: readonly Payload[]): string | undefined {
  const { config, closeAsked, phase } = sa;
  if (!findNotify(payloads, NotifyType.REDIRECT)) return undefined;
  if (closeAsked || phase === "closing" || phase === "closed") return "this end deletes the IKE SA";
  if (!config.redirect?.follows) return "followredirect is false";
  return redirectIn(payloads) ? undefined : "it is malformed";
}

function passOver({ sa, out }: Turn, why: string): void {
  const text = `A redirection of the peer is passed over: ${why}`;
  out.push({ kind: "note", level: 3, text }, sa);
}

/**
 * Initiator: the gateway to which an IKE_AUTH response redirects, where the sender is authenticated;
 * undefined: it does not.
 */
export function redirectInAuth(
  turn: Turn,
  payloads: readonly Payload[],
): GatewayIdentity | undefined {
  const why = unwanted(turn.sa, payloads);
  if (why) passOver(turn, why);
  return why ? undefined : redirectIn(payloads)?.gateway;
}

/**
 * Initiator: follows the REDIRECT of an authenticated gateway. If this end is authenticated too, the IKE SA
 * is established, and is deleted (RFC 5685 §6).
 */
export function leaveInAuth(turn: Turn, to: GatewayIdentity): void {
  const { sa, nowMs, out } = turn;
  for (const child of [...sa.children]) removeChild(sa, child, out);
  sa.active = undefined;
  if (sa.setup!.auth!.own.done) {
    enter(sa, "established");
    sa.establishedMs = nowMs;
    dropSetup(sa);
  }
  followRedirect(turn, to);
}
