/**
 * MULTIPLE_AUTH_SUPPORTED (RFC 4739 §3.1): an end may authenticate several times, by different methods and with
 * different identities. A responder sends the notify in IKE_SA_INIT, and an initiator in its first IKE_AUTH
 * request. This implementation sends it only if a second authentication is configured.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";

const { MULTIPLE_AUTH_SUPPORTED } = NotifyType;

/** The responder's part, in its IKE_SA_INIT response. */
export const multipleAuthAnnounced: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says: ({ sa }, { response }) =>
    response && isTwice(sa.config) ? [notify(MULTIPLE_AUTH_SUPPORTED)] : [],

  hears({ sa }, { payloads }) {
    sa.setup!.multipleAuth = findNotify(payloads, MULTIPLE_AUTH_SUPPORTED) !== undefined;
  },
};

/** The initiator's part, in its first IKE_AUTH request. */
export const multipleAuthTaken: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says: ({ sa }, { response }) =>
    !response && sa.setup!.multipleAuth && isTwice(sa.config)
      ? [notify(MULTIPLE_AUTH_SUPPORTED)]
      : [],
};

function isTwice({ auth }: IkeConfig): boolean {
  return auth.own2 !== undefined || auth.peer2 !== undefined;
}
