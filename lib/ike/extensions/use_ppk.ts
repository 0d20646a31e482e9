/**
 * USE_PPK in IKE_SA_INIT: whether both ends have a post-quantum pre-shared key (RFC 8784 §3). Which one it
 * is, IKE_AUTH says.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";

/** See {@linkcode Extension}. */
export const usePpk: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says({ sa }, { response }) {
    const says = response ? sa.setup!.ppk !== undefined : sa.config.ppk !== undefined;
    return says ? [notify(NotifyType.USE_PPK)] : [];
  },

  hears({ sa }, { payloads }) {
    const both = sa.config.ppk && findNotify(payloads, NotifyType.USE_PPK);
    sa.setup!.ppk = both ? { plainKeys: undefined, isPlain: false, isMixed: false } : undefined;
  },
};
