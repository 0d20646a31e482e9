/**
 * QCD_TOKEN in IKE_AUTH (RFC 6290 §4.2): the token of an end that can tell by it that it has lost the IKE SA.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { Extension } from "@/ike/records/extension.ts";
import { keepCrashToken, ownCrashToken } from "@/ike/window/crash_token.ts";

/** See {@linkcode Extension}. */
export const crashDetection: Extension = {
  exchange: ExchangeType.IKE_AUTH,

  says: ({ sa }) => ownCrashToken(sa),

  hears: (turn, { payloads }) => keepCrashToken(turn, payloads),
};
