/**
 * Recognizes repeated requests (RFC 7296 §2.1), so that the last response is sent again. A repeat is
 * recognized by its octets from the IKE header on, and not by its SPIs and Message ID: anybody can put those
 * into a header, and would get a whole response for it.
 * @module
 */
import { octetsKey } from "@/base/bytes.ts";
import type { IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { AnsweredRequest } from "@/ike/records/window.ts";
import type { IkeHeader } from "@/wire/message.ts";

/** The most repeats of one response within a second; an honest peer waits longer. */
export const REPEATS_MAX = 10;
/** Octets of a hash that are kept. */
const HASH_OCTETS = 16;
/** The Response flag in the flags octet (RFC 7296 §3.1). */
const RESPONSE_FLAG = 0x20;

/** The reason why a request is dropped that has the Message ID of another one. */
export const OTHER_OCTETS = "a request in other octets than the one that was answered";

/** The first 16 octets of SHA-256 over a datagram from its IKE header on, as one character for each octet. */
export function messageHash({ crypto }: IkeEnv, octets: Uint8Array): string {
  return octetsKey(crypto.sha256(octets).subarray(0, HASH_OCTETS));
}

/** The record of a request that was just answered. */
export function answeredRequest(
  { hash, fragments }: { readonly hash: string; readonly fragments: number },
  response: readonly Uint8Array[],
): AnsweredRequest {
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
