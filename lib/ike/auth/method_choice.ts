/**
 * Chooses the method of each end if several are configured for it. This end authenticates by the first of
 * its methods that the peer announces (RFC 9593 §3.1). The method of the peer is seen from its AUTH payload.
 * @module
 */
import { AuthMethod } from "@/iana/auth_method.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { announcedTo, hearAnnouncement, showAnnounced } from "@/ike/auth/announced.ts";
import type { AuthRefusal } from "@/ike/auth/authenticator.ts";
import { chosenCredential } from "@/ike/auth/certificate_choice.ts";
import { methodOf } from "@/ike/auth/methods.ts";
import { authConfigOf } from "@/ike/auth/resumed.ts";
import { schemeOf } from "@/ike/auth/own_scheme.ts";
import { acceptedMethods } from "@/ike/auth/verifying.ts";
import { newSide } from "@/ike/records/auth_rounds.ts";
import type { OwnAuthConfig, PeerAuthConfig, SigningAuth } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** The cause of a failure if the peer accepts none of the methods of this end. */
export const NO_COMMON_AUTH_METHOD = "NO_COMMON_AUTH_METHOD";

/**
 * Selects the first method of this end that the peer has announced, if it has announced any. Returns the
 * reason why this end cannot authenticate, or undefined.
 */
export function chooseOwn(turn: Turn): AuthRefusal | undefined {
  const { sa } = turn;
  const { own, ownOthers = [] } = authConfigOf(sa);
  const announced = announcedTo(sa);
  const rounds = sa.setup!.auth!;
  if (!announced || rounds.own.config !== own) return undefined;
  const reasons: string[] = [];
  for (const config of [own, ...ownOthers]) {
    const why = whyNot(sa, config);
    if (why === undefined) return take(turn, config);
    reasons.push(why);
  }
  const why = reasons.length === 1
    ? reasons[0]!
    : `the peer takes ${showAnnounced(announced)} (SUPPORTED_AUTH_METHODS), and we have ` +
      [own, ...ownOthers].map((config) => methodOf(config).nameOf(config)).join(", ");
  return { kind: "refuses", why, cause: NO_COMMON_AUTH_METHOD };
}

function take({ sa, out }: Turn, config: OwnAuthConfig): undefined {
  const { own } = authConfigOf(sa);
  if (config === own) return;
  sa.setup!.auth!.own = newSide(config);
  const [name, first] = [config, own].map((one) => methodOf(one).nameOf(one));
  const text = `This end authenticates by ${name}, as the peer does not take ${first} (RFC 9593)`;
  out.push({ kind: "note", level: 4, text }, sa);
}

/**
 * The reason why the peer does not accept a method; undefined if it accepts the method, or if the method has
 * no number that it could announce, as EAP.
 */
function whyNot(sa: IkeSa, config: OwnAuthConfig): string | undefined {
  const announced = announcedTo(sa)!;
  const number = numberOf(config);
  if (number === undefined) return undefined;
  if (!announced.some(({ method }) => method === number)) {
    return `the peer takes ${showAnnounced(announced)} (SUPPORTED_AUTH_METHODS), and we have ` +
      methodOf(config).nameOf(config);
  }
  return config.kind === "signature" ? whyNotSigned(sa, config) : undefined;
}

/**
 * The reason why the peer does not accept a signature of this end. A certificate that has to be issued first
 * is checked later, when it exists.
 */
function whyNotSigned(sa: IkeSa, config: SigningAuth): string | undefined {
  const { issuing, rawKeys } = config;
  if (issuing) return undefined;
  const raw = rawKeys && (rawKeys[sa.index] ?? rawKeys.at(-1)!).privateKey;
  const credential = raw ? undefined : chosenCredential(sa, config);
  const { kind } = raw ?? credential!.privateKey;
  const scheme = schemeOf(sa, config, { kind, certificate: credential?.certificate });
  return typeof scheme === "string" ? scheme : undefined;
}

/** The IANA Authentication Method of the AUTH payload; undefined for EAP, which begins without AUTH. */
function numberOf(config: OwnAuthConfig): number | undefined {
  switch (config.kind) {
    case "psk":
      return AuthMethod.SHARED_KEY_MIC;
    case "null_auth":
      return AuthMethod.NULL_AUTHENTICATION;
    case "signature":
      return config.method;
    default:
      return undefined;
  }
}

/**
 * Takes the first IKE_AUTH message of the peer: keeps the methods that it announces, and selects the method
 * of its AUTH payload among those that the peer may use. If the payload is of none of them, the first method
 * remains selected, and reports the fault.
 */
export function choosePeer(turn: Turn, payloads: readonly Payload[]): void {
  const { sa } = turn;
  if (!sa.originalInitiator) hearAnnouncement(turn, payloads);
  const { peer, peerOthers = [] } = authConfigOf(sa);
  const auth = findPayload(payloads, PayloadType.AUTH);
  if (!auth || peerOthers.length === 0) return;
  const chosen = [peer, ...peerOthers].find((one) => numbersOf(sa, one).includes(auth.method));
  if (chosen && chosen !== peer) sa.setup!.auth!.peer = newSide(chosen);
}

/** The methods of AUTH payloads that a configuration accepts from the peer. */
function numbersOf(sa: IkeSa, config: PeerAuthConfig): readonly number[] {
  switch (config.kind) {
    case "psk":
      return [AuthMethod.SHARED_KEY_MIC];
    case "null_auth":
      return [AuthMethod.NULL_AUTHENTICATION];
    case "signature":
      return acceptedMethods(sa, config);
    default:
      return [];
  }
}
