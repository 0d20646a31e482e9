/**
 * The part of the signed octets that covers the IKE_INTERMEDIATE exchanges (RFC 9242 §3.3.2): the
 * messages of each end are chained by the prf, and the final values of both chains are signed.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import type { Prf } from "@/crypto/backend.ts";

/**
 * The next link of an end's chain: IntAuth_n = prf(SK_p(n), IntAuth_(n-1) ‖ A ‖ P).
 * @param skP SK_pi or SK_pr of the keys that the message went under.
 * @param clear A ‖ P: the message as {@linkcode clearForm} of `wire/protected.ts` gives it.
 * @param before The link before this one; undefined for the first.
 */
export function nextIntAuth(
  prf: Prf,
  skP: Uint8Array,
  { clear, before }: { readonly clear: Uint8Array; readonly before: Uint8Array | undefined },
): Uint8Array {
  return prf.compute(skP, before ? concat(before, clear) : clear);
}

/**
 * IntAuth: the last links of the initiator's and of the responder's chain, and the Message ID of
 * the first IKE_AUTH request (uint32, big-endian), which tells how many exchanges there were.
 */
export function intAuthOf(
  linkI: Uint8Array,
  linkR: Uint8Array,
  messageId: number,
): Uint8Array {
  const id = Uint8Array.of(messageId >>> 24, messageId >>> 16, messageId >>> 8, messageId);
  return concat(linkI, linkR, id);
}
