/**
 * CERTREQ in an IKE_SA_INIT response: a responder names the authorities that it trusts (RFC 7296
 * §1.2). The authenticator of an initiator adds CERTREQ to its first IKE_AUTH request.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { certificateRequests, wishesIn } from "@/ike/auth/certificate_payloads.ts";
import type { Extension } from "@/ike/records/extension.ts";

/** See {@linkcode Extension}. */
export const certificateRequested: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says({ sa }, { response }) {
    const { peer, peerOthers = [], peer2 } = sa.config.auth;
    const signs = [peer, ...peerOthers, peer2].find((auth) => auth?.kind === "signature");
    if (!response || signs?.kind !== "signature") return [];
    return certificateRequests(sa.env.crypto, signs);
  },

  hears({ sa }, { header, payloads }) {
    if (header.response) sa.setup!.certificateWishes = wishesIn(payloads);
  },
};
