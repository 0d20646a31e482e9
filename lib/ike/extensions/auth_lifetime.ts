/**
 * AUTH_LIFETIME in an IKE_AUTH response: the time within which the initiator must authenticate
 * again (RFC 4478 §3).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { authLifetime, startAuthLifetime, takeAuthLifetime } from "@/ike/window/auth_lifetime.ts";

/** See {@linkcode Extension}. */
export const authLifetimeGiven: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says(turn, { response }) {
    if (!response) return [];
    startAuthLifetime(turn);
    return authLifetime(turn);
  },

  hears(turn, { header, payloads }) {
    if (header.response) takeAuthLifetime(turn, payloads);
  },
};
