/**
 * QUICK_CRASH_DETECTION in IKE_AUTH (RFC 6290 §4.2): an end sends its token, by which it can prove later,
 * after a restart, that it has lost the IKE SA. The peer keeps the token.
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
