/**
 * What both ends of a redirection decide (RFC 5685): whether a client follows, and when a gateway sends its
 * peer away. What is said in which exchange is in the extensions and tasks named after it.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";
import { endSa, fail, isCurrent } from "@/ike/records/ike_sa.ts";
import { findNotify } from "@/ike/records/notify.ts";
import {
  type GatewayIdentity,
  REDIRECT_PERIOD_MS,
  type RedirectPlan,
  REDIRECTS_MAX,
} from "@/ike/records/redirect.ts";
import { gatewayAt, gatewayIn, showGateway } from "@/ike/negotiate/gateway_identity.ts";
import { patienceMs } from "@/ike/window/patience.ts";
import type { Payload } from "@/wire/message.ts";

/** The gateway that a REDIRECT among payloads names, with the nonce behind it; undefined: there is none. */
export function redirectIn(payloads: readonly Payload[]): ReturnType<typeof gatewayIn> {
  const found = findNotify(payloads, NotifyType.REDIRECT);
  return found && gatewayIn(found.data);
}

/** Initiator: leaves its gateway for the one it is sent to, or fails where that goes on for ever. */
export function followRedirect(turn: Turn, to: GatewayIdentity): void {
  const { sa, nowMs, out } = turn;
  const { env, peer } = sa;
  const times = peer.trail?.timesMs ?? [];
  const recent = times.filter((ms) => ms > nowMs - REDIRECT_PERIOD_MS);
  const from = gatewayAt(sa.path.peerAddress);
  if (recent.length >= REDIRECTS_MAX && !env.broken.has("follow_redirects_for_ever")) {
    return leave(turn, {
      cause: "REDIRECT_LOOP",
      closeCode: CloseCode.REFUSED_HERE,
      text: `${showGateway(from)} redirects to ${showGateway(to)}, the redirection number ` +
        `${recent.length + 1} within ${showDuration(REDIRECT_PERIOD_MS)}: ${REDIRECTS_MAX} are ` +
        "followed, as gateways that send a client in a circle never end (RFC 5685 §5.2)",
    });
  }
  out.push({ kind: "redirected", to, trail: { from, timesMs: [...recent, nowMs] } }, sa);
  leave(turn, undefined);
}

/** An IKE SA that both ends believe in is deleted, any other is forgotten. */
function leave(turn: Turn, failure: Failure | undefined): void {
  const { sa } = turn;
  const closeCode = failure?.closeCode ?? CloseCode.REDIRECTED;
  if (sa.phase !== "established") return failure ? fail(turn, failure) : endSa(turn, closeCode);
  sa.failure = failure;
  sa.closeAsked = closeCode;
  sa.queue.length = 0;
  sa.queue.push({ kind: "delete_ike", closeCode });
}

/** Responder: where a peer is sent at a moment; undefined: it stays, or cannot be sent. */
export function redirectionAt(sa: IkeSa, at: RedirectPlan["at"]): GatewayIdentity | undefined {
  const sends = sa.config.redirect?.sends;
  if (sends?.at !== at || !sa.peer.redirectable) return undefined;
  return sends.to[sa.index % sends.to.length];
}

/** Responder: the time begins after which an established IKE SA's peer is sent away. */
export function startRedirectTimer({ sa, nowMs }: Turn): void {
  const sends = sa.config.redirect?.sends;
  if (redirectionAt(sa, "established")) sa.peer.redirectMs = nowMs + sends!.afterMs;
}

/**
 * Responder: the peer was told, and has to delete the IKE SA; as long as a request is repeated is enough
 * for that (RFC 5685 §5).
 */
export function awaitDelete({ sa, nowMs }: Turn): void {
  sa.peer.redirectMs = Infinity;
  sa.peer.redirectEndMs = nowMs + patienceMs(sa.config);
}

/** When a gateway sends its peer away; Infinity: never. */
export function redirectDueMs(sa: IkeSa): number {
  return isCurrent(sa) && !sa.closeAsked ? sa.peer.redirectMs : Infinity;
}

/** When a gateway ends an IKE SA whose peer was sent away and has not deleted it. */
export function redirectEndDueMs(sa: IkeSa): number {
  if (!isCurrent(sa) || sa.closeAsked || sa.env.broken.has("keep_redirected")) return Infinity;
  return sa.peer.redirectEndMs;
}
