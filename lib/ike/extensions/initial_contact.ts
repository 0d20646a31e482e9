/**
 * INITIAL_CONTACT in an IKE_AUTH request: this is the only IKE SA between the two identities
 * (RFC 7296 §2.4).
 * @module
 */
import { AuthMethod } from "@/iana/auth_method.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";

/** See {@linkcode Extension}. */
export const initialContact: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says({ sa }, { response }) {
    // A ticket names the IKE SA in whose place the new one is (RFC 5723 §4.3.2).
    const { initialContact, resumed } = sa.setup!;
    const isKnown = sa.config.auth.own.kind !== "null_auth";
    return !response && initialContact && isKnown && !resumed
      ? [notify(NotifyType.INITIAL_CONTACT)]
      : [];
  },

  hears({ sa, out }, { header, payloads }) {
    if (header.response || !findNotify(payloads, NotifyType.INITIAL_CONTACT)) return;
    // RFC 7619 §2.3: a peer that is not authenticated must not end the SAs of others.
    if (sa.peer.auth === AuthMethod.NULL_AUTHENTICATION) return;
    out.push({ kind: "initial_contact" }, sa);
  },
};
