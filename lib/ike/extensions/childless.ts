/**
 * CHILDLESS_IKEV2_SUPPORTED in an IKE_SA_INIT response: the responder takes an IKE_AUTH request that asks
 * for no CHILD_SA (RFC 6023 §3). The first one follows in a CREATE_CHILD_SA of its own.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { type Failure, refusedHere } from "@/ike/records/failure.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";

const { CHILDLESS_IKEV2_SUPPORTED } = NotifyType;

/** See {@linkcode Extension}. */
export const childless: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,
  inResumption: true,

  says: ({ sa }, { response }) =>
    response && sa.config.childless ? [notify(CHILDLESS_IKEV2_SUPPORTED)] : [],

  hears({ sa }, { header, payloads }) {
    if (!header.response) return;
    sa.setup!.childless = findNotify(payloads, CHILDLESS_IKEV2_SUPPORTED) !== undefined;
  },
};

/** Initiator: whether IKE_AUTH asks for no CHILD_SA. */
export function beginsChildless({ config, setup, env }: IkeSa): boolean {
  if (!config.childless) return false;
  return setup!.childless || env.broken.has("childless_unasked");
}

/** Initiator: why there can be no IKE_AUTH with this responder; undefined: there can. */
export function childlessRefused({ config, setup }: IkeSa): Failure | undefined {
  if (config.childless !== "force" || setup!.childless) return undefined;
  return refusedHere(
    "Peer did not say CHILDLESS_IKEV2_SUPPORTED, and childless: force allows no CHILD_SA in IKE_AUTH",
  );
}
