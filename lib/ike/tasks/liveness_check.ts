/**
 * The liveness check: an empty INFORMATIONAL request asks whether the peer is there (RFC 7296 §2.4).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { LivenessTask } from "@/ike/records/sa.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import { sendRequest } from "@/ike/window/exchange.ts";

/** An empty request; silence ends the SA. */
export const livenessCheck: TaskKind<LivenessTask> = {
  exchange: ExchangeType.INFORMATIONAL,
  begin(turn) {
    turn.sa.lastLivenessMs = turn.nowMs;
    sendRequest(turn, ExchangeType.INFORMATIONAL, []);
  },
  finish() {},
};
