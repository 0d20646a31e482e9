/**
 * INTERMEDIATE_EXCHANGE_SUPPORTED in IKE_SA_INIT: whether both ends support IKE_INTERMEDIATE (RFC
 * 9242 §3.1). The responder sends it if such exchanges will take place.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { notify } from "@/ike/records/notify.ts";

/** See {@linkcode Extension}. */
export const intermediateSupported: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says({ sa }, { response }) {
    const says = response ? sa.setup!.intermediate !== undefined : saysIntermediate(sa.config);
    return says ? [notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)] : [];
  },
};

/** Whether an initiator has a use for IKE_INTERMEDIATE. */
export function saysIntermediate(
  { algorithms: { additional = [] }, ppk, announcesAuth }: IkeConfig,
): boolean {
  const wanted = additional.some((methods) => methods.length > 0);
  return wanted || ppk?.intermediate === true || announcesAuth === true;
}
