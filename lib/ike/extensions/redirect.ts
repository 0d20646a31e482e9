/**
 * REDIRECT_SUPPORTED and REDIRECTED_FROM in an IKE_SA_INIT request, REDIRECT in the responses of
 * IKE_SA_INIT and IKE_AUTH (RFC 5685 §3, §4, §6). A client that was redirected names the gateway that has
 * redirected it by REDIRECTED_FROM, which also means that it supports redirection.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import { gatewayData, gatewayIn, showGateway } from "@/ike/negotiate/gateway_identity.ts";
import { startRedirectTimer } from "@/ike/path/redirect.ts";

const { REDIRECT_SUPPORTED, REDIRECTED_FROM } = NotifyType;

/** See {@linkcode Extension}. */
export const redirectSupported: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,
  inResumption: true,

  says({ sa }, { response }) {
    if (response || !sa.config.redirect?.follows) return [];
    const { trail } = sa.peer;
    if (!trail || sa.env.broken.has("hide_redirected_from")) return [notify(REDIRECT_SUPPORTED)];
    return [notify(REDIRECTED_FROM, gatewayData(trail.from))];
  },

  hears({ sa, out }, { header, payloads }) {
    if (header.response) return;
    const from = findNotify(payloads, REDIRECTED_FROM);
    const says = from ?? findNotify(payloads, REDIRECT_SUPPORTED);
    sa.peer.redirectable = says !== undefined;
    if (!from) return;
    const gateway = gatewayIn(from.data)?.gateway;
    const text = gateway
      ? `The peer was redirected here by ${showGateway(gateway)}`
      : "The peer was redirected here, and names its gateway in no known form";
    out.push({ kind: "note", level: 4, text }, sa);
  },
};

/** Starts the timer by which a gateway redirects the client of an established IKE SA later. */
export const redirectLater: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  hears(turn, { header }) {
    if (!header.response) startRedirectTimer(turn);
  },
};
