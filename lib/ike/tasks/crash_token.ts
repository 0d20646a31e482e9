/**
 * QUICK_CRASH_DETECTION in INFORMATIONAL, at both ends (RFC 6290 §4.3, §4.4): an end sends the token of an IKE
 * SA that a rekey has made, as the token depends on the SPIs, and those are new.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { CrashTokenTask } from "@/ike/records/sa.ts";
import type { InformationalPart, TaskKind } from "@/ike/records/task.ts";
import { keepCrashToken, ownCrashToken } from "@/ike/window/crash_token.ts";
import { sendRequest } from "@/ike/window/exchange.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** This end sends its token. */
export const sendCrashToken: TaskKind<CrashTokenTask> = {
  exchange: ExchangeType.INFORMATIONAL,

  begin(turn) {
    sendRequest(turn, ExchangeType.INFORMATIONAL, ownCrashToken(turn.sa));
  },

  finish() {},
};

/** The peer sends its token, which this end keeps. */
export const peerSendsCrashToken: InformationalPart<NotifyPayload> = {
  concerns: (payload): payload is NotifyPayload =>
    payload.type === PayloadType.NOTIFY && payload.notify === NotifyType.QUICK_CRASH_DETECTION,

  answer(turn, payloads) {
    keepCrashToken(turn, payloads);
    return { payloads: [] };
  },
};
