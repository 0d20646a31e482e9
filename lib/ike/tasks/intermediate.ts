/**
 * What both ends of an IKE_INTERMEDIATE exchange do (RFC 9242): whether such exchanges take place, the
 * keys that an additional key exchange gives (RFC 9370 §2.2.2), and what AUTH will prove of them.
 * @module
 */
import { must } from "@/base/errors.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { type Intermediate, newIntermediate } from "@/ike/records/setup_state.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { Choice } from "@/ike/records/choice.ts";
import { intAuthOf, nextIntAuth } from "@/ike/auth/int_auth.ts";
import { mixIntermediatePpk } from "@/ike/auth/intermediate_ppk.ts";
import { ikeKeys, nextIkeKeys } from "@/ike/negotiate/keymat.ts";
import { additionalMethods } from "@/ike/negotiate/proposal.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { Payload } from "@/wire/message.ts";

/** Whether the payloads of IKE_SA_INIT say that their sender supports IKE_INTERMEDIATE. */
export function knowsIntermediate(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) !== undefined;
}

/** The exchanges that a proposal asks for; undefined: none. */
export function intermediateOf(choice: Choice): Intermediate | undefined {
  const methods = additionalMethods(choice);
  return methods.length === 0 ? undefined : newIntermediate(methods);
}

/**
 * The method (Transform Type 4 number) of the next exchange; 0: it has no key exchange, and only mixes in a
 * PPK or announces methods of authentication; undefined: all exchanges are complete.
 */
export function nextMethod({ setup }: IkeSa): number | undefined {
  if (!setup?.intermediate) return undefined;
  const { methods, ppk, announces, done } = setup.intermediate;
  const isOneMore = (ppk || announces) && methods.length === 0 && done === 0;
  return methods[done] ?? (isOneMore ? 0 : undefined);
}

/** Whether the present exchange is the last one, and the responder's announcement is in its response. */
export function announcesNow({ setup }: IkeSa): boolean {
  const { methods, announces, done } = setup!.intermediate!;
  return announces && done >= methods.length - 1;
}

/** Adds a message of one end to what AUTH covers; `clear` as `clearForm()` returns it. */
export function linkMessage(sa: IkeSa, byInitiator: boolean, clear: Uint8Array): void {
  const intermediate = sa.setup!.intermediate!;
  const suite = sa.suite!;
  const { pi, pr } = ikeKeys(suite, sa.keys!);
  if (byInitiator) {
    intermediate.linkI = nextIntAuth(suite.prf, pi, { clear, before: intermediate.linkI });
  } else {
    intermediate.linkR = nextIntAuth(suite.prf, pr, { clear, before: intermediate.linkR });
  }
}

/**
 * Completes one exchange: changes to new keys, which are derived from `shared`, the secret of its key
 * exchange if it has one, and from the PPK if one was agreed in it. After the last exchange, `authMessageId`
 * is the Message ID of the IKE_AUTH request that follows.
 */
export function advance(
  { sa, out }: Turn,
  shared: Uint8Array | undefined,
  authMessageId: number,
): void {
  const setup = sa.setup!;
  const { intermediate } = setup;
  const suite = sa.suite!;
  const { nonceI, nonceR } = setup;
  const { spiI, spiR } = sa;
  must(intermediate !== undefined, "an exchange that was negotiated");
  const { d } = ikeKeys(suite, sa.keys!);
  if (shared) {
    sa.keys = nextIkeKeys(suite, d, { nonceI: nonceI!, nonceR: nonceR!, spiI, spiR, shared });
  }
  mixIntermediatePpk(sa);
  const forgotten = sa.originalInitiator && sa.env.broken.has("forget_int_auth");
  intermediate.done++;
  if (nextMethod(sa) === undefined && !forgotten) {
    setup.intAuth = intAuthOf(intermediate.linkI!, intermediate.linkR!, authMessageId);
  }
  out.push({ kind: "keyed" }, sa);
}
