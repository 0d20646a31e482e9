/**
 * The octets that AUTH proves by any method (RFC 7296 §2.15): the signer's IKE_SA_INIT message,
 * the nonce of the other end and the signer's identity, followed by a value over the
 * IKE_INTERMEDIATE exchanges (RFC 9242 §3.3.2).
 * @module
 */
import { concat } from "@/base/bytes.ts";
import type { Prf } from "@/crypto/backend.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { AuthEnd } from "@/ike/records/auth_rounds.ts";
import { identityBody, ikeKeys } from "@/ike/negotiate/keymat.ts";

/** The parts of the signed octets of one end. */
export interface SignedParts {
  /** The signer's IKE_SA_INIT message, as it was on the wire: RealMessage1 or RealMessage2. */
  readonly message: Uint8Array;
  /**
   * The other end's IKE_SA_INIT message, if AUTH covers both (draft-ietf-ipsecme-ikev2-downgrade-
   * prevention); absent: it does not.
   */
  readonly otherMessage?: Uint8Array | undefined;
  /** The data of the other end's nonce. */
  readonly nonce: Uint8Array;
  /** SK_pi of an initiator, SK_pr of a responder. */
  readonly skP: Uint8Array;
  /** The signer's ID payload without its generic header: RestOfIDPayload. */
  readonly idBody: Uint8Array;
  /** IntAuth of RFC 9242 §3.3.2; absent where no IKE_INTERMEDIATE exchange took place. */
  readonly intAuth?: Uint8Array | undefined;
}

/** No message of IKE begins with an SPI of 0, so that octets with this prefix are those of no other AUTH. */
const ZERO_PREFIX = new Uint8Array(8);

/** [zeros ‖ otherMessage ‖] message ‖ nonce ‖ prf(SK_p, RestOfIDPayload) ‖ IntAuth (RFC 7296 §2.15, RFC 9242 §3.3.2). */
export function signedOctets(prf: Prf, parts: SignedParts): Uint8Array {
  const { message, otherMessage, nonce, skP, idBody, intAuth } = parts;
  const before = otherMessage ? [ZERO_PREFIX, otherMessage] : [];
  const octets = [...before, message, nonce, prf.compute(skP, idBody)];
  return intAuth ? concat(...octets, intAuth) : concat(...octets);
}

/**
 * SK_pi if an end is the initiator, otherwise SK_pr; without the PPK if AUTH is computed without
 * it.
 */
export function skPOf(sa: IkeSa, end: AuthEnd): Uint8Array {
  const ppk = sa.setup!.ppk;
  const { pi, pr } = ikeKeys(sa.suite!, ppk?.isPlain ? ppk.plainKeys! : sa.keys!);
  return isInitiator(sa, end) ? pi : pr;
}

function isInitiator({ originalInitiator }: IkeSa, end: AuthEnd): boolean {
  return (end === "own") === originalInitiator;
}

/** The octets that the AUTH of one end covers; both identities must be known. */
export function signedOctetsOf(sa: IkeSa, end: AuthEnd): Uint8Array {
  const setup = sa.setup!;
  const byInitiator = isInitiator(sa, end);
  const hasFault = end === "own" && sa.env.broken.has("sign_own_nonce");
  const { initRequest, initResponse } = setup;
  const isAlone = end === "own" && byInitiator && sa.env.broken.has("sign_own_message_alone");
  const both = setup.fullTranscript && !isAlone;
  return signedOctets(sa.suite!.prf, {
    message: byInitiator ? initRequest! : initResponse!,
    otherMessage: both ? byInitiator ? initResponse! : initRequest! : undefined,
    nonce: byInitiator && !hasFault ? setup.nonceR! : setup.nonceI!,
    skP: skPOf(sa, end),
    idBody: identityBody(end === "own" ? sa.peer.ownId! : sa.peer.id!),
    intAuth: setup.intAuth,
  });
}
