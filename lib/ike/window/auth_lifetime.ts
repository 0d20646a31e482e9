/**
 * The time for which an authentication is accepted (RFC 4478): a responder announces it, and ends the IKE SA
 * when it is over; the initiator authenticates again in time, by a new IKE SA. Neither a rekey nor a resumption
 * prolongs it (RFC 5723 §6.2).
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import { isCurrent } from "@/ike/records/ike_sa.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import { lifetimeOf } from "@/ike/window/lifetime.ts";
import { patienceMs } from "@/ike/window/patience.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** Responder: the notify AUTH_LIFETIME with the time that is left; none if no time is configured. */
export function authLifetime({ sa, nowMs }: Turn): NotifyPayload[] {
  const { authEndMs } = sa.peer;
  if (authEndMs === Infinity) return [];
  const data = new Uint8Array(4);
  const seconds = Math.max(1, Math.round((authEndMs - nowMs) / 1_000));
  new DataView(data.buffer).setUint32(0, seconds);
  return [notify(NotifyType.AUTH_LIFETIME, data)];
}

/** Responder: starts the time, or goes on with that of the IKE SA that is resumed. */
export function startAuthLifetime({ sa, nowMs }: Turn): void {
  const { peer, env } = sa;
  if (env.broken.has("authenticate_by_ticket")) peer.authenticatedMs = undefined;
  peer.authenticatedMs ??= nowMs;
  peer.authEndMs = authEndOf(sa, peer.authenticatedMs);
}

/** When an authentication at `authenticatedMs` is accepted no more, on the same clock; Infinity: always. */
export function authEndOf({ config: { reauth } }: IkeSa, authenticatedMs: number): number {
  return reauth && reauth.lifetimeMs > 0 ? authenticatedMs + reauth.lifetimeMs : Infinity;
}

/**
 * Initiator: records the time for which the peer accepts our authentication, which it says in IKE_AUTH or
 * later.
 */
export function takeAuthLifetime({ sa, nowMs, out }: Turn, payloads: readonly Payload[]): void {
  const { data } = findNotify(payloads, NotifyType.AUTH_LIFETIME) ?? {};
  if (!data || !sa.dialled) return;
  const lifetimeMs = new DataView(data.buffer, data.byteOffset).getUint32(0) * 1_000;
  const within = showDuration(lifetimeMs);
  if (!sa.config.reauth) {
    const text =
      `The peer wants us to authenticate again within ${within}: reauth is false, so that ` +
      "this is not done";
    return out.push({ kind: "note", level: 3, text }, sa);
  }
  // 0 says "at once": there is no margin to draw then.
  sa.peer.reauthMs = lifetimeMs === 0 ? nowMs : lifetimeOf(sa, lifetimeMs, nowMs).rekeyMs;
  const text = `The peer wants us to authenticate again within ${within}`;
  out.push({ kind: "note", level: 4, text }, sa);
}

/** When the client authenticates again; Infinity: never. */
export function reauthDueMs(sa: IkeSa): number {
  return sa.dialled && isCurrent(sa) && !sa.closeAsked ? sa.peer.reauthMs : Infinity;
}

/**
 * When the gateway ends an IKE SA whose peer has not authenticated again. As a peer may do so at the last moment,
 * as much is added to its time as the repetition of a request takes.
 */
export function authEndDueMs(sa: IkeSa): number {
  if (sa.dialled || !isCurrent(sa) || sa.env.broken.has("outlive_authentication")) return Infinity;
  return sa.peer.authEndMs + patienceMs(sa.config);
}
