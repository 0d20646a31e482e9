/**
 * What both ends of an IKE_INTERMEDIATE exchange do (RFC 9242): whether such exchanges take place, the
 * keys that an additional key exchange gives (RFC 9370 §2.2.2), and what AUTH will prove of them.
 * @module
 */
import { must } from "@/base/errors.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { Intermediate } from "@/ike/records/setup_state.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { Choice } from "@/ike/records/choice.ts";
import { intAuthOf, nextIntAuth } from "@/ike/auth/int_auth.ts";
import { ikeKeys, nextIkeKeys } from "@/ike/negotiate/keymat.ts";
import { additionalMethods } from "@/ike/negotiate/proposal.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { Payload } from "@/wire/message.ts";

/** Whether the peer said in IKE_SA_INIT that it knows the exchange. */
export function knowsIntermediate(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) !== undefined;
}

/** The exchanges that a proposal asks for; undefined: none. */
export function intermediateOf(choice: Choice): Intermediate | undefined {
  const methods = additionalMethods(choice);
  if (methods.length === 0) return undefined;
  return { methods, done: 0, linkI: undefined, linkR: undefined };
}

/** The method (Transform Type 4 number) of the next exchange; undefined: all are done. */
export function nextMethod({ setup }: IkeSa): number | undefined {
  const { methods, done } = setup?.intermediate ?? { methods: [], done: 0 };
  return methods[done];
}

/** Chains a message of one end to what AUTH will prove; `clear` as `clearForm()` gives it. */
export function linkMessage(sa: IkeSa, byInitiator: boolean, clear: Uint8Array): void {
  const intermediate = sa.setup!.intermediate!, suite = sa.suite!;
  const { pi, pr } = ikeKeys(suite, sa.keys!);
  if (byInitiator) {
    intermediate.linkI = nextIntAuth(suite.prf, pi, { clear, before: intermediate.linkI });
  } else {
    intermediate.linkR = nextIntAuth(suite.prf, pr, { clear, before: intermediate.linkR });
  }
}

/**
 * One additional key exchange is done: the SA goes on under new keys. After the last one,
 * `authMessageId` is the Message ID of the IKE_AUTH request that follows.
 */
export function advance(
  { sa, out }: Turn,
  shared: Uint8Array,
  authMessageId: number,
): void {
  const setup = sa.setup!, { intermediate } = setup, suite = sa.suite!;
  const { nonceI, nonceR } = setup, { spiI, spiR } = sa;
  must(intermediate !== undefined, "an exchange that was negotiated");
  const { d } = ikeKeys(suite, sa.keys!);
  sa.keys = nextIkeKeys(suite, d, { nonceI: nonceI!, nonceR: nonceR!, spiI, spiR, shared });
  const forgotten = sa.originalInitiator && sa.env.broken.has("forget_int_auth");
  if (++intermediate.done === intermediate.methods.length && !forgotten) {
    setup.intAuth = intAuthOf(intermediate.linkI!, intermediate.linkR!, authMessageId);
  }
  out.push({ kind: "keyed" }, sa);
}
