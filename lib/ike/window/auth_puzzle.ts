/**
 * The responder's check of the solution in an IKE_AUTH request, before the request is decrypted (RFC 8019
 * §7.2.4).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { authPuzzleText, solutionBits } from "@/ike/negotiate/puzzle.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { findPayload, type IkeHeader, payloadsOf } from "@/wire/message.ts";
import type { SkfPayload, SkPayload } from "@/wire/payloads/encrypted.ts";

/**
 * Why an IKE_AUTH request is dropped whose puzzle is not solved; undefined: it is not. Of a message in
 * fragments, the first one has the solution (RFC 7383 §2.5.3), so that others which come before it are dropped
 * undecrypted too; its sender sends them again.
 */
export function puzzleFault(
  sa: IkeSa,
  octets: Uint8Array,
  { header, inner }: { readonly header: IkeHeader; readonly inner: SkPayload | SkfPayload },
): string | undefined {
  const { setup, originalInitiator, env } = sa;
  const puzzle = setup?.puzzle;
  if (!puzzle || originalInitiator || header.exchange !== ExchangeType.IKE_AUTH) return undefined;
  if (env.broken.has("accept_any_solution")) return undefined;
  if (inner.type === PayloadType.SKF && inner.fragment > 1) {
    return "a fragment of an IKE_AUTH request before the one with the solution of its puzzle";
  }
  const solution = findPayload(payloadsOf(octets, header), PayloadType.PS)?.data;
  if (!solution) return "an IKE_AUTH request without the solution of its puzzle";
  const prf = env.crypto.prf(puzzle.prf)!;
  const bits = solutionBits(prf, authPuzzleText(setup.nonceR!, sa.spiR), solution);
  if (bits === undefined || bits < puzzle.difficulty) {
    return "an IKE_AUTH request with a wrong solution of its puzzle";
  }
  setup.puzzle = undefined;
  return undefined;
}
