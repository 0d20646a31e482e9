/**
 * MOBIKE_SUPPORTED in IKE_AUTH, with the addresses of its sender beside that of the path (RFC 4555
 * §3.1, §3.4).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { additionalAddresses, agreeOnMobike, offersMobike } from "@/ike/path/mobike.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import type { Extension } from "@/ike/records/extension.ts";

/** See {@linkcode Extension}. */
export const mobike: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says({ sa }, { response }) {
    const says = response ? sa.peer.mobility !== undefined : offersMobike(sa);
    return says ? [notify(NotifyType.MOBIKE_SUPPORTED), ...additionalAddresses(sa, false)] : [];
  },

  hears(turn, { header, payloads, path }) {
    const { sa, out } = turn;
    if (!offersMobike(sa)) return;
    if (findNotify(payloads, NotifyType.MOBIKE_SUPPORTED)) {
      // An initiator keeps the path of its request, whatever the path of the response is.
      return agreeOnMobike(turn, payloads, header.response ? sa.path : path);
    }
    if (!header.response) return;
    const text = "The peer does not support MOBIKE: the tunnel stays at its addresses";
    out.push({ kind: "note", level: 3, text }, sa);
  },
};
