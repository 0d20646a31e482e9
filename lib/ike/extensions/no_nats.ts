/**
 * NO_NATS_ALLOWED in an IKE_AUTH request: its sender forbids NATs on the path (RFC 4555 §3.9).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { checkNoNats, noNatsAllowed } from "@/ike/path/nat.ts";
import type { Extension } from "@/ike/records/extension.ts";

/** See {@linkcode Extension}. */
export const noNats: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says({ sa }, { response }) {
    return response ? [] : noNatsAllowed(sa);
  },

  hears(_turn, { header, payloads, path }) {
    if (!header.response) checkNoNats(payloads, path);
  },
};
