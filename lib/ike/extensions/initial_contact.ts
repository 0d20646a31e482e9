/**
 * INITIAL_CONTACT in an IKE_AUTH request: this is the only IKE SA between the two identities
 * (RFC 7296 §2.4).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";

/** See {@linkcode Extension}. */
export const initialContact: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says({ sa }, { response }) {
    return !response && sa.setup!.initialContact ? [notify(NotifyType.INITIAL_CONTACT)] : [];
  },

  hears({ sa, out }, { header, payloads }) {
    if (header.response || !findNotify(payloads, NotifyType.INITIAL_CONTACT)) return;
    out.push({ kind: "initial_contact" }, sa);
  },
};
