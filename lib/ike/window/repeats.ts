/**
 * Recognizes repeated requests (RFC 7296 §2.1), so that the last response is sent again. A repeat is
 * recognized by its octets from the IKE header on, and not by its SPIs and Message ID: anybody can put those
 * into a header, and would get a whole response for it.
 * @module
 */
import { hashKey } from "@/base/bytes.ts";
import { stateCopy } from "@/base/octets.ts";
import type { IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { Received } from "@/ike/records/received.ts";
import type { AnsweredRequest } from "@/ike/records/window.ts";
import { isInClear } from "@/wire/exchange_rules.ts";
import type { IkeHeader } from "@/wire/message.ts";

/** The most repeats of one response within a second; an honest peer waits longer. */
export const REPEATS_MAX = 10;
/** The Response flag in the flags octet (RFC 7296 §3.1). */
const RESPONSE_FLAG = 0x20;

/** The reason why a request is dropped that has the Message ID of another one. */
export const OTHER_OCTETS = "a request in other octets than the one that was answered";

/** The first 16 octets of SHA-256 over a datagram from its IKE header on, as one character for each octet. */
export function messageHash({ crypto }: IkeEnv, octets: Uint8Array): string {
  return hashKey(crypto.sha256(octets));
}

/**
 * The record of a request that was just answered. Its response may have to be repeated for as long as the SA
 * lives, except one in clear, which the next exchange replaces.
 */
export function answeredRequest(
  { hash, fragments, header }: Pick<Received, "hash" | "fragments" | "header">,
  datagrams: readonly Uint8Array[],
): AnsweredRequest {
  const response = isInClear(header.exchange) ? datagrams : datagrams.map(stateCopy);
  return { hash, fragments, response, sinceMs: -Infinity, repeats: 0 };
}

/** Whether a message has the Message ID of the peer's last answered request. */
export function isAnswered(sa: IkeSa, header: Pick<IkeHeader, "response" | "messageId">): boolean {
  return !header.response && header.messageId === sa.window.nextPeerId - 1 &&
    sa.window.answered !== undefined;
}

/** Whether a datagram equals the peer's last request, or the first fragment of it. */
export function isRepeat(sa: IkeSa, octets: Uint8Array): boolean {
  const response = (octets[19]! & RESPONSE_FLAG) !== 0;
  const messageId = (octets[20]! << 24 | octets[21]! << 16 | octets[22]! << 8 | octets[23]!) >>> 0;
  if (!isAnswered(sa, { response, messageId })) return false;
  return sa.env.broken.has("answer_any_repeat") ||
    sa.window.answered!.hash === messageHash(sa.env, octets);
}

/** Counts a repeat of the last response; false: there were too many within this second. */
export function countRepeat(answered: AnsweredRequest, nowMs: number): boolean {
  if (nowMs >= answered.sinceMs + 1_000) {
    answered.sinceMs = nowMs;
    answered.repeats = 0;
  }
  return ++answered.repeats <= REPEATS_MAX;
}
