/**
 * CP(CFG_REQUEST) in the IKE_AUTH request of a remote-access client (RFC 7296 §2.19). The task of
 * the CHILD_SA makes the answer, which narrows its selectors.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { configurationRequest } from "@/ike/negotiate/configuration.ts";

/** See {@linkcode Extension}. */
export const configuration: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says({ sa }, { response }) {
    const { remoteAccess, cfgAttributes = [] } = sa.config;
    const asks = !response && (remoteAccess || cfgAttributes.length > 0);
    return asks ? [configurationRequest(sa)] : [];
  },
};
