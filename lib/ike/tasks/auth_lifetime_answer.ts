/**
 * Takes AUTH_LIFETIME from an INFORMATIONAL request of the responder (RFC 4478 §3), by which it changes the
 * time for which it accepts the authentication. The new time counts from now on.
 * @module
 */
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { InformationalPart } from "@/ike/records/task.ts";
import { takeAuthLifetime } from "@/ike/window/auth_lifetime.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** Takes the AUTH_LIFETIME notify of a peer's request. */
export const peerLimitsAuthentication: InformationalPart<NotifyPayload> = {
  concerns: (payload): payload is NotifyPayload =>
    payload.type === PayloadType.NOTIFY && payload.notify === NotifyType.AUTH_LIFETIME,

  answer(turn, payloads) {
    takeAuthLifetime(turn, payloads);
    return { payloads: [] };
  },
};
