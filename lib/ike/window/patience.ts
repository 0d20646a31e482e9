/**
 * How long a response is awaited in TCP, where the system repeats what is lost (RFC 9329 §6.2).
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { OutstandingRequest } from "@/ike/records/window.ts";

/**
 * How long a response is awaited, in milliseconds: as long as all transmissions of a request would take in
 * UDP.
 */
export function patienceMs(config: IkeConfig): number {
  const { retransmitIntervalMs, retransmitBackoff, transmissionsMax } = config;
  let sum = 0;
  for (let i = 0; i < transmissionsMax; i++) sum += retransmitIntervalMs * retransmitBackoff ** i;
  return sum;
}

/**
 * When a request needs attention next: in TCP when its time is over, as the system repeats what is lost (RFC
 * 9329 §6.2), or when a new connection is to be made.
 */
export function requestDueMs(sa: IkeSa, firstSentMs: number, nowMs: number): number {
  const endMs = firstSentMs + patienceMs(sa.config);
  if (!sa.connectionLost || !sa.dialled) return endMs;
  return Math.min(endMs, nowMs + pauseMs(sa));
}

/**
 * The pause before a new connection: none for the first try of an established tunnel, otherwise that of
 * retransmissions.
 */
function pauseMs({ config, connectionTries, phase }: IkeSa): number {
  const { retransmitIntervalMs, retransmitBackoff } = config;
  if (connectionTries === 0 && phase !== "init") return 0;
  return retransmitIntervalMs * retransmitBackoff ** connectionTries;
}

/** Whether the time of a request is over. */
export function isTimeOver(sa: IkeSa, { firstSentMs }: OutstandingRequest, nowMs: number): boolean {
  return nowMs >= firstSentMs + patienceMs(sa.config);
}
