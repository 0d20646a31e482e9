/**
 * USE_PPK and USE_PPK_INT in IKE_SA_INIT: whether both ends have a post-quantum pre-shared key, and
 * whether IKE_AUTH (RFC 8784 §3) or IKE_INTERMEDIATE (RFC 9867 §3.1) mixes it in. An initiator may
 * send both, and a responder answers with one. The key is named in that exchange.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import { newIntermediate } from "@/ike/records/setup_state.ts";
import type { Payload } from "@/wire/message.ts";

/** See {@linkcode Extension}. */
export const usePpk: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says({ sa }, { response }) {
    const { ppk } = sa.config;
    const agreed = sa.setup!.ppk;
    const int = NotifyType.USE_PPK_INT;
    if (response) return agreed ? [notify(agreed.inIntermediate ? int : NotifyType.USE_PPK)] : [];
    if (!ppk) return [];
    return [...(ppk.intermediate ? [notify(int)] : []), notify(NotifyType.USE_PPK)];
  },

  hears({ sa }, { payloads }) {
    const { ppk } = sa.config;
    const setup = sa.setup!;
    setup.ppk = undefined;
    if (!ppk) return;
    const inIntermediate = ppk.intermediate && says(payloads, NotifyType.USE_PPK_INT) &&
      says(payloads, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED);
    if (!inIntermediate && !says(payloads, NotifyType.USE_PPK)) return;
    setup.ppk = { plainKeys: undefined, isPlain: false, isMixed: false, inIntermediate };
    if (!inIntermediate) return;
    setup.intermediate ??= newIntermediate([]);
    setup.intermediate.ppk = true;
  },
};

function says(payloads: readonly Payload[], type: number): boolean {
  return findNotify(payloads, type) !== undefined;
}
